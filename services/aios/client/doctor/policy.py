"""Whether policy answers, and whether the files as they are now are those in force."""

from aios.client import place
from aios.client.doctor import answers
from aios.client.doctor.host import Host
from aios.client.doctor.report import Report
from aios.client.varlink import ClientError
from aios.ids import HOST

SECONDS = 20.0


def check(host: Host) -> Report:
    report = Report("policy")
    try:
        with place.connect("policy", SECONDS) as connection:
            answer = connection.call(
                f"{place.POLICY}.Check", {"command": "rm -rf /", "machine": HOST}
            )
    except ClientError as error:
        answers.told(report, "aios-policy.service", error, "nothing can be run")
        return report
    why = answer["why"]
    if fault := why.get("fault"):
        kept = "what was last good stays in force"
        if str(why.get("rule", "")).startswith("built-in: no policy"):
            kept = "there is none in force: everything needs approval"
        where, _, what = str(fault).partition(": ")
        file = where.partition(":")[0]
        report.fault(
            where, f"is rejected: {what}; {kept}",
            f"mend it, or move {file} away; aios policy check ls says whether it is in force",
        )  # fmt: skip
    if answer["decision"] != "deny":
        report.fault(
            "policy", f"does not deny `rm -rf /` on the host but says {answer['decision']}",
            "aios policy explain 'rm -rf /' shows which rule says so",
        )  # fmt: skip
    report.summary = "the files are in force"
    return report
