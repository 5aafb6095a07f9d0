"""Jobs: who sees them, how they are stopped, what becomes of them without caller or machine."""

import json

import pytest
from governed import BUSCTL, approve, chain, end, pending, run, start, started, units, until
from jobs import act, acting, go_on, told
from sandbox import PYTHON, Sandbox

JOB = "/org/aios/Exec1/job"
NAME = "org.aios.Exec1.aios"


@pytest.fixture(scope="module", autouse=True)
def another(sandbox: Sandbox) -> None:
    sandbox.sh("id you || useradd --create-home --groups aios you")


def test_people_do_not_see_each_others_jobs(sandbox: Sandbox) -> None:
    client = acting(sandbox, 'tell(start("sleep 5001")[0])\nhear()\n')
    job = told(client)
    listed = "tell(list(jobs()))"
    assert job in act(sandbox, listed)
    assert job in act(sandbox, listed, user="root")
    assert job not in act(sandbox, listed, user="you")
    script = """
said = []
calls = [("Cancel", {}), ("Wait", {}), ("Resize", {"rows": 1, "columns": 1})]
for method, parameters in calls:
    try:
        call("Exec1.Job." + method, object=JOB, **parameters)
    except Failed as error:
        said.append(str(error).partition(":")[0])
try:
    attach(JOB)
except Failed as error:
    said.append(str(error).partition(":")[0])
tell(said)
"""
    for user, named in (("you", job), ("me", "01ARZ3NDEKTSV4RRFFQ69G5FAV")):
        said = act(sandbox, script.replace("JOB", repr(named)), user=user)
        assert said == ["NotFound"] * 4
    # The bus tells them apart as little.
    paths = [f"{JOB}/{job}", f"{JOB}/01ARZ3NDEKTSV4RRFFQ69G5FAV"]
    ask = [*BUSCTL, NAME]
    errors = {
        sandbox.run(
            [*ask, path, "org.aios.Exec1.Job", "Cancel"], user="you", check=False
        ).stderr.replace(path, "")
        for path in paths
    }
    assert len(errors) == 1
    shown = sandbox.call(NAME, f"{JOB}/{job}", "org.freedesktop.DBus.Properties", "GetAll", "s",
                         "org.aios.Exec1.Job")[0]  # fmt: skip
    assert {name: value["data"] for name, value in shown.items()}.items() >= {
        "Id": job, "Command": "sleep 5001", "State": "running", "Detach": False,
    }.items()  # fmt: skip
    go_on(client)
    client.communicate(timeout=20)
    until(lambda: job not in units(sandbox))


def test_a_stranger_is_refused(sandbox: Sandbox) -> None:
    script = """
said = []
for method, parameters in [
    ("Start", {"command": "id", "options": {}}), ("ListJobs", {}), ("Attach", {"id": "x"})
]:
    try:
        call("Exec1." + method, **parameters)
    except Failed as error:
        said.append(str(error).partition(":")[0])
tell(said)
"""
    assert act(sandbox, script, user="outsider") == ["NotAuthorized"] * 3


def test_cancel_leaves_no_process(sandbox: Sandbox) -> None:
    """Children that left their session, that forked twice, and that are deaf to signals."""
    command = (
        "(setsid sleep 5002 &) ; ( (sleep 5003 &) & ) ; "
        "(trap '' INT TERM; sleep 5004 & echo ready; sleep 5005) & wait"
    )
    script = f"""
job, stdin, stdout, stderr = start({command!r})
assert os.read(stdout, 100) == b"ready\\n"
cancel(job)
cancel(job)
tell([job, wait(job), wait(job)])
"""
    client = acting(sandbox, script)
    approve(sandbox, pending(sandbox, command))
    job, answer, again = told(client)
    assert answer == again
    assert answer["details"]["ended"] == "cancelled"
    assert sandbox.machine(["pgrep", "-f", "sleep 500[2345]"], check=False).returncode == 1
    assert chain(sandbox, job)[-1]["AIOS_ENDED"] == "cancelled"


def test_a_detached_job_is_there_until_it_has_been_read(sandbox: Sandbox) -> None:
    job = act(sandbox, 'tell(start("echo said; echo wrong >&2; exit 4", detach=True)[0])')
    script = f"""
answer = wait({job!r})
streams = [attach({job!r}) for _ in range(2)]
tell([[read_all(fd).decode() for fd in streams[1][1:]], answer["exit_status"],
      jobs()[{job!r}]["state"]])
"""
    assert act(sandbox, script) == [["said\n", "wrong\n"], 4, "ended"]
    attach = [*BUSCTL, NAME, "/org/aios/Exec1", "org.aios.Exec1", "Attach", "s", job]
    assert "no job" in sandbox.run(attach, user="you", check=False).stderr


def test_a_slow_reader_of_a_detached_job_is_told_what_is_missing(sandbox: Sandbox) -> None:
    script = """
job, stdin, stdout, stderr = start("seq 3000000", detach=True)
wait(job)
tell(read_all(stdout).decode())
"""
    printed = act(sandbox, script)
    head, _, rest = printed.partition("\n[aios: ")
    left_out, _, tail = rest.partition(" bytes left out]\n")
    assert head.startswith("1\n2\n3\n")
    assert tail.endswith("\n2999999\n3000000\n")
    assert len(head) + int(left_out) + len(tail) == 22888896


def test_the_end_is_announced_to_who_started_it(sandbox: Sandbox) -> None:
    script = """
import json, sys
from jeepney import DBusAddress, MatchRule, new_method_call
from jeepney.bus_messages import message_bus
from jeepney.io.blocking import Proxy, open_dbus_connection

bus = open_dbus_connection("SYSTEM", enable_fds=True)
other = open_dbus_connection("SYSTEM")
rule = MatchRule(type="signal", interface="org.aios.Exec1.Job", member="Finished")
exec1 = DBusAddress("/org/aios/Exec1", "org.aios.Exec1.aios", "org.aios.Exec1")
with bus.filter(rule) as signals, other.filter(rule) as others:
    Proxy(message_bus, other).AddMatch(rule)
    reply = bus.send_and_get_reply(
        new_method_call(exec1, "Start", "sa{sv}", ("echo said; exit 5", {})))
    path, *streams = reply.body
    with streams[1].to_file("rb") as stdout:
        said = stdout.read().decode()
    signal = bus.recv_until_filtered(signals, timeout=20)
    status, details = signal.body
    Proxy(message_bus, other).GetId()
    print(json.dumps([said, status, details["ended"][1], len(others),
                      list(signal.header.fields.values())[0] == path]))
"""
    done = sandbox.run([PYTHON, "-I", "-c", script], user="me")
    assert json.loads(done.stdout) == ["said\n", 5, "exit", 0, True]


def test_what_is_too_long_is_refused(sandbox: Sandbox) -> None:
    script = """
for size in (70_000, 5 * 1024 * 1024):
    try:
        Peer().start("echo " + "x" * size)
    except (Failed, ConnectionError) as error:
        print(type(error).__name__, str(error))
tell(Peer().start("echo fine")[0])
"""
    assert act(sandbox, script)
    said = run(sandbox, "echo " + "x" * 70_000)
    assert "at most 65536 can be run" in said.error


def test_a_machine_that_stops_ends_its_jobs(sandbox: Sandbox) -> None:
    waiting, job = started(sandbox, "sleep 5006")
    client = acting(sandbox, """
job = start("sleep 5007")[0]
tell(job)
try:
    tell(wait(job))
except Failed as error:
    tell(str(error))
""")  # fmt: skip
    other = told(client)
    # As it is when the power goes: nobody in there can say how anything ended.
    leader = sandbox.sh("machinectl show aios --property=Leader --value")
    sandbox.run(["kill", "-KILL", leader])
    assert "went away, or was restarted" in end(waiting).error
    assert told(client).startswith("MachineNotRunning")
    for each in (job, other):
        assert chain(sandbox, each)[-1]["AIOS_ENDED"] == "lost"
    sandbox.wait_machine_gone("aios")
    sandbox.run(["systemctl", "reset-failed", "systemd-nspawn@aios.service"], check=False)
    sandbox.run(["systemctl", "start", "systemd-nspawn@aios.service"])
    sandbox.wait_machine("aios")
    assert run(sandbox, "echo again").stdout == "again\n"


def test_a_machine_that_is_rebooted(sandbox: Sandbox) -> None:
    waiting, job = started(sandbox, "sleep 5008")
    sandbox.run(["systemctl", "restart", "systemd-nspawn@aios.service"])
    said = end(waiting)
    assert said.error or said.details["ended"] == "signal"
    assert chain(sandbox, job)[-1]["AIOS_EVENT"] == "finished"
    sandbox.wait_machine("aios")
    assert run(sandbox, "echo again").stdout == "again\n"


def test_two_hundred_commands_leave_nothing(sandbox: Sandbox) -> None:
    run(sandbox, "true")
    pid = sandbox.sh("systemctl show -P MainPID aios-exec@aios.service")
    shown = f"ls /proc/{pid}/fd | wc -l"
    before = int(sandbox.sh(shown))
    script = """
for number in range(60):
    job, *streams = start("echo %d; exit %d" % (number, number))
    assert read_all(streams[1]) == b"%d\\n" % number
    assert wait(job)["exit_status"] == number
    for stream in streams:
        os.close(stream)
for number in range(80):
    reply, _ = call("Exec1.Run", command="seq %d" % (number + 1), options={})
    assert reply["stdout"].endswith("%d\\n" % (number + 1))
tell("done")
"""
    assert act(sandbox, script) == "done"
    waiting = [start(sandbox, f"sleep 0.3; echo {number}") for number in range(60)]
    assert [end(process).stdout for process in waiting] == [f"{n}\n" for n in range(60)]
    until(lambda: units(sandbox) == "")
    assert sandbox.sh("systemctl show -P MainPID aios-exec@aios.service") == pid
    until(lambda: int(sandbox.sh(shown)) <= before)
    until(lambda: sandbox.sh("systemctl show -P NFileDescriptorStore aios-exec@aios") == "0")
    assert sandbox.machine(["pgrep", "-u", "ai", "-x", "sleep|seq"], check=False).returncode == 1


@pytest.mark.parametrize("text", ["$HOME ${X} $$ %n %% %i", "'q' \"d\" \\ \n\ttab é 日本"])
def test_words_arrive_untouched_in_a_job(sandbox: Sandbox, text: str) -> None:
    script = f"""
import shlex
job, stdin, stdout, stderr = start("printf %s " + shlex.quote({text!r}))
tell(read_all(stdout).decode())
"""
    assert act(sandbox, script) == text
