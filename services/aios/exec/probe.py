"""Whether a profile is in force: a look from inside a unit that has it.

systemd leaves out with a warning what the kernel refuses it (namespaces in a container), and takes
`MemoryMax=` where there is no such controller. So what counts is what a process in there sees.
"""

import re
from collections.abc import Mapping
from typing import Any

from aios.errors import ProfileNotEnforced
from aios.exec.limits import Limits
from aios.exec.profile import Profile, mask

# bash alone, which every command needs anyway. The file descriptor is opened in a subshell, so
# that its error is a text and not an end.
COMMAND = r"""
printf '%s\n' "$(</proc/self/status)"
printf 'Mounts\n%s\n' "$(</proc/self/mountinfo)"
while IFS=: read -r number controllers path; do
  [ "$number$controllers" = 0 ] || continue
  for file in memory.max pids.max cpu.weight; do
    for root in /sys/fs/cgroup /sys/fs/cgroup/unified; do
      [ ! -r "$root$path/$file" ] || printf 'Limit %s %s\n' "$file" "$(<"$root$path/$file")"
    done
  done
done </proc/self/cgroup
if (exec 3<>/dev/tcp/127.0.0.1/9) 2>&1 | { read -r said; [[ $said = *"family not supported"* ]]; }
then echo 'Internet no'; else echo 'Internet yes'; fi
"""
ENVIRONMENT = {"LC_ALL": "C"}
LIMITS = Limits(timeout_usec=20_000_000, memory_max=1024**3, tasks_max=256, cpu_weight=50)
"""The look's own, whose effect shows which controllers there are."""
_SEEN = {
    "MemoryMax": ("memory.max", LIMITS.memory_max),
    "TasksMax": ("pids.max", LIMITS.tasks_max),
    "CPUWeight": ("cpu.weight", LIMITS.cpu_weight),
}


def check(profile: Profile, seen: str) -> tuple[str, ...]:
    """The limits that nothing enforces, from what COMMAND printed in a unit with LIMITS. Raises
    ProfileNotEnforced when a part of the confinement is missing."""
    status, _, rest = seen.partition("Mounts\n")
    facts = dict(re.findall(r"^(\w+):\s*(.*)$", status, re.MULTILINE))
    missing = [*_missing_rights(profile.settings, facts), *_missing_mounts(profile.settings, rest)]
    families = profile.settings.get("RestrictAddressFamilies")
    if families and families[0] != "~" and "AF_INET" not in families and "Internet no" not in rest:
        missing.append("RestrictAddressFamilies")
    if missing:
        raise ProfileNotEnforced(
            f"profile {profile.name} is not in force: " + ", ".join(missing),
            hint="the kernel or the container that all this runs in refuses it",
        )
    limits = dict(re.findall(r"^Limit (\S+) (\S+)$", rest, re.MULTILINE))
    return tuple(name for name, (file, wanted) in _SEEN.items() if limits.get(file) != str(wanted))


def _missing_rights(settings: Mapping[str, Any], facts: Mapping[str, str]) -> list[str]:
    missing = []
    if settings.get("NoNewPrivileges") and facts.get("NoNewPrivs") != "1":
        missing.append("NoNewPrivileges")
    if settings.get("SystemCallFilter") and facts.get("Seccomp") != "2":
        missing.append("SystemCallFilter")
    if "CapabilityBoundingSet" in settings:
        allowed = mask(settings["CapabilityBoundingSet"])
        for name in ("CapBnd", "CapEff", "CapPrm", "CapInh", "CapAmb"):
            if int(facts.get(name, "f" * 16), 16) & ~allowed:
                missing.append(f"CapabilityBoundingSet ({name})")
    return missing


def _missing_mounts(settings: Mapping[str, Any], seen: str) -> list[str]:
    # The last mount on a place is the one that counts.
    options = {}
    for line in seen.splitlines():
        fields = line.split()
        if len(fields) > 6 and fields[0].isdigit():
            options[fields[4]] = fields[5].split(",")

    def read_only(path: str) -> bool:
        while path not in options and path != "/":
            path = path.rpartition("/")[0] or "/"
        return "ro" in options.get(path, [])

    missing = []
    if settings.get("ProtectSystem") == "strict" and not all(map(read_only, ("/", "/usr", "/etc"))):
        missing.append("ProtectSystem")
    if settings.get("ProtectHome") == "read-only" and not all(map(read_only, ("/home", "/root"))):
        missing.append("ProtectHome")
    return missing
