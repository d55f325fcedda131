"""The kernel: weights with a divisor and a bias, checked when it is made and immutable."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from convcli.core.dtypes import as_numbers
from convcli.core.factors import rank_one_factors
from convcli.errors import KernelError
from convcli.geometry import size_text
from convcli.signals import SampleAxis

if TYPE_CHECKING:
    from fractions import Fraction

MAX_WEIGHT = 1e30  # larger weights overflow float32 sums
INT64 = np.iinfo(np.int64)
MAX_REPR = 100  # characters of a matrix in repr()
UNNAMED = "custom"  # in file names, a kernel without a name and a typed matrix
MAX_WEIGHTS_NAME = 40  # characters of the weights that name a kernel without a name
MAX_NAME_BYTES = 80  # in UTF-8: a file name holds 255, and the image's own name comes first
UNSAFE = frozenset('/\\:*?"<>|,;=@')  # in file names, or in a SPEC
# The eight cells around the center of a 3x3 matrix, clockwise from the upper left.
RING_ROWS = [0, 0, 0, 1, 2, 2, 2, 1]
RING_COLUMNS = [0, 1, 2, 2, 2, 1, 0, 0]

Number = int | float
Factors = tuple[NDArray[Any], NDArray[Any]]


class Kernel:
    """The weights ``matrix / divisor``, and a ``bias`` that is added to each sum.

    Attributes:
        matrix: (rows, columns); (C, rows, columns) sums over channels; (N, C, rows, columns) is
            a bank. Any array of integers, booleans or reals is accepted, a 1-D one as one row, and
            kept as a read-only copy: int64 for integers and booleans, else float64.
        divisor: divides the weights.
        bias: added after the division, in 8-bit levels (0..255).
        name: what texts and figures call it: the SPEC as typed. A kernel without a name is called
            by its rows, ``1 2 1; 2 4 2; 1 2 1``, if they are short, else ``kernel``.
        summary: one line on what the kernel does.
        source: the paper, book or library it comes from.
        axis: where the weights lie, if they are samples of a signal, along their row or column.
        slug: its part of file names, the name with unsafe characters replaced by ``-`` unless
            given; ``custom`` without a name.

    Two kernels are equal, and have the same hash, if their matrices, divisors and biases are equal.
    Names, summaries, sources and axes may differ.

    Raises:
        KernelError: the matrix, divisor, bias or name is invalid.

    >>> blur = Kernel([[1, 2, 1], [2, 4, 2], [1, 2, 1]], divisor=16, name="blur")
    >>> blur.shape, blur.sum, blur.symmetry, blur.rank
    ((3, 3), 1, 'symmetric', 1)
    >>> blur
    Kernel([[1, 2, 1], [2, 4, 2], [1, 2, 1]], divisor=16, name='blur')
    """

    matrix: NDArray[Any]
    divisor: Number
    bias: Number
    summary: str
    source: str
    axis: SampleAxis | None
    slug: str
    _name: str

    def __init__(
        self,
        matrix: ArrayLike,
        divisor: Number = 1,
        bias: Number = 0,
        name: str = "",
        summary: str = "",
        source: str = "",
        axis: SampleAxis | None = None,
        slug: str = "",
    ) -> None:
        own = vars(self)
        own["matrix"] = _checked_matrix(matrix)
        own["divisor"] = _checked_number(divisor, "divisor")
        own["bias"] = _checked_number(bias, "bias")
        if not isinstance(axis, SampleAxis | None):
            raise KernelError(f"a kernel's axis must be a SampleAxis, not {type(axis).__name__}")
        own["axis"] = axis
        texts: dict[str, object] = {
            "name": name, "summary": summary, "source": source, "slug": slug
        }  # fmt: skip
        for field, text in texts.items():
            if not isinstance(text, str):
                kind = type(text).__name__
                raise KernelError(f"a kernel's {field} must be text, not {kind}")
        own["_name"], own["summary"], own["source"] = name, summary, source
        own["slug"] = safe_name(slug or name)
        if self.divisor == 0:
            raise KernelError("a kernel's divisor cannot be 0")
        _check_magnitude(self.weights)

    def __setattr__(self, name: str, _value: object) -> NoReturn:
        raise AttributeError(f"cannot assign to {name!r}: a kernel does not change")

    def __delattr__(self, name: str) -> NoReturn:
        raise AttributeError(f"cannot delete {name!r}: a kernel does not change")

    def _replace(self, **changes: Any) -> Kernel:
        """Return a kernel with some attributes changed."""
        return Kernel(**(self._fields() | changes))

    def _fields(self) -> dict[str, Any]:
        """Return the constructor's arguments, in its order."""
        names = ("matrix", "divisor", "bias", "_name", "summary", "source", "axis", "slug")
        return {name.removeprefix("_"): vars(self)[name] for name in names}

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the weights: the matrix itself where the divisor is 1, else float64."""
        array = self.matrix if self.divisor == 1 else self.weights
        return np.array(array, dtype=dtype, copy=copy)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Kernel):
            return NotImplemented
        numbers = (self.divisor, self.bias) == (other.divisor, other.bias)
        return numbers and np.array_equal(self.matrix, other.matrix)

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        weights = tuple(self.matrix.ravel().tolist())
        return hash((self.matrix.shape, weights, self.divisor, self.bias))

    def __repr__(self) -> str:
        """Return the call that makes an equal kernel, or a summary of a large one."""
        matrix = repr(self.matrix.tolist()) if self.matrix.size <= MAX_REPR else ""
        if not 0 < len(matrix) <= MAX_REPR:
            shape, kind = self.matrix.shape, self.matrix.dtype.name
            return f"<Kernel {self.name!r}: {shape} {kind}, sum {self.sum:g}>"
        words = [matrix]
        words += [f"divisor={self.divisor!r}"] * (self.divisor != 1)
        words += [f"bias={self.bias!r}"] * (self.bias != 0)
        words += [f"name={self.name!r}"] * (self.slug != UNNAMED)
        return f"Kernel({', '.join(words)})"

    def _repr_html_(self) -> str:
        """Return the weights and their properties for a notebook."""
        from convcli.html import html_block, html_line
        from convcli.kernels.weights_html import weights_html

        facts = [size_text(self.shape)]
        facts += [f"divisor {self.divisor:.6g}"] * (self.divisor != 1)
        facts += [f"bias {self.bias:.6g}"] * (self.bias != 0)
        facts += [f"sum {self.sum:.6g}"]
        facts += [self.symmetry] * (self.symmetry != "none")
        parts = (
            html_line(self.name, bold=True),
            weights_html(self.matrix),
            html_line(", ".join(facts)),
        )
        return html_block(parts)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by the constructor, which makes the matrix read-only again."""
        return Kernel, tuple(self._fields().values())

    @property
    def name(self) -> str:
        """What texts and figures call the kernel."""
        return self._name or self._weights_name()

    def _weights_name(self) -> str:
        """Return the rows of a small matrix as a SPEC, else ``kernel``."""
        if self.matrix.ndim > 2 or self.matrix.size > MAX_WEIGHTS_NAME:
            return "kernel"
        rows = (" ".join(f"{weight:.6g}" for weight in row) for row in self.matrix.tolist())
        text = "; ".join(rows)
        return text if len(text) <= MAX_WEIGHTS_NAME else "kernel"

    @property
    def weights(self) -> NDArray[np.float64]:
        """``matrix / divisor`` in float64: the numbers that multiply the pixels."""
        with np.errstate(all="ignore"):
            weights: NDArray[np.float64] = self.matrix / self.divisor
        return weights

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns) of the kernel; channels are not counted."""
        rows, columns = self.matrix.shape[-2:]
        return rows, columns

    @property
    def sum(self) -> Number:
        """The sum of the weights, i.e. the gain on a constant image. Exact for integers."""
        return _divided(_total(self.matrix), self.divisor)

    @property
    def symmetry(self) -> str:
        """``symmetric``, ``antisymmetric`` or ``none``, under a flip of both axes.

        With a symmetric kernel correlation and convolution agree; with an antisymmetric one they
        differ in sign.
        """
        flipped = self.matrix[..., ::-1, ::-1]
        if np.array_equal(self.matrix, flipped):
            return "symmetric"
        return "antisymmetric" if np.array_equal(self.matrix, -flipped) else "none"

    @cached_property
    def rank(self) -> int | None:
        """The rank of a 2-D matrix: how many separable kernels sum to it. None with channels."""
        if self.matrix.ndim != 2:
            return None
        if rank_one_factors(self.matrix) is not None:
            return 1
        rank = int(np.linalg.matrix_rank(self.matrix.astype(np.float64)))
        return max(rank, 2) if self.matrix.any() else 0

    @property
    def separable(self) -> Factors | None:
        """The column and the row whose outer product is ``matrix``; None unless the rank is 1.

        Both are integers for an integer matrix, and of similar magnitude for a float one. The
        factor with the larger sum, which smooths, is positive; the other shows a gradient's sign.
        """
        factors = rank_one_factors(self.matrix) if self.matrix.ndim == 2 else None
        if factors is None:
            return None
        column, row = factors
        if self.matrix.dtype.kind == "f":  # the row's largest magnitude is 1
            root = math.sqrt(np.abs(column).max())
            column, row = column / root, row * root
        if max((column.sum(), row.sum()), key=abs) < 0:
            column, row = 0 - column, 0 - row  # not -column, which makes zeros negative
        return column, row

    def output_range(self, low: Number = 0, high: Number = 255) -> tuple[Number, Number]:
        """Return the smallest and the largest output for inputs between ``low`` and ``high``.

        >>> Kernel([[-1, 0, 1]]).output_range()
        (-255, 255)
        """
        low, high = _checked_number(low, "lowest input"), _checked_number(high, "highest input")
        positive = _total(np.maximum(self.matrix, 0))
        negative = _total(np.minimum(self.matrix, 0))
        ends = (positive * low + negative * high, positive * high + negative * low)
        low, high = sorted(_divided(end, self.divisor) + self.bias for end in ends)
        return low, high

    def normalized(self) -> Kernel:
        """Return the kernel with the sum of its weights as its divisor, so that they sum to 1.

        Raises:
            KernelError: the weights sum to 0.
        """
        total = _total(self.matrix)
        if abs(total) <= 1e-12 * float(np.abs(self.matrix, dtype=np.float64).sum()):
            raise KernelError(f"{self.name}: the weights sum to 0 and cannot be normalized to 1")
        return self.with_divisor(total if INT64.min <= total <= INT64.max else float(total))

    def divided(self) -> Kernel:
        """Return the kernel with its weights as the matrix, and no divisor.

        >>> Kernel([[1, 2, 1]], divisor=4).divided()
        Kernel([[0.25, 0.5, 0.25]])
        """
        return self if self.divisor == 1 else self._replace(matrix=self.weights, divisor=1)

    def with_divisor(self, divisor: Number) -> Kernel:
        """Return the kernel with another divisor."""
        return self._replace(divisor=divisor)

    def times(self, factor: Fraction) -> Kernel:
        """Return the kernel with its weights multiplied by a positive factor.

        >>> from fractions import Fraction
        >>> Kernel([[1, 2]]).times(Fraction("0.02")).divisor
        50
        """
        from fractions import Fraction

        divisor = Fraction(repr(self.divisor)) / factor
        whole = divisor.denominator == 1 and abs(divisor.numerator) <= INT64.max
        return self.with_divisor(divisor.numerator if whole else float(divisor))

    def with_bias(self, bias: Number) -> Kernel:
        """Return the kernel with another bias, in 8-bit levels."""
        return self._replace(bias=bias)

    def flipped(self) -> Kernel:
        """Return the kernel flipped on both axes: a convolution applies a kernel so.

        >>> Kernel([[1, 2], [3, 4]]).flipped().matrix.tolist()
        [[4, 3], [2, 1]]
        """
        slug = self.slug.removesuffix("-flipped")
        slug = f"{slug}-flipped" if slug == self.slug else slug
        name = self._name.removesuffix(", flipped")
        name = f"{name}, flipped" if name and name == self._name else name
        return self._replace(
            matrix=self.matrix[..., ::-1, ::-1], name=name, slug=slug, axis=self._flipped_axis()
        )

    def _flipped_axis(self) -> SampleAxis | None:
        return self.axis and self.axis.flipped(max(self.shape))

    def reversed_channels(self) -> Kernel:
        """Return a kernel over blue, green and red as one over red, green and blue.

        Raises:
            KernelError: the kernel is not over three channels.

        >>> Kernel([[[1]], [[2]], [[3]]]).reversed_channels().matrix.ravel().tolist()
        [3, 2, 1]
        """
        if self.matrix.ndim < 3 or self.matrix.shape[-3] != 3:
            raise KernelError(
                f"{self.name}: only kernels over three channels have an order of channels"
            )
        return self._replace(matrix=self.matrix[..., ::-1, :, :])

    def rotated(self, angle: float) -> Kernel:
        """Return the kernel rotated counter-clockwise, without interpolation.

        Args:
            angle: degrees; a multiple of 90, or of 45 for a 3x3 kernel.

        Raises:
            KernelError: the angle is no number, or needs interpolation.

        >>> Kernel([[-1, 0, 1]]).rotated(90).matrix.tolist()
        [[1], [0], [-1]]
        """
        angle = _checked_number(angle, "angle")
        matrix = rotate(self.matrix, angle)
        if angle % 360 == 0:
            return self
        return self._replace(
            matrix=matrix,
            name=self._name and f"{self._name}@{angle:g}",
            slug=rotated_slug(self.slug, angle),
            summary=f"{self.summary or self.name}, rotated by {angle:g} degrees",
            # A row turned by 90 degrees runs upward, which is backward in its column.
            axis=self._flipped_axis() if angle % 360 in (90, 180) else self.axis,
        )


def rotate(matrix: NDArray[Any], angle: float) -> NDArray[Any]:
    """Rotate a matrix in its last two axes, without interpolation.

    Args:
        matrix: (..., rows, columns), any dtype.
        angle: degrees, counter-clockwise as seen on the screen; a multiple of 90, or of 45 for
            3x3, where 45 degrees move each weight of the ring to the next cell.

    Raises:
        KernelError: the angle needs interpolation.

    >>> rotate(np.array([[1, 2, 3], [8, 0, 4], [7, 6, 5]]), 45).tolist()
    [[2, 3, 4], [1, 0, 5], [8, 7, 6]]
    """
    rows, columns = matrix.shape[-2:]
    if angle % 90 == 0:
        return np.rot90(matrix, int(angle % 360) // 90, axes=(-2, -1))
    step = 45 if (rows, columns) == (3, 3) else 90
    if angle % step != 0:
        raise KernelError(
            f"a fixed {size_text((rows, columns))} kernel can be rotated only by multiples of "
            f"{step} degrees, not {angle:g}"
        )
    rotated = matrix.copy()
    ring = matrix[..., RING_ROWS, RING_COLUMNS]
    rotated[..., RING_ROWS, RING_COLUMNS] = np.roll(ring, -(int(angle % 360) // 45), axis=-1)
    return rotated


def safe_name(text: str) -> str:
    r"""Return ``text`` as a part of a file name: no separators, spaces or control characters.

    >>> safe_name("gaussian:5,sigma=1.2"), safe_name("../a b\n")
    ('gaussian-5-sigma-1.2', 'a-b')
    """
    safe = "".join("-" if c in UNSAFE or c.isspace() or not c.isprintable() else c for c in text)
    short = safe.strip(".-").encode()[:MAX_NAME_BYTES].decode(errors="ignore")
    return short.strip(".-") or UNNAMED


def rotated_slug(slug: str, angle: float) -> str:
    """Return the slug of a kernel that is rotated by ``angle`` degrees.

    >>> rotated_slug("sobel-x", -45)
    'sobel-x-315deg'
    """
    return f"{slug}-{angle % 360:g}deg" if angle % 360 else slug


def _checked_matrix(given: ArrayLike) -> NDArray[Any]:
    """Return a read-only int64 or float64 copy."""
    array = as_numbers(given, "a kernel", KernelError)
    if array.dtype.kind not in "biuf":
        kind = "str" if array.dtype.kind == "U" else array.dtype.name
        raise KernelError(f"a kernel's weights must be integers or reals, not {kind}")
    if not 1 <= array.ndim <= 4:
        raise KernelError(f"a kernel must have 1 to 4 dimensions, not {array.ndim}")
    array = np.atleast_2d(array)
    if array.size == 0:
        raise KernelError("a kernel needs at least one weight")
    integers = array.dtype.kind in "biu"
    if integers:
        check_integers((int(array.min()), int(array.max())))
    # A long double that float64 cannot hold becomes infinity or NaN, which is refused below.
    with np.errstate(all="ignore"):
        # Adding 0.0 removes the sign of negative zeros.
        matrix = array.astype(np.int64) if integers else array.astype(np.float64) + 0.0
    if not integers:
        _check_magnitude(matrix)
    matrix.flags.writeable = False
    return matrix


def check_integers(weights: Iterable[int]) -> None:
    """Raise KernelError unless int64 holds all weights, and holds them with the other sign."""
    if any(abs(weight) > INT64.max for weight in weights):
        raise KernelError(
            f"a kernel's integers must lie within ±{INT64.max}; write larger ones as floats: 1e19"
        )


def _check_magnitude(weights: NDArray[Any]) -> None:
    if not np.isfinite(weights).all():
        raise KernelError("a kernel's weights must be finite, not NaN or infinity")
    if np.abs(weights).max() > MAX_WEIGHT:
        raise KernelError(f"a kernel's weights must lie within ±{MAX_WEIGHT:g}")


def _checked_number(given: Number, what: str) -> Number:
    """Return a finite Python number that int64 and float64 can hold."""
    number = given.item() if isinstance(given, np.generic) else given
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise KernelError(f"a kernel's {what} must be one number, not {type(number).__name__}")
    if isinstance(number, int) and not INT64.min <= number <= INT64.max:
        raise KernelError(f"a kernel's {what} must fit in 64 bits")
    if not math.isfinite(number) or abs(number) > MAX_WEIGHT:
        raise KernelError(f"a kernel's {what} must be finite and within ±{MAX_WEIGHT:g}")
    return number


def _total(matrix: NDArray[Any]) -> Number:
    """Sum without overflow: Python integers exactly, floats rounded once."""
    values = matrix.ravel().tolist()
    return sum(values) if matrix.dtype.kind == "i" else math.fsum(values)


def _divided(number: Number, divisor: Number) -> Number:
    """Divide; an integer that divides evenly stays an integer."""
    if isinstance(number, int) and isinstance(divisor, int) and number % divisor == 0:
        return number // divisor
    return number / divisor
