"""The limit of open files (`ulimit -n`): raised as far as this user may, and refused where it is too low to work.

Connections are files too. A process that meets the limit while it works cannot connect anew, and waits as in an outage.
"""

import resource
from typing import Final

from streams.errors import ExitCode, TrackerError

# A worker has 20 files open beside a single broker, and up to four more for each further broker; the pool of Redis may
# grow by a dozen. A collector has as many, and one for each connection.
LEAST: Final = 64


def require_open_files(least: int = LEAST) -> None:
    """Return when this process may open `least` files. Raises TrackerError."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _allows(soft, least):
        return
    if _allows(hard, least):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        return
    raise TrackerError(
        f"This process may open {hard} files, and needs {least}.",
        "Raise the limit: `ulimit -n`, LimitNOFILE= of systemd, or `ulimits` of Docker Compose.",
        ExitCode.UNSUPPORTED,
    )


def open_files_beside(wanted: int) -> int:
    """How many files this process may open beside those that it needs, of `wanted`; the limit is raised if it can be.

    Connections beyond it would wait unseen until others close.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if not _allows(soft, wanted + LEAST):
        soft = wanted + LEAST if _allows(hard, wanted + LEAST) else hard
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else max(1, min(wanted, soft - LEAST))


def _allows(limit: int, least: int) -> bool:
    return limit == resource.RLIM_INFINITY or limit >= least
