"""``plot`` and ``animate``: figures of an image, a kernel and the filtered image."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any, SupportsIndex

from convcli.api.arguments import conv_options, in_arguments
from convcli.api.given_filter import given_filter
from convcli.api.parameters import documented
from convcli.choices import (
    PERCENTILES,
    SCALES,
    AnyBorder,
    Combine,
    Layout,
    NanRule,
    Operation,
    Panel,
    Range,
    Scale,
    ThemeName,
)
from convcli.figure_options import FigureOptions
from convcli.geometry import IntOrPair
from convcli.kernels.given import as_filters, as_kernel_set

if TYPE_CHECKING:
    from pathlib import Path

    from convcli.api.parameters import AnyAnchor, Number, PaddingLike
    from convcli.images.given import Image
    from convcli.kernels.given import KernelLike
    from convcli.plotting.save import NotebookFigure


@documented
def plot(
    image: Image | KernelLike,
    kernel: KernelLike | None = None,
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
    mask: Image | None = None,
    nan: NanRule = "propagate",
    min_valid: Number = 0,
    theme: ThemeName = "screen",
    title: str | None = None,
    panels: Sequence[Panel] | None = None,
    titles: Sequence[str] | None = None,
    layout: Layout | None = None,
    axes: bool = True,
    bars: bool = True,
    limits: tuple[float, float] | None = None,
    scale: Scale = "common",
    cmap: str | None = None,
    digits: int | None = None,
    dpi: float = 150,
    width: float | None = None,
    overlay: bool = False,
) -> NotebookFigure:
    """Draw an image, a kernel and the filtered image, as ``apply --plot`` does; or a kernel.

    Args:
        image: (H, W) or (H, W, C), or a signal (W,): an array, nested lists, or a PIL image
            without alpha. uint8 and uint16 are pixels, other types plain numbers. Without
            ``kernel``, the kernel or the bank to draw, as ``kernels show --plot`` does.
        kernel: weights (kh, kw), or (C, kh, kw) summed over the channels; a Kernel; or a SPEC such
            as ``sobel-x``. The maps of a family are combined to one.
        operation: ``correlate``, or ``convolve``, which flips the kernel.
        {conv}
        divisor: replaces the kernel's own.
        bias: replaces the kernel's own, in the image's units.
        combine: ``magnitude``, ``max``, ``sum``, ``mean`` or ``direction``; replaces the family's
            own.
        range: how values become pixels; as for :func:`explain`.
        percentile: what range ``percentile`` maps to black and white.
        {missing}
        theme: ``screen``, ``slide`` (16:9, large text), ``paper`` (prints in gray) or ``dark``.
        title: a heading; None for the figure's own, "" for none.
        panels: what is drawn, of ``input``, ``padded``, ``kernel`` and ``result``.
        titles: one for each panel.
        layout: ``row``, ``column`` or ``grid``.
        axes: whether rows and columns are numbered.
        bars: whether there are color bars.
        limits: the values at the ends of all color scales but the kernel's.
        scale: of kernels alone: ``common``, or ``own`` for a color scale of each.
        cmap: a colormap of matplotlib for everything with one channel.
        digits: decimals of the numbers; None for as many as are needed.
        dpi: pixels per inch.
        width: of the page in inches; None for the theme's.
        overlay: draw a signal, its kernel and its result as curves on one axis; ``titles`` name
            them in the legend.

    Returns:
        A ``matplotlib.figure.Figure`` that a notebook shows by itself, and whose ``save(path)``
        writes it. pyplot does not manage it.

    Raises:
        GeometryError: no window fits.
        KernelError: the kernel does not exist, or cannot be applied to this image.
        UsageError: another argument is wrong.

    >>> figure = plot([[1, 2], [3, 4]], "outline", panels=["input", "result"], theme="slide")
    >>> figure.get_size_inches().round(2).tolist()
    [13.33, 7.5]
    """
    from convcli.plotting.arguments import check_choice, check_unused, checked_figure_options

    check_choice(scale, SCALES, "scale")
    listed: Any = {"panels": panels, "titles": titles}
    options = checked_figure_options(
        FigureOptions(
            theme=theme,
            title=title,
            cmap=cmap,
            digits=digits,
            dpi=dpi,
            width=width,
            layout=layout,
            axes=axes,
            bars=bars,
            limits=limits,
            overlay=overlay,
            **listed,
        ),
        ("input", "padded", "kernel", "result"),
    )
    if kernel is None:
        of_results: dict[str, Any] = {
            "operation": operation, "padding": padding, "border": border, "fill": fill,
            "stride": stride, "dilation": dilation, "anchor": anchor, "divisor": divisor,
            "bias": bias, "combine": combine, "range": range, "percentile": percentile,
            "panels": panels, "titles": titles, "layout": layout, "limits": limits,
            "overlay": overlay, "mask": mask, "nan": nan, "min_valid": min_valid,
        }  # fmt: skip
        check_unused(plot, of_results, "for filtered images; plot(kernel) draws the kernel alone")
        from convcli.teaching.kernels.kernel_sheet import draw_kernel_sheet

        drawn: Any = image
        return draw_kernel_sheet(as_filters(drawn), scale=scale, options=options)
    check_unused(plot, {"scale": scale}, "for kernels alone, as in plot(bank)")
    from convcli.plotting.filter_figure import draw_filtered_array

    conv = conv_options(operation, padding, border, fill, stride, dilation, anchor)
    missing = mask, nan, min_valid
    numbers = divisor, bias, combine, range
    with in_arguments():
        given = given_filter(
            image,
            as_kernel_set(kernel),
            conv,
            *numbers,
            missing=missing,
            percentile=percentile,
        )
        return draw_filtered_array(given.image, given.filter, options)


@documented
def animate(
    image: Image,
    kernel: KernelLike,
    path: str | PathLike[str],
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
    mask: Image | None = None,
    nan: NanRule = "propagate",
    min_valid: Number = 0,
    first: IntOrPair | None = None,
    last: IntOrPair | None = None,
    step: SupportsIndex | None = None,
    fps: Number | None = None,
    theme: ThemeName = "screen",
    title: str | None = None,
    cmap: str | None = None,
    digits: int | None = None,
    dpi: float = 100,
    width: float | None = None,
    overwrite: bool = False,
) -> list[Path]:
    """Write an animation of the window that slides over an image, as ``convcli animate`` does.

    Args:
        image: as for :func:`explain`.
        kernel: as for :func:`explain`.
        path: the name of a ``.gif``, ``.webp``, ``.mp4`` (needs ffmpeg) or ``.pdf`` file, or of a
            folder for ``frame-0001.png`` and so on.
        operation: ``correlate``, or ``convolve``, which flips the kernel.
        {conv}
        divisor, bias, combine, range, percentile: as for :func:`explain`.
        {missing}
        first, last: positions in the feature map, (row, column) or, of a signal, the place in it;
            None for its first and its last. The window moves row by row.
        step: show every ``step``-th position, and the last; None for all, or for 200 evenly spaced.
        fps: frames per second; None for 5, 10 or 20, by the number of frames.
        theme, title, cmap, digits, dpi, width: as for :func:`plot`.
        overwrite: whether an existing file may be replaced.

    Returns:
        The names of the files written: one, or all frames of a folder.

    Raises:
        ImageError: the file exists and ``overwrite`` is false, or it cannot be written.
        ConvcliError: as :func:`explain`, or no animation has such a name.

    >>> animate([[1, 2], [3, 4]], "outline", "outline.gif")  # doctest: +SKIP
    [PosixPath('outline.gif')]
    """
    from convcli.plotting.arguments import checked_figure_options
    from convcli.teaching.animate.sliding import slide_over
    from convcli.teaching.animate.write import write_window

    options = checked_figure_options(FigureOptions(theme, title, cmap, digits, dpi, width))
    conv = conv_options(operation, padding, border, fill, stride, dilation, anchor)
    missing, numbers = (mask, nan, min_valid), (divisor, bias, combine, range)
    with in_arguments():
        given = given_filter(
            image, as_kernel_set(kernel), conv, *numbers, missing=missing, percentile=percentile
        )
        start, end = (None if place is None else given.place(place) for place in (first, last))
        return write_window(
            lambda: slide_over(given.image, given.filter),
            path,
            first=start,
            last=end,
            step=step,
            fps=fps,
            options=options,
            overwrite=overwrite,
        )
