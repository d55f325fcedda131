"""The kernel: weights with a divisor and a bias, checked once and then never changed."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from convcli.errors import KernelError
from convcli.kernels.naming import safe_name, turned_name
from convcli.kernels.turning import turn

LARGEST = 1e30  # beyond it float32 sums of pixels overflow
INT64 = np.iinfo(np.int64)

Number = int | float
Factors = tuple[NDArray[Any], NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Kernel:
    """Weights ``matrix / divisor``, and a ``bias`` that is added to each sum.

    Attributes:
        matrix: (rows, columns), or (C, rows, columns) to sum over channels, or
            (N, C, rows, columns) for a bank. Any array of numbers may be given; it is kept as a
            read-only copy, int64 where it holds integers, else float64.
        divisor: what the weights are divided by.
        bias: added after the division, in 8-bit levels (0..255).
        name: fit for a file name; other characters are replaced.
        summary: one line on what it does.
        source: the paper, book or library it comes from.

    Raises:
        KernelError: the matrix, divisor or bias is no kernel.

    >>> blur = Kernel([[1, 2, 1], [2, 4, 2], [1, 2, 1]], divisor=16, name="blur")
    >>> blur.shape, blur.sum, blur.symmetry, blur.rank
    ((3, 3), 1, 'symmetric', 1)
    """

    matrix: NDArray[Any]
    divisor: Number = 1
    bias: Number = 0
    name: str = "custom"
    summary: str = ""
    source: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "matrix", _checked_matrix(self.matrix))
        object.__setattr__(self, "divisor", _checked_number(self.divisor, "divisor"))
        object.__setattr__(self, "bias", _checked_number(self.bias, "bias"))
        object.__setattr__(self, "name", safe_name(self.name))
        if self.divisor == 0:
            raise KernelError("a kernel's divisor cannot be 0")
        _check_magnitude(self.weights)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the weights: the integers themselves where the divisor is 1, else float64."""
        array = self.matrix if self.divisor == 1 else self.weights
        return np.array(array, dtype=dtype, copy=copy)

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes by the constructor, which makes the matrix read-only again."""
        fields = (self.matrix, self.divisor, self.bias, self.name, self.summary, self.source)
        return Kernel, fields

    @property
    def weights(self) -> NDArray[np.float64]:
        """The numbers that multiply the pixels, float64, of the matrix's shape."""
        with np.errstate(over="ignore"):
            weights: NDArray[np.float64] = self.matrix / self.divisor
        return weights

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of the window."""
        rows, columns = self.matrix.shape[-2:]
        return rows, columns

    @property
    def sum(self) -> Number:
        """The sum of the weights: what becomes of a pixel in a flat image. Exact for integers."""
        return _divided(_total(self.matrix), self.divisor)

    @property
    def symmetry(self) -> str:
        """``symmetric`` where half a turn changes nothing, ``antisymmetric`` where it negates.

        A symmetric kernel correlates and convolves alike; an antisymmetric one differs in sign.
        """
        half_turn = turn(self.matrix, 180)
        if np.array_equal(self.matrix, half_turn):
            return "symmetric"
        return "antisymmetric" if np.array_equal(self.matrix, -half_turn) else "none"

    @cached_property
    def rank(self) -> int | None:
        """How many separable kernels sum to this one; None for a kernel over channels."""
        if self.matrix.ndim != 2:
            return None
        if self.matrix.dtype.kind == "i" and _integer_factors(self.matrix) is not None:
            return 1
        rank = int(np.linalg.matrix_rank(self.matrix.astype(np.float64)))
        return max(rank, 2) if self.matrix.dtype.kind == "i" and rank else rank

    @property
    def separable(self) -> Factors | None:
        """The column and the row whose outer product is ``matrix``, or None where rank is not 1.

        Integers for an integer matrix. One pass over columns and one over rows then do the work
        of the whole kernel.
        """
        if self.rank != 1:
            return None
        return _integer_factors(self.matrix) or _float_factors(self.matrix)

    def output_range(self, low: Number = 0, high: Number = 255) -> tuple[Number, Number]:
        """Return the least and the greatest output for samples between ``low`` and ``high``.

        >>> Kernel([[-1, 0, 1]]).output_range()
        (-255, 255)
        """
        positive = _total(np.maximum(self.matrix, 0))
        negative = _total(np.minimum(self.matrix, 0))
        ends = (positive * low + negative * high, positive * high + negative * low)
        least, greatest = sorted(_divided(end, self.divisor) + self.bias for end in ends)
        return least, greatest

    def normalized(self) -> "Kernel":
        """Return the kernel whose weights sum to 1.

        Raises:
            KernelError: they sum to 0.
        """
        total = _total(self.matrix)
        if abs(total) <= 1e-12 * float(np.abs(self.matrix, dtype=np.float64).sum()):
            raise KernelError(f"the weights of {self.name} sum to 0 and cannot be normalized to 1")
        return self.with_divisor(total if INT64.min <= total <= INT64.max else float(total))

    def with_divisor(self, divisor: Number) -> "Kernel":
        """Return the kernel with another divisor in place of its own."""
        return replace(self, divisor=divisor)

    def with_bias(self, bias: Number) -> "Kernel":
        """Return the kernel with another bias, in 8-bit levels."""
        return replace(self, bias=bias)

    def turned(self, angle: float) -> "Kernel":
        """Return the kernel turned counter-clockwise, by 90 degrees (a 3x3: 45) or a multiple.

        Raises:
            KernelError: the angle would have to be interpolated.

        >>> Kernel([[-1, 0, 1]]).turned(90).matrix.tolist()
        [[1], [0], [-1]]
        """
        matrix = turn(self.matrix, angle)
        if angle % 360 == 0:
            return self
        return replace(
            self,
            matrix=matrix,
            name=turned_name(self.name, angle),
            summary=f"{self.summary or self.name}, turned by {angle:g} degrees",
        )


def _checked_matrix(given: ArrayLike) -> NDArray[Any]:
    """Return a read-only int64 or float64 copy."""
    try:
        array = np.asarray(given)
    except (ValueError, OverflowError) as error:
        raise KernelError(
            "the rows of a kernel must be numbers, and equally many in each"
        ) from error
    if array.dtype.kind not in "iuf":
        raise KernelError(f"a kernel's weights are integers or reals, not {array.dtype.name}")
    if array.ndim not in (2, 3, 4):
        raise KernelError(f"a kernel has 2, 3 or 4 dimensions, not {array.ndim}")
    if array.size == 0:
        raise KernelError("a kernel needs at least one weight")
    whole = array.dtype.kind in "iu"
    if whole and not -INT64.max <= int(array.min()) <= int(array.max()) <= INT64.max:
        raise KernelError("a kernel's integers must fit in 64 bits")
    # what float64 cannot hold of a long double becomes infinity or NaN, refused below
    with np.errstate(over="ignore", invalid="ignore"):
        # adding 0.0 turns the negative zeros of a float kernel into plain ones
        matrix = array.astype(np.int64) if whole else array.astype(np.float64) + 0.0
    if not whole:
        _check_magnitude(matrix)
    matrix.flags.writeable = False
    return matrix


def _check_magnitude(weights: NDArray[Any]) -> None:
    if not np.isfinite(weights).all():
        raise KernelError("a kernel's weights must be finite: it holds NaN or infinity")
    if np.abs(weights).max() > LARGEST:
        raise KernelError(f"a kernel's weights must lie within ±{LARGEST:g}")


def _checked_number(given: Number, what: str) -> Number:
    """Return a finite Python number that float64 and int64 arrays can be combined with."""
    number = given.item() if isinstance(given, np.generic) else given
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise KernelError(f"a kernel's {what} is one number, not {type(number).__name__}")
    if isinstance(number, int) and not INT64.min <= number <= INT64.max:
        raise KernelError(f"a kernel's {what} must fit in 64 bits")
    if not math.isfinite(number) or abs(number) > LARGEST:
        raise KernelError(f"a kernel's {what} must be finite and within ±{LARGEST:g}")
    return number


def _total(matrix: NDArray[Any]) -> Number:
    """Sum without overflow: Python's integers, or correctly rounded reals."""
    values = matrix.ravel().tolist()
    return sum(values) if matrix.dtype.kind == "i" else math.fsum(values)


def _divided(number: Number, divisor: Number) -> Number:
    """Divide; integers that divide evenly stay integers."""
    if isinstance(number, int) and isinstance(divisor, int) and number % divisor == 0:
        return number // divisor
    return number / divisor


def _integer_factors(matrix: NDArray[Any]) -> Factors | None:
    """Return integers whose outer product is exactly ``matrix``, or None where there are none."""
    if matrix.dtype.kind != "i" or not matrix.any():
        return None
    rows: list[list[int]] = matrix.tolist()
    pivot = next(row for row in rows if any(row))
    common = math.gcd(*pivot)
    row = [weight // common for weight in pivot]
    place = next(j for j, weight in enumerate(row) if weight)
    column = [line[place] // row[place] for line in rows]
    if any([c * r for r in row] != line for c, line in zip(column, rows, strict=True)):
        return None
    return _oriented(np.array(column), np.array(row))


def _float_factors(matrix: NDArray[Any]) -> Factors:
    """Return reals of like size whose outer product is the rank-1 ``matrix``."""
    i, j = np.unravel_index(int(np.abs(matrix).argmax()), matrix.shape)
    pivot = matrix[i, j]
    root = math.sqrt(abs(pivot))
    return _oriented(matrix[:, j] / root, matrix[i] * (np.sign(pivot) / root))


def _oriented(column: NDArray[Any], row: NDArray[Any]) -> Factors:
    """Let the smoothing factor be the positive one, so that the other shows a gradient's sign."""
    if max((column.sum(), row.sum()), key=abs) < 0:
        return 0 - column, 0 - row
    return column, row
