"""``explore``: a page, or a widget, that shows a convolution live."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

from convcli.api.arguments import conv_options, in_arguments
from convcli.api.given_filter import given_filter
from convcli.api.parameters import documented
from convcli.choices import PERCENTILES, AnyBorder, Combine, Operation, Range
from convcli.geometry import ConvOptions, IntOrPair
from convcli.kernels.given import as_filters
from convcli.teaching.explore.array_page import ExplorePage, PageSettings, array_setup
from convcli.teaching.explore.page import explore_page

if TYPE_CHECKING:
    from convcli.api.parameters import AnyAnchor, Number, PaddingLike
    from convcli.images.given import Image
    from convcli.kernels.given import KernelLike
    from convcli.teaching.explore.page import PageSetup
    from convcli.teaching.explore.widget import ExploreWidget


@overload
def explore(
    image: Image,
    kernel: KernelLike,
    *,
    operation: Operation = "correlate",
    padding: PaddingLike = "same",
    border: AnyBorder = "edge",
    fill: Number = 0,
    stride: IntOrPair = 1,
    dilation: IntOrPair = 1,
    anchor: AnyAnchor = "before",
    divisor: Number | None = None,
    bias: Number | None = None,
    combine: Combine | None = None,
    range: Range = "clip",
    percentile: Sequence[Number] = PERCENTILES,
    at: IntOrPair | None = None,
    layers: str | Iterable[str] = (),
    widget: Literal[False] = False,
) -> ExplorePage: ...


@overload
def explore(
    image: Image,
    kernel: KernelLike,
    *,
    operation: Operation = "correlate",
    padding: PaddingLike = "same",
    border: AnyBorder = "edge",
    fill: Number = 0,
    stride: IntOrPair = 1,
    dilation: IntOrPair = 1,
    anchor: AnyAnchor = "before",
    divisor: Number | None = None,
    bias: Number | None = None,
    combine: Combine | None = None,
    range: Range = "clip",
    percentile: Sequence[Number] = PERCENTILES,
    at: IntOrPair | None = None,
    layers: str | Iterable[str] = (),
    widget: Literal[True],
) -> ExploreWidget: ...


@overload
def explore(
    image: Image,
    kernel: KernelLike,
    *,
    operation: Operation = "correlate",
    padding: PaddingLike = "same",
    border: AnyBorder = "edge",
    fill: Number = 0,
    stride: IntOrPair = 1,
    dilation: IntOrPair = 1,
    anchor: AnyAnchor = "before",
    divisor: Number | None = None,
    bias: Number | None = None,
    combine: Combine | None = None,
    range: Range = "clip",
    percentile: Sequence[Number] = PERCENTILES,
    at: IntOrPair | None = None,
    layers: str | Iterable[str] = (),
    widget: bool,
) -> ExplorePage | ExploreWidget: ...


@documented
def explore(
    image: Image,
    kernel: KernelLike,
    *,
    operation: Operation = "correlate",
    padding: PaddingLike = "same",
    border: AnyBorder = "edge",
    fill: Number = 0,
    stride: IntOrPair = 1,
    dilation: IntOrPair = 1,
    anchor: AnyAnchor = "before",
    divisor: Number | None = None,
    bias: Number | None = None,
    combine: Combine | None = None,
    range: Range = "clip",  # noqa: A002 - its name everywhere
    percentile: Sequence[Number] = PERCENTILES,
    at: IntOrPair | None = None,
    layers: str | Iterable[str] = (),
    widget: bool = False,
) -> ExplorePage | ExploreWidget:
    """Make a page that shows a convolution live, as ``convcli explore`` does.

    Args:
        image: (H, W) or (H, W, C), or a signal (W,): an array, nested lists, or a PIL image
            without alpha. uint8 and uint16 are pixels, other types plain numbers.
        kernel: weights (kh, kw), (C, kh, kw) summed over the channels, or (N, C, kh, kw), a bank;
            a Kernel; or a SPEC such as ``sobel-x``. The maps of a family are combined to one.
        operation: ``correlate``, or ``convolve``, which flips the kernel.
        {conv}
        divisor: replaces the kernel's own.
        bias: replaces the kernel's own, in the image's units.
        combine: ``magnitude``, ``max``, ``sum`` or ``mean``; replaces the family's own.
        range: how values become pixels; as for :func:`explain`.
        percentile: what range ``percentile`` maps to black and white.
        at: (row, column) in the feature map that is explained first; None for its middle.
        layers: those that follow the convolution, each a text as after ``convcli chain``, such as
            ``relu`` or ``maxpool 2``; or one text with all of them.
        widget: return a widget, whose ``image``, ``kernel``, ``settings`` and pinned position
            ``at`` follow the page, and the page them; needs ``pip install 'convcli[jupyter]'``.

    Returns:
        An :class:`ExplorePage`: a notebook shows it by itself, and ``save(path)`` writes it; or an
        :class:`ExploreWidget <convcli.teaching.explore.widget.ExploreWidget>`.

    Raises:
        GeometryError: no window fits, or the position is outside the feature map.
        KernelError: the kernel does not exist, or cannot be applied to this image.
        UsageError: another argument is wrong, a layer does not fit, the image is too large for a
            page, or the extra is not installed.

    >>> page = explore([[1, 2], [3, 4]], "outline", border="zero", layers=["relu", "maxpool 2"])
    >>> page.html[:15]
    '<!doctype html>'
    >>> lesson = explore([[1, 2], [3, 4]], "sobel-x", stride=2, widget=True)
    >>> lesson.settings["stride"], lesson.at
    (2, None)
    >>> lesson.set(kernel=[[1, 2, 1]], divisor=4, at=(0, 0))
    >>> from convcli import cross_correlate
    >>> cross_correlate(lesson.image, lesson.kernel, divisor=lesson.settings["divisor"])
    array([[1.25, 1.75],
           [3.25, 3.75]])
    """
    settings = PageSettings(
        operation, padding, border, fill, stride, dilation, anchor, divisor, bias, combine, range,
        percentile, layers,
    )  # fmt: skip
    setup = page_setup(image, kernel, settings, at)
    if not widget:
        return ExplorePage(explore_page(setup))
    from convcli.teaching.explore.widget import ExploreWidget

    return ExploreWidget(image, kernel, settings, at, page_setup)


def page_setup(image: Any, kernel: Any, settings: PageSettings, at: Any) -> PageSetup:
    """Return what a page begins with; :func:`convcli.explore` explains the arguments.

    Raises:
        ConvcliError: as :func:`convcli.explore`.
    """
    conv = conv_options(*settings[: len(ConvOptions._fields)])
    numbers = settings.divisor, settings.bias, settings.combine, settings.range
    with in_arguments():
        given = given_filter(image, as_filters(kernel), conv, *numbers, several=True)
    spec = kernel if isinstance(kernel, str) else None
    return array_setup(given.image, given.kernels, spec, given.filter, settings, given.place(at))
