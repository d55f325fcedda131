"""How much memory there is, and whether an image fits."""

import os
from contextlib import suppress
from pathlib import Path

from convcli.errors import ConvcliError

MEBI = 1 << 20


def check_fits(need: int, limit: int) -> None:
    """See that an image fits by itself; both are bytes.

    Raises:
        ConvcliError: it needs more than the limit.
    """
    if need > limit:
        raise ConvcliError(
            f"needs about {need // MEBI} MiB, over the limit of {limit // MEBI}; "
            "--max-memory SIZE raises it"
        )


def memory_limit(asked: int | float) -> int:
    """Return a limit in bytes: as asked for, or that share of what is available now."""
    return asked if isinstance(asked, int) else int(asked * available_memory())


def available_memory() -> int:
    """Return the bytes that can be had without swapping, within the container's limit if any."""
    free = _free_memory()
    with suppress(OSError, ValueError):
        group = Path("/sys/fs/cgroup")
        most = int((group / "memory.max").read_text())
        free = min(free, most - int((group / "memory.current").read_text()))
    return max(free, 0)


def _free_memory() -> int:
    with suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            name, _, value = line.partition(":")
            if name == "MemAvailable":
                return int(value.split()[0]) * 1024
    pages: int = os.sysconf("SC_PHYS_PAGES") // 2
    return pages * os.sysconf("SC_PAGE_SIZE")
