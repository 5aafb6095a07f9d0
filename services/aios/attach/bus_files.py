"""What the bus has to know of a machine's exec: how it is started, and who may call it."""

from pathlib import Path

from aios.ids import exec_bus_name

BUS_POLICY = Path("/etc/dbus-1/system.d")
# dbus-daemon reads activation files from no directory below /etc or /run.
ACTIVATION = Path("/usr/local/share/dbus-1/system-services")

# Who may call is a rule for one name at a time: dbus-daemon before 1.16 has no prefix for it. Kept
# equal to units/dbus/org.aios.conf, which does the same for the fixed names.
_CALLERS = (
    'user="root"',
    'group="aios"',
    'group="aios-admin"',
    'user="aios-chat"',
    'user="aios-policy"',
    'user="aios-memory"',
)


def activation(machine: str) -> str:
    return f"""[D-BUS Service]
Name={exec_bus_name(machine)}
Exec=/bin/false
User=root
SystemdService=aios-exec@{machine}.service
"""


def policy(machine: str) -> str:
    name = exec_bus_name(machine)
    rules = "".join(
        f"""  <policy {who}>
    <allow send_destination="{name}"/>
    <allow receive_sender="{name}" receive_type="signal"/>
  </policy>
"""
        for who in _CALLERS
    )
    return f"""<?xml version="1.0"?>
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <policy context="default">
    <deny receive_sender="{name}" receive_type="signal"/>
  </policy>
{rules}</busconfig>
"""
