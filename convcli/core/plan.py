"""Decide, before any pixel is touched, how one image meets one kernel.

The plan holds the layout, the number types and the method; it can say in a line why.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from convcli.core.arithmetic import Numbers, check_finite, choose_numbers, whole
from convcli.core.fourier import Spectra
from convcli.core.matrix import Bank
from convcli.core.methods import choose_bank, choose_passes, choose_spectra
from convcli.core.passes import Passes
from convcli.core.windows import border_name
from convcli.errors import GeometryError, KernelError, UsageError
from convcli.geometry import Geometry, Padding, Pair, lay_out

# Small enough for the cache, large enough that threads seldom meet between two passes; a quarter
# of it where there is one thread, for which fresh memory is the greater cost.
STRIP_BYTES = 1 << 20
WORTH_THREADS = 1 << 20  # samples; fewer are done before a second thread has begun
LONGEST = 2**31 - 1  # pixels on a side


class Layout(NamedTuple):
    """How a kernel is laid over an image; see :func:`convcli.cross_correlate` for each field."""

    operation: str = "correlate"
    padding: Padding = "same"
    border: str = "edge"
    fill: float = 0
    stride: int | Pair = 1
    dilation: int | Pair = 1


@dataclass(frozen=True, eq=False)
class Plan:
    """How one image is filtered with one kernel.

    Attributes:
        passes: how the windows are summed; one for each map where the kernel sums over channels.
            With ``spectra`` or ``bank`` they serve strips that hold NaN or infinity.
        spectra: the kernel's, where the method is fft.
        bank: the kernel's, where the method is matrix.
        summed: whether the kernel sums over the channels.
        geometry: pads, stride, dilation and sizes.
        border: numpy's name of what the padding holds.
        fill: the value of ``constant`` and ``zero`` borders.
        numbers: the types.
        shape: (H', W'), (H', W', C) or (H', W', N).
    """

    passes: list[Passes]
    spectra: Spectra | None
    bank: Bank | None
    summed: bool
    geometry: Geometry
    border: str
    fill: float
    numbers: Numbers
    shape: tuple[int, ...]

    @property
    def result(self) -> np.dtype[np.generic]:
        """Type of the feature map where none is asked for."""
        return self.numbers.result

    @property
    def block(self) -> np.dtype[np.generic]:
        """Type of the finished values of a strip."""
        return self.numbers.block

    def strip_rows(self, channels: int) -> int:
        """Return how many output rows to compute at a time."""
        if self.spectra is not None:
            return self.spectra.right[0]
        if self.bank is not None:
            return self.bank.strip_rows
        row = self.geometry.padded[1] * channels * self.numbers.accumulator.itemsize
        samples = channels * self.geometry.size[0] * self.geometry.size[1]
        most = STRIP_BYTES if samples >= WORTH_THREADS else STRIP_BYTES // 4
        rows = most // row // self.geometry.stride[0]
        # Rows that two strips share are copied twice: a tall kernel asks for tall strips.
        return max(rows, self.geometry.extent[0] // self.geometry.stride[0], 1)

    def why(self) -> str:
        """Name the method, its cost, its number type and the reason, in one line."""
        accumulator = self.numbers.accumulator
        kind = "exact integers" if accumulator.kind == "i" else "floating point"
        taps = sum(passes.taps for passes in self.passes)
        cost = sum(passes.cost for passes in self.passes)
        if self.spectra is not None:
            rows, columns = self.spectra.tile
            return (
                f"fft: tiles of {columns}x{rows} in place of {cost} passes, {accumulator} ({kind})"
            )
        if self.bank is not None:
            size, filters = self.bank.columns.shape
            return f"matrix: windows of {size} taps times {filters} filters, {accumulator} ({kind})"
        method = self.passes[0].method
        return f"{method}: {taps} taps in {cost} passes over {accumulator} ({kind})"


def make_plan(
    image: NDArray[np.generic],
    kernel: NDArray[np.generic],
    layout: Layout,
    divisor: float = 1,
    bias: float = 0,
    method: str = "auto",
) -> Plan:
    """Lay a kernel over an image, choose the number types and the method.

    ``image`` is (H, W) or (H, W, C) and only its shape, type and, for integers of 32 bits and
    more, its extremes matter. ``kernel`` is as it is to be applied: a convolution's is already
    flipped, and the layout's operation only places the anchor. ``method`` is one of ``METHODS``.

    Raises:
        KernelError: a kernel that is empty, not of real finite numbers, whose channels are not
            the image's, or which the method cannot sum.
        GeometryError: no window fits.
        UsageError: another argument is wrong, or the sums exceed 64-bit integers.
    """
    _check_numbers(image, kernel, divisor, bias)
    bank = _as_bank(kernel, image)
    size, taps = (image.shape[0], image.shape[1]), (kernel.shape[-2], kernel.shape[-1])
    geometry = lay_out(size, taps, layout.padding, layout.stride, layout.dilation, layout.operation)
    if max(geometry.padded) > LONGEST:
        raise GeometryError(f"a padded side has {max(geometry.padded)} pixels; {LONGEST} is most")
    border = border_name(layout.border)
    fill = whole(layout.fill) if border == "constant" else 0
    numbers = choose_numbers(image, bank, fill, divisor, bias)
    shape = geometry.output + (image.shape[2:] if kernel.ndim == 2 else kernel.shape[:-3])
    summed = bank.ndim == 4
    passes = [
        choose_passes(each, method) for each in (numbers.weights if summed else [numbers.weights])
    ]
    spectra, product = None, None
    if summed and method == "fft":
        raise KernelError("sums over channels, which the method fft does not; auto sums it")
    if not summed and method == "matrix":
        raise KernelError("sums over no channels, as the method matrix does; auto sums it")
    if summed:
        product = choose_bank(image, numbers, geometry, fill, passes, method)
    else:
        spectra = choose_spectra(image, numbers, geometry, fill, passes[0], method)
    return Plan(passes, spectra, product, summed, geometry, border, fill, numbers, shape)


def _as_bank(kernel: NDArray[np.generic], image: NDArray[np.generic]) -> NDArray[np.generic]:
    """Give a kernel that sums over channels all four axes, once its channels are the image's."""
    if kernel.ndim == 2:
        return kernel
    channels = image.shape[2] if image.ndim == 3 else 1
    if kernel.shape[-3] != channels:
        raise KernelError(f"kernel sums over {kernel.shape[-3]} channels, the image has {channels}")
    return kernel if kernel.ndim == 4 else kernel[np.newaxis]


def _check_numbers(
    image: NDArray[np.generic], kernel: NDArray[np.generic], divisor: float, bias: float
) -> None:
    if image.ndim not in (2, 3) or image.dtype.kind not in "buif" or 0 in image.shape:
        raise UsageError(
            f"image must be (H, W) or (H, W, C) real numbers, not {image.shape} {image.dtype}"
        )
    if kernel.ndim not in (2, 3, 4) or kernel.dtype.kind not in "buif" or 0 in kernel.shape:
        raise KernelError(
            "kernel must be (kh, kw), (C, kh, kw) or (N, C, kh, kw) real numbers, "
            f"not {kernel.shape} {kernel.dtype}"
        )
    check_finite(kernel)
    if not math.isfinite(divisor) or divisor == 0:
        raise KernelError(f"divisor must be a finite number other than 0, not {divisor:g}")
    if not math.isfinite(bias):
        raise KernelError(f"bias must be a finite number, not {bias:g}")


def result_dtype(plan: Plan, dtype: DTypeLike | None) -> np.dtype[np.generic]:
    """Return the type of the feature map: the plan's own, or the one asked for.

    Raises:
        UsageError: the type asked for is not one of real numbers.
    """
    if dtype is None:
        return plan.result
    try:
        asked = np.dtype(dtype)
    except TypeError as error:
        raise UsageError(f"dtype {dtype!r} is no type of numbers") from error
    if asked.kind not in "uif":
        raise UsageError(f"dtype must be an integer or floating-point type, not {asked}")
    return asked
