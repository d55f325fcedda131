"""The grid: which kernels meet which images."""

from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli import Kernel, get_kernel

RANDOM_SIDES = (3, 5, 7, 9, 11, 15, 21, 31, 63)
NAMED = (
    "outline",
    "sharpen",
    "blur",
    "sobel-x",
    "laplacian",
    "gaussian:9",
    "gaussian:31",
    "box:15",
    "motion:21",
    "correlated:30",
)
KERNELS = (*(f"random:{side}" for side in RANDOM_SIDES), *NAMED)
TYPES = (("uint8", "uint8"), ("uint8", "float32"), ("float32", "float32"), ("uint16", "uint16"))
CHANNELS = {"gray": 1, "RGB": 3}
SIDES = {  # megapixels: rows, columns
    0.004: (64, 64),
    0.25: (512, 512),
    1: (1024, 1024),
    9: (3000, 3000),
    24: (4000, 6000),
    100: (10000, 10000),
}
SIZES = (0.25, 1, 9, 24)
STEPS = ((1, 1), (2, 1), (1, 2))  # stride, dilation
STEPPED_SIZES = (1, 9)  # where strides and dilations other than 1 are timed

# Beyond the product: the cost of a call on a small image, and of a sample on a large one.
ENDS = tuple(product((0.004, 100), (TYPES[0], TYPES[2]), ("outline", "random:3", "gaussian:9")))

QUICK_KERNELS = ("random:3", "random:7", "random:15", "outline", "gaussian:9", "box:15")
QUICK_SIZES = (0.25, 1)


class Row(NamedTuple):
    """One row of the grid."""

    kernel: str
    source: str
    target: str
    channels: str
    megapixels: float
    stride: int = 1
    dilation: int = 1

    @property
    def name(self) -> str:
        steps = f" stride {self.stride}" * (self.stride > 1)
        steps += f" dilation {self.dilation}" * (self.dilation > 1)
        types = f"{self.source}->{self.target}"
        return f"{self.kernel} {types} {self.channels} {self.megapixels:g}MP{steps}"


class Job(NamedTuple):
    """The work of a row, the same for every contestant."""

    image: NDArray[Any]
    kernel: Kernel
    dtype: np.dtype[Any]
    stride: int
    dilation: int

    @property
    def pads(self) -> tuple[int, int, int, int]:
        """Top, bottom, left, right: as ``same`` for stride 1, so that a stride only picks."""
        rows, columns = (self.dilation * (side - 1) for side in self.kernel.shape)
        return rows // 2, rows - rows // 2, columns // 2, columns - columns // 2


def rows(quick: bool = False) -> Iterator[Row]:
    """Yield the grid; rows that share an image follow each other."""
    for size, (source, target), channels in product(SIDES, TYPES, CHANNELS):
        for (stride, dilation), kernel in product(STEPS, KERNELS):
            row = Row(kernel, source, target, channels, size, stride, dilation)
            if _belongs(row) and (not quick or _is_quick(row)):
                yield row


def job(row: Row) -> Job:
    """Return the work of a row."""
    image = _image(row.source, CHANNELS[row.channels], row.megapixels)
    return Job(image, _kernel(row.kernel), np.dtype(row.target), row.stride, row.dilation)


def _belongs(row: Row) -> bool:
    if row.megapixels not in SIZES:
        end = (row.megapixels, (row.source, row.target), row.kernel)
        return end in ENDS and row.channels == "gray" and row.stride == row.dilation == 1
    return row.stride == row.dilation == 1 or row.megapixels in STEPPED_SIZES


def _is_quick(row: Row) -> bool:
    if row.megapixels not in (*QUICK_SIZES, 0.004) or row.kernel not in QUICK_KERNELS:
        return False
    if row.stride == row.dilation == 1:
        return row.channels == "gray" or row.kernel in ("random:3", "outline")
    return row.kernel == "random:3" and row.channels == "gray"


@lru_cache(maxsize=1)
def _image(source: str, channels: int, megapixels: float) -> NDArray[Any]:
    """Return noise over the whole range of integers, or between 0 and 1."""
    rng = np.random.default_rng(0)
    shape = SIDES[megapixels] + (channels,) * (channels > 1)
    if source == "float32":
        return rng.random(shape, np.float32)
    return rng.integers(0, np.iinfo(source).max, shape, source, endpoint=True)


@lru_cache
def _kernel(spec: str) -> Kernel:
    """Return a kernel by its SPEC, or a random one of full rank whose weights sum to 1."""
    family, _, argument = spec.partition(":")
    if family == "correlated":
        return get_kernel(f"gaussian:{argument}x{argument},sigma=5,rho=0.6")
    if family != "random":
        return get_kernel(spec)
    side = int(argument)
    noise = np.random.default_rng(side).normal(0, 0.3 / side, (side, side))
    # Sums stay within the range of the samples, or clipping would hide disagreements.
    return Kernel(noise + (1 - noise.sum()) / side**2, name=f"random-{side}")
