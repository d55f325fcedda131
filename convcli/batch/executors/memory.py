"""The memory that is available, and whether an image fits into it."""

import os
from contextlib import suppress
from pathlib import Path

from convcli.errors import ConvcliError

MEBI = 1 << 20


def check_fits(need: int, limit: int) -> None:
    """Check that an image fits into the limit; both are in bytes.

    Raises:
        ConvcliError: it does not.
    """
    if need > limit:
        raise ConvcliError(
            f"needs about {need // MEBI:,} MiB, above the limit of {limit // MEBI:,} MiB; "
            "raise it with --max-memory"
        )


def memory_limit(limit: int | float) -> int:
    """Return a limit in bytes; a float is a share of the memory that is available now."""
    return limit if isinstance(limit, int) else int(limit * available_memory())


def available_memory() -> int:
    """Return the bytes available without swapping, within the container's limit if there is one."""
    free = _free_memory()
    with suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        limit = int((group / "memory.max").read_text())
        free = min(free, limit - int((group / "memory.current").read_text()))
    return max(free, 0)


def _free_memory() -> int:
    with suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "MemAvailable":
                return int(value.split()[0]) * 1024
    pages: int = os.sysconf("SC_PHYS_PAGES") // 2
    return pages * os.sysconf("SC_PAGE_SIZE")
