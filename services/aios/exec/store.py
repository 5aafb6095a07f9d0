"""The descriptor store of exec's unit: what systemd keeps open while exec is dead, and gives to the
next one by name.

A descriptor is safe from the moment its message is sent: it is in flight then, and systemd reads
what a service sent before it looks at the service's death.
"""

import os
from collections.abc import Iterable, Mapping

from systemd import daemon

from aios.ids import is_id


class Store:
    """`given`: what an exec before this one had stored, by name (`ID.WHAT`)."""

    def __init__(self, given: Mapping[str, int]) -> None:
        self._given = dict(given)

    def put(self, job: str, **descriptors: int) -> None:
        """Stores copies of these."""
        for what, descriptor in descriptors.items():
            # Without FDPOLL=0 systemd drops a pipe whose writers are gone, and what is in it.
            daemon.notify(f"FDSTORE=1\nFDNAME={job}.{what}\nFDPOLL=0", fds=[descriptor])

    def remove(self, job: str, whats: Iterable[str]) -> None:
        for what in whats:
            daemon.notify(f"FDSTOREREMOVE=1\nFDNAME={job}.{what}")

    def take(self, job: str) -> dict[str, int]:
        """The job's, by what they are. They are the taker's to close; their copies stay stored."""
        prefix = f"{job}."
        found = [name for name in self._given if name.startswith(prefix)]
        return {name.removeprefix(prefix): self._given.pop(name) for name in found}

    def drop_rest(self) -> None:
        """Lets go of what belongs to no job that is left."""
        for name, descriptor in self._given.items():
            os.close(descriptor)
            job, _, what = name.partition(".")
            if is_id(job):
                self.remove(job, [what])
        self._given.clear()
