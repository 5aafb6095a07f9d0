"""A session's directory and environment, from one command to the next."""

import pytest
from governed import chain, run, run_approved
from sandbox import Sandbox

pytestmark = pytest.mark.system


def test_cd_holds_for_the_session_and_for_no_other(sandbox: Sandbox) -> None:
    sandbox.machine(["mkdir", "-p", "/srv/place/inner"])
    moved = run(sandbox, "cd /srv/place && ls", session="places")
    assert (moved.status, moved.stdout) == (0, "inner\n"), moved
    here = run(sandbox, "pwd", session="places")
    assert here.stdout == "/srv/place\n", here
    # As values of its own, that policy judged and the record shows.
    assert chain(sandbox, here.details["id"])[0]["AIOS_CWD"] == "/srv/place"
    assert run(sandbox, "pwd", session="others").stdout == "/home/ai\n"
    assert run(sandbox, "pwd").stdout == "/home/ai\n"
    assert run(sandbox, "cd inner && pwd", session="places").stdout == "/srv/place/inner\n"
    assert run(sandbox, "cd .. && cd - && pwd", session="places").stdout.endswith("/inner\n")
    assert run(sandbox, "cd -", session="places").stdout == "/srv/place\n"
    assert run(sandbox, "pwd", session="places").stdout == "/srv/place\n"
    assert run(sandbox, "pwd", session="places", cwd="/etc").stdout == "/etc\n"


def test_through_a_link_and_back(sandbox: Sandbox) -> None:
    sandbox.machine(["sh", "-c", "mkdir -p /srv/far/away && ln -sfn /srv/far/away /srv/link"])
    run(sandbox, "cd /srv/link", session="links")
    assert run(sandbox, "pwd; pwd -P", session="links").stdout == "/srv/link\n/srv/far/away\n"
    assert run(sandbox, "cd .. && pwd", session="links").stdout == "/srv\n"
    assert run(sandbox, "pwd", session="links").stdout == "/srv\n"


def test_where_nobody_can_say(sandbox: Sandbox) -> None:
    unsure = run(sandbox, "cd /srv; ls", session="unsure")
    assert "join them by &&" in unsure.details["session_unchanged"]
    failed = run(sandbox, "cd /nowhere", session="unsure")
    assert failed.status == 1
    assert "session_unchanged" not in failed.details
    assert run(sandbox, "pwd", session="unsure").stdout == "/home/ai\n"


def test_a_directory_that_is_gone(sandbox: Sandbox) -> None:
    sandbox.machine(["mkdir", "-p", "/srv/soon-gone"])
    run(sandbox, "cd /srv/soon-gone", session="gone")
    sandbox.machine(["rmdir", "/srv/soon-gone"])
    assert "/srv/soon-gone is no directory" in run(sandbox, "pwd", session="gone").error
    assert run(sandbox, "pwd", session="gone").stdout == "/home/ai\n"


def test_export_holds_and_is_judged(sandbox: Sandbox) -> None:
    exported = run_approved(sandbox, "export LANG=C COLOR='a b'", session="exports")
    assert exported.status == 0, exported
    # It could be one that makes another command of it: a human is asked, as with `COLOR=… echo`.
    shown = run_approved(sandbox, 'echo "$COLOR" $LANG', session="exports")
    assert (shown.stdout, shown.details["decision"]) == ("a b C\n", "require_approval"), shown
    assert run_approved(sandbox, "unset COLOR", session="exports").status == 0
    assert run(sandbox, "ls /", session="exports").details["decision"] == "auto_allow"
