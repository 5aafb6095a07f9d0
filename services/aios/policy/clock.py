"""When something is over. Realtime is what people are shown, and what means the same after a boot;
somebody may set it back, so time since the boot is asked as well, and the first to come counts.
"""

import time

NEVER = 2**64 - 1


def now_usec() -> int:
    """Realtime."""
    return time.time_ns() // 1000


def until_usec(expires_usec: int) -> int:
    """That moment on the clock that nobody sets. After another boot it says nothing: it is late."""
    return _since_boot_usec() + expires_usec - now_usec()


def passed(expires_usec: int, until_usec: int) -> bool:
    return now_usec() >= expires_usec or _since_boot_usec() >= until_usec


def _since_boot_usec() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
