"""What the file system says, as a person can act on it."""

import contextlib
import errno
from collections.abc import Iterator

from aios.errors import NoSpace, Unavailable

UNCHANGED = "nothing was changed; what was made has been removed"


@contextlib.contextmanager
def errors_told(hint: str = UNCHANGED) -> Iterator[None]:
    """OSErrors become AiosErrors."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise NoSpace("the disk is full", hint=hint) from error
        raise Unavailable(f"{error.filename or 'a file'}: {error.strerror}", hint=hint) from error
