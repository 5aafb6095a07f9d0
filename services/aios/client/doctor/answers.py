"""What a service's error means to whoever looks."""

from aios.client.doctor.report import Report
from aios.client.varlink import ERROR_PREFIX, ClientError


def told(report: Report, unit: str, error: ClientError, consequence: str = "") -> None:
    """A file that is rejected is the policy's finding, and not each service's."""
    service = unit.removesuffix(".service")
    if error.name in (ERROR_PREFIX + "NotAuthorized", ERROR_PREFIX + "ConfigError"):
        report.unseen.append(f"whether {service} works: {error.message}")
        return
    what = f"does not answer: {error.message}" + (f"; {consequence}" if consequence else "")
    report.fault(service, what, error.hint or f"journalctl -xeu {unit}")
