"""The work of one call as text: ``photo u1 512x512x3 | normal 15x15 | stride 2, to f4``.

An image (kind, type, shape), a kernel (kind and shape, or a SPEC of convcli) and options. Shapes
are rows x columns, as numpy's; types are numpy's. Kernels ``max`` and ``avg`` are windows of pools.
Options are ``stride N``, ``dilation N``, ``to TYPE``, ``zero`` (the border, otherwise ``edge``) and
``new`` (a kernel not seen before at each call). The same text always makes the same numbers.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from itertools import count
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convcli import cross_correlate, get_kernel, pool

SAMPLES = Path(__file__).parents[2] / "sample_images"
SENSIBLE = 1e30  # a sample beyond this is a mark for "no data"

Array = NDArray[Any]
Random = np.random.Generator


class Work:
    """One call; see the module for the texts."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.image, self.kernel, *rest = text.split(" | ")
        options: dict[str, str] = {}
        for option in rest[0].split(", ") if rest else ():
            name, _, value = option.partition(" ")
            options[name] = value or "yes"
        self.stride, self.dilation = (int(options.pop(name, 1)) for name in ("stride", "dilation"))
        self.to = options.pop("to", None)
        self.border = "zero" if options.pop("zero", None) else "edge"
        self.new = bool(options.pop("new", None))
        if options:
            raise ValueError(f"no option of a work: {', '.join(options)}")
        kind = self.kernel.split()[0]
        self.pooling = kind if kind in ("max", "avg") else None
        self.dtype, self.shape = np.dtype(self.image.split()[1]), shape_of(self.image)
        self.is_clean = self.image.split()[0] not in DAMAGES

    @property
    def window(self) -> tuple[int, int]:
        """Rows and columns of the kernel or the pool's window."""
        shape = shape_of(self.kernel) if self.pooling else self.matrix().shape
        return shape[-2], shape[-1]

    @property
    def span(self) -> int:
        """The most pixels from the first tap to the last along an axis."""
        return max(self.dilation * (side - 1) + 1 for side in self.window)

    @property
    def pads(self) -> tuple[int, int, int, int]:
        """Top, bottom, left, right: as ``same`` at stride 1, so that a stride only picks."""
        rows, columns = (self.dilation * (side - 1) for side in self.window)
        return rows // 2, rows - rows // 2, columns // 2, columns - columns // 2

    def pixels(self) -> Array:
        return make_image(self.image)

    def clean_pixels(self) -> Array:
        """The image with 0 for NaN, infinity and nodata, for libraries that would spread them."""
        pixels = self.pixels()
        return pixels if self.is_clean else np.where(np.abs(pixels) < SENSIBLE, pixels, 0)

    def matrix(self) -> Array:
        return make_kernel(self.kernel)[0]

    def weights(self) -> Array:
        """The kernel with its divisor applied, in float64."""
        matrix, divisor = make_kernel(self.kernel)
        return matrix / divisor

    def each_call(self, kernel: Array) -> Callable[[], Array]:
        """Return what gives the kernel of a call: always the same, or a new one of its type."""
        if not self.new:
            return lambda: kernel
        numbers = count(1)
        return lambda: kernel * kernel.dtype.type(1 + next(numbers) / 4096)


def ours(work: Work) -> Callable[[], Array]:
    """Return the call of convcli; ``CONVCLI_THREADS`` says with how many threads."""
    image = work.pixels()
    if work.pooling:
        return partial(pool, image, work.window, work.pooling, stride=work.stride)
    matrix, divisor = make_kernel(work.kernel)
    options = {"padding": work.pads, "border": work.border, "divisor": divisor, "dtype": work.to}
    steps = {"stride": work.stride, "dilation": work.dilation}
    kernel = work.each_call(matrix)
    return lambda: cross_correlate(image, kernel(), **options, **steps)


def shape_of(text: str) -> tuple[int, ...]:
    """Return the shape at the end of an image's or a kernel's text."""
    return tuple(int(side) for side in text.split()[-1].split("x"))


@lru_cache(maxsize=2)
def make_image(text: str) -> Array:
    kind, dtype, _ = text.split()
    random = np.random.default_rng(crc32(text.encode()))
    image = IMAGES[kind](shape_of(text), np.dtype(dtype), random)
    image.flags.writeable = False
    return image


@lru_cache(maxsize=8)
def make_kernel(text: str) -> tuple[Array, int | float]:
    """Return a kernel's weights and divisor."""
    kind, _, shape = text.partition(" ")
    if not shape:
        kernel = get_kernel(kind)
        return kernel.matrix, kernel.divisor
    return KERNELS[kind](shape_of(text), np.random.default_rng(crc32(text.encode()))), 1


def photograph(shape: tuple[int, ...], dtype: np.dtype[Any], random: Random) -> Array:
    """Tile a photograph by mirroring it: floats from 0 to 1, wide integers up to 32,385."""
    color = shape[2:] == (3,)
    with Image.open(SAMPLES / ("astronaut.png" if color else "camera.png")) as opened:
        small = np.atleast_3d(np.asarray(opened.convert("RGB" if color else "L")))
    wanted = (*shape, 1)[:3]
    picked = (
        np.abs((np.arange(n) + side) % (2 * side) - side).clip(0, side - 1)
        for n, side in zip(wanted, small.shape, strict=True)
    )
    image = small[np.ix_(*picked)].reshape(shape)
    if dtype.kind == "f":
        return (image / 255).astype(dtype)
    return image.astype(dtype) * dtype.type(1 if dtype.itemsize == 1 else 127)


def noise(shape: tuple[int, ...], dtype: np.dtype[Any], random: Random) -> Array:
    if dtype.kind == "f":
        return random.random(shape).astype(dtype)
    top = min(np.iinfo(dtype).max, 2**31)
    return random.integers(0, top, shape, np.int64).astype(dtype)


def sky(shape: tuple[int, ...], dtype: np.dtype[Any], random: Random) -> Array:
    """Bright and even: six levels near the top of the range."""
    levels = random.integers(200, 206, shape, np.uint8)
    return (levels / 255).astype(dtype) if dtype.kind == "f" else levels.astype(dtype)


def offset(shape: tuple[int, ...], dtype: np.dtype[Any], random: Random) -> Array:
    """Small differences on a large offset, as temperatures in kelvin."""
    return (noise(shape, np.dtype(float), random) * 10 + 240).astype(dtype)


def denormal(shape: tuple[int, ...], dtype: np.dtype[Any], random: Random) -> Array:
    return (noise(shape, dtype, random) * np.finfo(dtype).tiny / 4).astype(dtype)


def _damaged(value: float, share: float) -> Callable[..., Array]:
    """Return what makes a photograph with a value in one pixel (0), some pixels, or one half."""

    def make(shape: tuple[int, ...], dtype: np.dtype[Any], random: Random) -> Array:
        image = photograph(shape, dtype, random)
        if share == 0.5:
            image[: shape[0] // 2] = value
        elif share:
            image[random.random(shape) < share] = value
        else:
            image[shape[0] // 2, shape[1] // 2] = value
        return image

    return make


DAMAGES = {
    "nan-one": _damaged(np.nan, 0),
    "nan-scattered": _damaged(np.nan, 0.001),
    "nan-half": _damaged(np.nan, 0.5),
    "inf-scattered": _damaged(np.inf, 0.001),
    "nodata-one": _damaged(-3.4e38, 0),
    "nodata-half": _damaged(-3.4e38, 0.5),
}
IMAGES: dict[str, Callable[..., Array]] = {
    "photo": photograph,
    "noise": noise,
    "sky": sky,
    "offset": offset,
    "denormal": denormal,
    **DAMAGES,
}


def _ramp(shape: tuple[int, ...], random: Random) -> Array:
    """From below 0 on one corner to above 0 on the other; the sum is 0."""
    ramp: Array = np.add.outer(np.arange(shape[0]), np.arange(shape[1])) / sum(shape)
    return ramp - ramp.mean()


def _zero_sum(shape: tuple[int, ...], random: Random) -> Array:
    weights = random.standard_normal(shape)
    return weights - weights.mean()


def _dense(shape: tuple[int, ...], random: Random) -> Array:
    """Weights of full rank and both signs whose sum is 1."""
    weights = random.normal(0, 0.3 / shape[0], shape)
    return weights + (1 - weights.sum()) / weights.size


def _sparse(shape: tuple[int, ...], random: Random) -> Array:
    """A tenth of the taps, at least six where there are as many."""
    weights = np.zeros(int(np.prod(shape)))
    taps = random.permutation(weights.size)[: max(weights.size // 10, 6)]
    weights[taps] = random.standard_normal(len(taps))
    return weights.reshape(shape)


def _outer(shape: tuple[int, ...], random: Random) -> Array:
    """A bell in float32: its rank is 1 but for rounding."""
    down, across = (np.exp(-(np.linspace(-2.5, 2.5, side) ** 2) / 2) for side in shape)
    bell = np.outer(down, across)
    return (bell / bell.sum()).astype(np.float32)


def _holes(shape: tuple[int, ...], random: Random) -> Array:
    """A checkerboard of taps."""
    return random.random(shape) * (np.indices(shape).sum(axis=0) % 2 == 0)


KERNELS: dict[str, Callable[..., Array]] = {
    "dense": _dense,
    "normal": lambda shape, random: random.standard_normal(shape),
    "normal32": lambda shape, random: random.standard_normal(shape, np.float32),
    "positive": lambda shape, random: random.random(shape),
    "integers": lambda shape, random: random.integers(-9, 10, shape),
    "zero-sum": _zero_sum,
    "ramp": _ramp,
    "sparse": _sparse,
    "holes": _holes,
    "outer": _outer,
    "zeros": lambda shape, random: np.zeros(shape),
}
