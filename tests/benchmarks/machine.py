"""Where the numbers come from."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

LIBRARIES = ("convcli", "numpy", "opencv-python-headless", "scipy", "torch", "pillow")


def machine() -> dict[str, Any]:
    """Return the processor, its cores, how busy they are, and the versions of the libraries."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in LIBRARIES},
        "threads": {name: value for name, value in os.environ.items() if "NUM_THREADS" in name},
    }


def _cpu_model() -> str:
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
