"""How much memory there is, and how much a picture takes."""

import os
from contextlib import suppress
from pathlib import Path

from convcli.batch.naming import Job
from convcli.batch.settings import Work
from convcli.errors import PictureError
from convcli.images.reading import memory_needed

MEBI = 1 << 20


def checked_need(job: Job, work: Work, limit: int) -> int:
    """Return the bytes that an input takes, by its header; 0 where that cannot be told.

    Raises:
        PictureError: they are more than the limit.
    """
    if job.source.is_stdin:
        return 0
    need = memory_needed(Path(job.source.path), work.reading.max_pixels)
    if need > limit:
        raise PictureError(
            job.source.path,
            f"needs about {need // MEBI} MiB, over the limit of {limit // MEBI}; "
            "--max-memory SIZE raises it",
        )
    return need


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
