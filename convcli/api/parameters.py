"""Parameters that several functions have: their types, and their documentation.

They are documented once, in ``_SHARED``, and inserted into docstrings, as scipy.ndimage does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import cleandoc
from textwrap import indent
from typing import TYPE_CHECKING, Any, SupportsFloat, SupportsIndex, TypeVar

from convcli.choices import AnchorRule, PaddingRule
from convcli.geometry import Ints

if TYPE_CHECKING:
    from numpy.typing import NDArray

    PaddingLike = SupportsIndex | PaddingRule | Ints
    AnyAnchor = AnchorRule | SupportsIndex | Ints
    Number = float | SupportsFloat
    SampledAt = Sequence[float] | str | None
    Biases = Number | Sequence[Number] | NDArray[Any]

F = TypeVar("F", bound=Callable[..., Any])

_SHARED = {
    "image": """\
image: (H, W) or (H, W, C) real numbers, never modified: an array, nested lists, or a PIL image
    without alpha (a palette becomes RGB). A signal (W,) is one row, and its result has one
    dimension too.""",
    "kernel": """\
kernel: weights, a :class:`Kernel`, or the text of a SPEC. Weights are (kh, kw), applied to each
    channel; (C, kh, kw), summed over the channels to one map; or a filter bank (N, C, kh, kw), as
    in torch and ONNX. (kw,) is one row. A Kernel or SPEC brings its divisor and bias; a family
    such as ``sobel`` gives its combined map. A list of Kernels of one shape is a bank.""",
    "conv": """\
padding: pixels added around the image: one number for every side, (vertical, horizontal),
    (top, bottom, left, right), or a rule. ``valid`` adds none. ``same`` adds ``d(k-1)`` in
    total, so that stride 1 keeps the size; an even kernel has its extra pixel at the bottom
    and the right (``convolve``: top and left) unless ``anchor`` moves it. ``full`` adds ``d(k-1)``
    on every side. ``same-upper`` and ``same-lower`` add as little as ``ceil(n/s)`` outputs take,
    an odd pixel after or before, as ONNX has them and TensorFlow's ``SAME``; ``causal`` adds
    ``d(k-1)`` before the image only. For a signal a pair is (before, after).
border: what the padding holds: ``edge`` (aaa|abcd|ddd), ``zero``,
    ``reflect`` (dcb|abcd|cba), ``symmetric`` (cba|abcd|dcb), ``wrap`` (bcd|abcd|abc), or
    ``constant``, named as in ``numpy.pad``, but for ``zero``.
    scipy.ndimage and skimage.filters call ``symmetric`` reflect; OpenCV calls it BORDER_REFLECT,
    and ``reflect`` BORDER_REFLECT_101. Synonyms: replicate and nearest (``edge``), zeros, mirror
    (``reflect``), circular (``wrap``).
fill: the value of a ``constant`` border.
stride: step between windows, one number or (rows, columns).
dilation: distance between taps, one number or (rows, columns).
anchor: the place of a window that its output stands for: ``before``, the middle or, of an even
    side, the one before it, as in torch; ``after``, the one after it, as in scipy.ndimage and
    OpenCV; or the (row, column) of a tap of the kernel as it is applied. ``convolve`` flips the
    first two with the kernel. The anchor moves the padding of ``same``, and carries alpha.""",
    "sums": """\
divisor: the sums are divided by it, after exact summation if they are integers; None for the
    kernel's own, which is 1 for weights.
bias: added after the division, one number or one for each filter of a bank; None for the kernel's
    own, which is 0 for weights. A Kernel's bias is in 8-bit levels: for uint16 images it is
    multiplied by 257.
dtype: type of the result. An integer type rounds half to even and saturates; NaN becomes 0.
    float64 and wider are also summed in float64.
method: how to sum: ``auto`` (the cheapest), ``direct``, ``separable``, ``toeplitz``, ``fft``,
    or ``matrix`` (im2col, for filter banks). All give the same integers.
threads: use at most this many; None for ``CONVCLI_THREADS``, or one per processor. The result
    does not depend on it.""",
    "missing": """\
mask: pixels to leave out, (H, W) or (H, W, C): all but 0 and False mark MISSING ones, as in
    numpy.ma and astropy; OpenCV and GDAL mean the inverse. ``image`` may be a masked array
    instead. With weights of one sign a sum is scaled by sum(w) / sum(valid w), as astropy's
    convolve does; with both, a missing pixel takes the value at the anchor, and where that is
    missing, so is the result. Padding that repeats a missing pixel is missing, a fill is valid.
nan: ``propagate`` gives NaN to all windows that weigh NaN; ``ignore`` takes it as missing.
min_valid: the least share of sum(abs(w)), 0 to 1, that must lie on valid pixels for a value; 0 for
    any that is more than 0.""",
    "defaults": """\
The defaults are padding ``same`` and border ``edge``. torch's are no padding, and zeros where it
pads; scipy.ndimage's and skimage.filters' are ``same`` and ``symmetric``; OpenCV's are ``same`` and
``reflect``; those of numpy.convolve and scipy.signal.convolve2d are ``full`` and zeros.""",
}


def documented(function: F) -> F:
    """Insert the shared arguments into a docstring, at ``{their name}``."""
    doc = cleandoc(function.__doc__ or "")
    for name, text in _SHARED.items():
        doc = doc.replace(f"    {{{name}}}", indent(text, "    "))
        doc = doc.replace(f"{{{name}}}", text)
    function.__doc__ = doc
    return function
