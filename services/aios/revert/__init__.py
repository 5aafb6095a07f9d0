"""What undoes a guarded command on the host; exec arms it (aios.exec.guard)."""

from pathlib import Path

BOOT = Path("/proc/sys/kernel/random/boot_id")
JOB = "job.json"
"""What is known of the command, beside what was saved."""
