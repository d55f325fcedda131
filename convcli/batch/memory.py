"""How much memory a run may take, and the refusal of what takes more."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from convcli.errors import ConvcliError, StrPath

MemoryCheck = Callable[[int], None]


def check_fits(need: int, limit: int) -> None:
    """Raise ConvcliError if something does not fit into the memory limit; both are in bytes."""
    from convcli.core.memory import memory_text

    if need > limit:
        raise ConvcliError(
            f"needs about {memory_text(need)}, above the limit of {memory_text(limit)}; make the "
            "image, the padding or the dilation smaller, or raise the limit with --max-memory"
        )


def memory_limit(max_memory: int | float) -> int:
    """Return a limit in bytes: an int as it is, a float as a share of the available memory."""
    return int(max_memory * available_memory()) if isinstance(max_memory, float) else max_memory


def memory_check(max_memory: int | float) -> MemoryCheck:
    """Return :func:`check_fits` with the limit that the user set."""
    return partial(check_fits, limit=memory_limit(max_memory))


def available_memory(group: StrPath = "/sys/fs/cgroup") -> int:
    """Return the bytes available without swapping, within the container's limit if there is one.

    Args:
        group: the folder with the limits of the process's control group, of version 2 or 1.
    """
    free = _free_memory()
    for folder, limit, used in (
        (group, "memory.max", "memory.current"),
        (os.path.join(group, "memory"), "memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        with suppress(OSError, ValueError):  # "max" is no limit
            taken = int(_text(folder, used)) - _unused_cache(folder)
            free = min(free, int(_text(folder, limit)) - taken)
    return max(free, 0)


def _unused_cache(group: StrPath) -> int:
    """Return the bytes of files that the system keeps in memory only until others need it."""
    with suppress(OSError, ValueError):
        fields = dict(line.split() for line in _text(group, "memory.stat").splitlines())
        return int(fields.get("total_inactive_file", fields.get("inactive_file", 0)))
    return 0


def _text(folder: StrPath, name: str) -> str:
    with open(os.path.join(folder, name)) as file:
        return file.read()


def _free_memory() -> int:
    """Return the free bytes; where the system does not tell, half of all memory."""
    with suppress(OSError, ValueError):
        for line in _text("/proc", "meminfo").splitlines():
            name, _, value = line.partition(":")
            if name == "MemAvailable":
                return int(value.split()[0]) * 1024
    if sys.platform == "win32":
        import ctypes

        kibibytes = ctypes.c_ulonglong()
        ctypes.windll.kernel32.GetPhysicallyInstalledSystemMemory(ctypes.byref(kibibytes))
        return kibibytes.value * 512
    return os.sysconf("SC_PHYS_PAGES") // 2 * os.sysconf("SC_PAGE_SIZE")
