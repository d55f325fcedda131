"""Filter images by convolution, with every convention explicit.

Names load what they need when they are first used: ``from convcli import cross_correlate`` loads
numpy and nothing else.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convcli.core.correlate import convolve, cross_correlate
    from convcli.core.pooling import pool
    from convcli.errors import (
        ConvcliError,
        GeometryError,
        ImageError,
        KernelError,
        PictureError,
        UsageError,
    )
    from convcli.geometry import output_size, receptive_field
    from convcli.kernels.kernel import Kernel
    from convcli.kernels.spec import get_kernel
    from convcli.teaching.explain.arithmetic import explain
    from convcli.teaching.learn.learning import learn_kernel

__version__ = "0.1.0"

__all__ = [
    "ConvcliError",
    "GeometryError",
    "ImageError",
    "Kernel",
    "KernelError",
    "PictureError",
    "UsageError",
    "convolve",
    "cross_correlate",
    "explain",
    "get_kernel",
    "learn_kernel",
    "output_size",
    "pool",
    "receptive_field",
]

_HOMES = {
    "ConvcliError": "convcli.errors",
    "GeometryError": "convcli.errors",
    "Kernel": "convcli.kernels.kernel",
    "KernelError": "convcli.errors",
    "ImageError": "convcli.errors",
    "PictureError": "convcli.errors",
    "UsageError": "convcli.errors",
    "convolve": "convcli.core.correlate",
    "cross_correlate": "convcli.core.correlate",
    "explain": "convcli.teaching.explain.arithmetic",
    "get_kernel": "convcli.kernels.spec",
    "learn_kernel": "convcli.teaching.learn.learning",
    "output_size": "convcli.geometry",
    "pool": "convcli.core.pooling",
    "receptive_field": "convcli.geometry",
}


def __getattr__(name: str) -> object:
    """Load a public name from its module (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
