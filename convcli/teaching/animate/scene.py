"""An animated filtering: a window slides over the input while the feature map appears."""

from __future__ import annotations

from collections.abc import Sequence

from convcli.figure_options import FigureOptions
from convcli.geometry import Pair
from convcli.plotting.blit import BlitCanvas
from convcli.plotting.signal_plot import are_signals, signal_axis, signal_taps
from convcli.teaching.animate.image_scene import ImageScene
from convcli.teaching.animate.layer_scene import LayerScene
from convcli.teaching.animate.layer_window import LayerWindow
from convcli.teaching.animate.signal_scene import SignalScene
from convcli.teaching.animate.sliding import (
    Positions,
    RangeNames,
    SlidingWindow,
    choose_positions,
)

DPI = 100.0  # most screens show such a frame whole


def frame_positions(
    window: SlidingWindow | LayerWindow,
    first: Pair | None,
    last: Pair | None,
    step: int | None,
    names: RangeNames = RangeNames(),  # noqa: B008 - it never changes
) -> Positions:
    """Choose the positions of the frames: in the feature map, or in the input that is spread.

    Raises:
        UsageError: as :func:`convcli.teaching.animate.sliding.choose_positions`.
    """
    shape = window.output_shape
    if isinstance(window, LayerWindow) and window.spreads:
        shape, names = window.stage.plan.geometry.input_shape, names._replace(place="input")
    return choose_positions(shape, first, last, step, names)


def animate_window(
    window: SlidingWindow | LayerWindow,
    positions: Sequence[Pair],
    *,
    title: str = "",
    options: FigureOptions | None = None,
) -> BlitCanvas:
    """Return the frames of a sliding window, (H, W, 3) uint8 with even H and W.

    A frame shows the parts of ``convcli explain``'s figure: the input with its padding hatched and
    the window in it, a magnifier where that is small, window, kernel and products, and the feature
    map up to the window's position. A signal of one row or one column has three rows on one x axis:
    the input, the kernel that moves over it with the products shaded, and the result. For the last
    layer of a chain it shows the image with the receptive field, the map that the layer reads, its
    arithmetic, and one of its maps. A transposed convolution goes through the values that it reads:
    each is multiplied by the kernel, and the products are added to the map.

    Args:
        window: from :func:`convcli.teaching.animate.sliding.slide_over`, or of a layer from
            :func:`convcli.teaching.animate.layer_window.slide_layer`.
        positions: from :func:`frame_positions`; results appear from the first on.
        title: a heading, such as the image's name.
        options: how the frames look; 100 pixels per inch by default.

    Returns:
        The frames. ``len()`` counts them, ``write_pages()`` writes them as a PDF, and
        ``backgrounds()`` and ``colors()`` have the colors of all frames.

    Raises:
        UsageError: the image has neither 1 nor 3 channels.
    """
    options = options or FigureOptions(dpi=DPI)
    if isinstance(window, LayerWindow):
        return LayerScene(window, positions, title, options)
    axis = _signal_axis(window)
    if axis is None:
        return ImageScene(window, positions, title, options)
    return SignalScene(window, positions, title, axis, options)


def _signal_axis(window: SlidingWindow) -> int | None:
    """Return the axis of a signal if the kernels run along it and the result is one, else None."""
    axis = signal_axis(window.image.pixels)
    if axis is None or not are_signals([window.image.pixels, window.pixels]):
        return None
    operation = window.filter.conv.operation
    matrices = (kernel.matrix for kernel in window.filter.kernels)
    along = all(signal_taps(matrix, axis, operation) is not None for matrix in matrices)
    return axis if along else None
