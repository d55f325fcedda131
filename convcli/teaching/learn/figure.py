"""A learned kernel as a figure: the images, the kernel beside the true one, and its descent."""

from __future__ import annotations

# Imported before matplotlib: it silences matplotlib's start-up warnings.
from convcli.errors import percent_text
from convcli.plotting.axes import WIDE, finite_extremes
from convcli.plotting.heatmap import (
    Heatmap,
    HeatmapGroup,
    arrangement,
    kernel_part,
    symmetric_limit,
)
from convcli.plotting.image_panel import (
    ImagePanel,
    common_cell,
    common_range,
    image_part,
    value_bar,
)
from convcli.plotting.labels import cell_texts, format_short, option_facts, text_width
from convcli.plotting.page import PagePlan, compose
from convcli.plotting.part import PartOf, plot_part
from convcli.plotting.rows import RowsOf, fits_line, in_lines, stacked
from convcli.plotting.sample_scale import SAMPLE_NUMBERS, result_scale
from convcli.plotting.save import NotebookFigure
from convcli.plotting.sheet_tile import SheetTile
from convcli.plotting.signal_plot import (
    are_signals,
    axes_inches,
    samples_text,
    signal_axis,
    signal_samples,
)
from convcli.plotting.signal_sheet import signal_parts
from convcli.plotting.style import figure_options, style_context, theme

# isort: split
import math
from collections.abc import Callable, Sequence
from itertools import chain

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import NDArray

from convcli.core.dtypes import saturate
from convcli.figure_options import FigureOptions
from convcli.geometry import ConvOptions, Pair, border_name, size_text
from convcli.signals import SampleAxis
from convcli.teaching.learn.estimate import Estimate, Floats, History
from convcli.teaching.learn.images import PairImages
from convcli.teaching.learn.text import Truth, round_weights, shown_weights, verdict_text
from convcli.teaching.learn.windows import Model

MAX_CHANNELS, _MAX_HISTORY_CHANNELS = 8, 3
# In inches:
_KERNEL, _SMALL_KERNEL, _EPOCH = 2.2, 1.6, 1.3  # longer sides
_LOSS, _SMALL_LOSS, _SLIDE_LOSS = (4.0, 2.0), (3.4, 1.65), (2.8, 1.65)  # boxes of the losses
_LEAST_SCALE = 0.6  # of images, before kernels on the way are left out
_LEAST_ON_SLIDE = 0.4  # before the error or all images are
_LARGEST = 1.5  # how much larger than that kernels and losses become to fill a page
_MARGIN = 2.2  # of a page's width that four images do not take
NARROW = 10.0  # width of a page with few and small parts
_EDGE = 0.6  # of a page's width that kernels on the way do not take
_LEAST = ["least squares"]  # in the legend
_ROUNDING = 1e-3  # of AFTER's greatest value that a result may lie below 0 and be drawn as 0
_NEAR = 1e-3  # the loss of least squares is drawn if it is above this share of the least loss
_DECIMALS, _EPOCH_DECIMALS = 3, 2  # of weights at most, at the end and on the way


def draw_learned(
    learned: Estimate,
    truth: Truth | None = None,
    images: PairImages | None = None,
    *,
    title: str = "",
    options: FigureOptions | None = None,
) -> NotebookFigure:
    """Draw the images, the learned kernel and, where given, the true one with the difference.

    Of a descent there are also the losses, and the kernels after some epochs on one color scale. A
    kernel over channels has a map for each channel, at most 8. Narrow pages and slides leave out
    decimals, then the difference; slides and full pages also the kernels on the way.

    Returns:
        A figure that pyplot does not manage.

    >>> from convcli import learn_kernel
    >>> image = np.arange(36).reshape(6, 6) ** 2 % 17
    >>> figure = draw_learned(learn_kernel(image, 2 * image, (1, 3)))
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['0', '2', '0']
    """
    with style_context(options or FigureOptions()):
        history = learned.history
        pair = [] if images is None else _image_rows(images, shape_of(learned))
        of_signals = images is not None and are_signals([images.before, images.after])
        losses = [] if history is None else [_sized(loss_part(history, is_narrow=of_signals))]
        left_out = ["difference"] if truth is not None and _is_small() else []
        made_by = [] if images is None else model_facts(images.model)
        facts = ", ".join([*_facts(learned), *made_by])
        facts = "\n".join(filter(None, [verdict_text(learned, truth), facts]))
        rows = _kernel_rows(learned, truth, losses)
        way = ["kernels on the way"] * bool(losses)
        few = PagePlan(_rows_of([*pair, *rows]), [*left_out, *way])
        if theme().is_fixed:
            if of_signals:  # the last row has room
                last = [*pair[-1], *chain.from_iterable(rows)]
                few = few._replace(rows=_rows_of([*pair[:-1], last]))
            # Without room for all rows, the kernels stay.
            kernels = few._replace(rows=_rows_of([*rows, *pair]))
            return compose([few, kernels], title=title, facts=facts, least=_LEAST_ON_SLIDE)
        if history is None:
            return compose([few], title=title, facts=facts, least=_LEAST_SCALE)
        rows = _kernel_rows(learned, truth, losses, history.kernels)
        on_the_way = _epoch_rows(learned, history, truth)
        shown, count = sum(map(len, on_the_way)), len(history.epochs)
        fewer = [f"kernels of {count - shown} of {count} epochs"] * (shown < count)
        plans = [PagePlan(_rows_of([*pair, *rows, *on_the_way]), [*left_out, *fewer]), few]
        return compose(plans, title=title, facts=facts, least=_LEAST_SCALE)


def shape_of(learned: Estimate) -> Pair:
    """Return the rows and columns of a learned kernel."""
    rows, columns = learned.weights.shape[-2:]
    return rows, columns


def _rows_of(rows: Sequence[Sequence[PartOf]]) -> RowsOf:
    return lambda scale: [[part(scale) for part in row] for row in rows if row]


def _sized(part: PartOf) -> PartOf:
    """Return a part that grows with the images, but shrinks less: it has numbers."""
    return lambda scale: part(min(max(scale, 1.0), _LARGEST))


def _kernel_rows(
    learned: Estimate,
    truth: Truth | None,
    losses: list[PartOf],
    on_the_way: Sequence[Floats] = (),
) -> list[list[PartOf]]:
    """Return the losses and the kernels in one row or two; wide kernels are below each other.

    The kernels have the colors of those on the way, if these are drawn.
    """
    kernels = _kernel_parts(learned, truth, is_signed=_has_negative(learned, truth, on_the_way))
    kernels = [_sized(part) for part in kernels]
    if _is_wide(learned):
        below = [_one_of(kernels)]
        fits = theme().width >= NARROW and fits_line([part(1.0) for part in losses + below])
        return [losses + below] if fits else [losses, *([part] for part in kernels)]
    if fits_line([part(1.0) for part in losses + kernels]):
        return [losses + kernels]
    # The last row is left out where a slide has no room for it.
    return [kernels, losses] if theme().is_fixed else [losses, kernels]


def _is_wide(learned: Estimate) -> bool:
    rows, columns = shape_of(learned)
    return columns >= WIDE * rows


def _one_of(parts: Sequence[PartOf]) -> PartOf:
    """Return parts below each other as one."""
    if len(parts) == 1:
        return parts[0]
    return lambda scale: stacked([[part(scale)] for part in parts])


def _is_small() -> bool:
    """Whether the page has no room for the difference, and for more than two decimals."""
    return theme().is_fixed or theme().width < NARROW


def most_decimals() -> int:
    """Return the decimals of weights at most, where the user has not chosen them."""
    return _EPOCH_DECIMALS if _is_small() else _DECIMALS


def _facts(learned: Estimate) -> list[str]:
    """Say what the kernel is and how well it fits."""
    facts = [f"kernel {size_text(learned.weights.shape[-2:])}", *channels_fact(learned)]
    if learned.has_bias:
        facts.append(f"bias {format_short(learned.bias, 4)}")
    facts += ["through ReLU"] * (learned.through is not None)
    return [*facts, f"residual {learned.residual:.3g}"]


def channels_fact(learned: Estimate) -> list[str]:
    """Return which channels of the kernel are drawn, if these are not all."""
    channels = len(learned.channels)
    few = f"the first {MAX_CHANNELS} of {channels} channels"
    return [few] if channels > MAX_CHANNELS else []


def model_facts(model: Model) -> list[str]:
    """Return every option of the convolution, and of the fit, that is not the default."""
    conv = ConvOptions(
        model.operation,
        "same" if model.padding is None else model.padding,
        model.border or "edge",
        model.fill,
        model.stride,
        model.dilation,
    )
    facts = option_facts(conv)
    if model.border is not None and border_name(model.border) == "edge":
        facts.append("border edge")  # the default of a convolution, but not of learning
    facts += ["no bias"] * (not model.with_bias)
    return facts + ["clipped pixels ignored"] * model.ignore_clipped


def _image_rows(images: PairImages, kernel_shape: Pair) -> list[list[PartOf]]:
    """Return BEFORE, AFTER, the kernel's result and the error; a strip has a row of its own.

    Signals are plots along one axis.
    """
    if are_signals([images.before, images.after]):
        across = _signals_across()
        tiles = signal_tiles(images, kernel_shape)
        parts = signal_parts(tiles, ["before", "after", "after", "error"], across)
        return [parts[start : start + across] for start in range(0, len(parts), across)]
    side = (theme().width - _MARGIN) / 4
    made, ends = result_on_scale(images)
    shown = (images.before, images.after, made, images.error)
    cell = common_cell([ImagePanel(_shown_channels(each), None) for each in shown], side)
    parts = [
        image_part_of("BEFORE", images.before, images.before_max, side, cell=cell),
        image_part_of("AFTER", images.after, images.after_max, side, ends=ends, cell=cell),
        image_part_of("learned result", made, images.after_max, side, ends=ends, cell=cell),
        error_part(images.error, side, cell=cell),
    ]
    rows, columns = images.before.shape[:2]
    return [[part] for part in parts] if columns >= WIDE * rows else [parts]


def _signals_across() -> int:
    """Return how many signals stand in one row; on a slide, the last has kernel and losses too."""
    return 3 if theme().is_fixed else 2


def signal_tiles(images: PairImages, kernel_shape: Pair) -> list[SheetTile]:
    """Return BEFORE, AFTER, the learned result and its error, where these are signals."""
    after, made = _result_places(images, kernel_shape)
    largest = largest_error(images.error)
    shown = (
        ("BEFORE", "", images.before, images.before_max, SAMPLE_NUMBERS),
        ("AFTER", "", images.after, images.after_max, after),
        ("learned result", "", images.made, images.after_max, made),
        ("error", f"{largest} from AFTER", images.error, None, made),
    )
    tiles = []
    for title, caption, pixels, white, places in shown:
        samples = _as_stored(_shown_channels(pixels), white)
        count = samples_text(signal_samples(samples))
        note = ", ".join(filter(None, [count, caption]))
        if theme().is_fixed:
            note = caption.removesuffix(" from AFTER")
        tiles.append(SheetTile(title, samples, white, note, places=places))
    return tiles


def _result_places(images: PairImages, kernel_shape: Pair) -> tuple[SampleAxis, SampleAxis]:
    """Return where the samples of AFTER and of the result stand on the x axis of BEFORE.

    The result lacks the windows that reach beyond a border that is not known.
    """
    model, along = images.model, signal_axis(images.before) or 0
    conv = ConvOptions(
        model.operation, model.padding or "same", stride=model.stride, dilation=model.dilation
    )
    geometry = conv.geometry(images.before.shape[:2], kernel_shape)
    after = result_scale(None, geometry, model.operation).places
    if images.made.shape[along] == images.after.shape[along]:
        return after, after
    _, stride, before, _ = geometry.along(along)
    return after, SampleAxis(after.start - (-before // stride) * after.step, after.step)


def result_on_scale(images: PairImages) -> tuple[Floats, tuple[float, float] | None]:
    """Return the result, and the ends of the colors that it shares with AFTER; None for pixels.

    Where AFTER has no values below 0, those of the result are beyond the ends: else AFTER would
    have the colors of a signed map for what the kernel has not learned. Those just below 0 become
    0.
    """
    made = images.made
    if images.after_max is not None:
        return made, None
    low, high = finite_extremes(images.after)
    shown = [_shown_channels(images.after), _shown_channels(made)]
    if low >= 0:
        made = np.where((made < 0) & (made > -_ROUNDING * high), 0.0, made)
        shown[1] = np.maximum(_shown_channels(made), 0.0)
    return made, common_range([ImagePanel(pixels, None) for pixels in shown])


def _as_stored(pixels: NDArray[np.generic], max_value: int | None) -> NDArray[np.generic]:
    """Return a result as the pixels that would be stored; plain numbers stay as they are."""
    if max_value is None or pixels.dtype.kind != "f":
        return pixels
    stored = np.empty(pixels.shape, np.uint8 if max_value == 255 else np.uint16)
    saturate(pixels, stored)
    return stored


def _shown_channels(pixels: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return the first channel of an image that is neither gray nor of three colors."""
    return pixels if pixels.shape[2:] in ((), (1,), (3,)) else pixels[..., 0]


def image_part_of(
    title: str,
    pixels: NDArray[np.generic],
    max_value: int | None,
    side: float,
    *,
    ends: tuple[float, float] | None = None,
    cell: float | None = None,
    ticks: bool = True,
    has_bar: bool = True,
) -> PartOf:
    """Return an image of a pair.

    Args:
        title: its name.
        pixels: (H, W) or (H, W, C).
        max_value: the pixel value that is white; None for plain numbers.
        side: its longer side in inches.
        ends: the values at the ends of its colors; None for its own.
        cell: the side of a cell that it has in common with other images.
        ticks: whether rows and columns are numbered.
        has_bar: whether plain numbers have a color bar.
    """
    rows, columns, channels = pixels.shape[0], pixels.shape[1], pixels.shape[2:]
    caption = size_text((rows, columns))
    if channels not in ((), (1,), (3,)):
        caption += f", channel 1 of {channels[0]}"
    panel = ImagePanel(_as_stored(_shown_channels(pixels), max_value), max_value)
    ends = ends or common_range([panel])
    bar = value_bar(panel, ends) if max_value is None and has_bar else None  # photos need none
    return image_part(
        panel, side, title=title, caption=caption, ends=ends, bar=bar, cell=cell, ticks=ticks
    )


def largest_error(error: Floats) -> str:
    """Say how far a result is from AFTER at most."""
    return f"at most {format_short(float(np.abs(error).max()), 3)}"


def error_part(error: Floats, side: float, *, cell: float | None = None) -> PartOf:
    """Return the error of the result, of colors the root of the mean square over channels."""
    largest = largest_error(error)
    caption = f"result - AFTER, {largest} apart"
    if error.ndim > 2:
        error = np.sqrt((error**2).mean(axis=2))
        caption += "; root mean square of the channels"
    if _is_small():  # more lines would leave no room for the kernels
        caption = largest if theme().is_fixed else f"{largest} from AFTER"
    panel = ImagePanel(error, None)
    ends = common_range([panel])
    return image_part(
        panel, side, title="error", caption=caption, ends=ends, bar=value_bar(panel, ends),
        cell=cell,
    )  # fmt: skip


def _kernel_parts(learned: Estimate, truth: Truth | None, *, is_signed: bool) -> list[PartOf]:
    """Return the learned kernel, the true one on its scale, and the difference on its own.

    ``is_signed`` tells whether they have the colors of numbers of both signs.
    """
    decimals = _decimals(learned)
    limit = symmetric_limit(np.array([learned.weights, *([truth.weights] if truth else [])]))
    kernels = [("learned", round_weights(learned.weights, decimals), limit)]
    if truth is not None:
        difference = learned.weights - truth.weights
        kernels.append((truth.name, round_weights(truth.weights, decimals), limit))
        if not _is_small():
            kernels.append(("difference", difference, symmetric_limit(difference)))
    # On slides, up to four channels are as large as a kernel without channels.
    shown = min(len(learned.channels), MAX_CHANNELS)
    across = shown if arrangement(shown)[0] == 1 and theme().is_fixed else 1
    alike = [weights for title, weights, _ in kernels if title != "difference"]
    return [
        kernel_part(
            heatmap_group(
                learned,
                weights,
                most,
                MAX_CHANNELS,
                is_signed=is_signed,
                alike=() if title == "difference" else alike,
            ),
            _SMALL_KERNEL * across if _is_small() else _KERNEL,
            title=title,
            has_bar=truth is None or title != "learned",
        )
        for title, weights, most in kernels
    ]


def _has_negative(learned: Estimate, truth: Truth | None, on_the_way: Sequence[Floats]) -> bool:
    """Whether any of the kernels that share their colors has a negative weight, as it is shown."""
    at_the_end = [learned.weights] if truth is None else [learned.weights, truth.weights]
    shown = [round_weights(kernel, _decimals(learned)) for kernel in at_the_end]
    shown += [np.round(kernel, most_decimals()) for kernel in on_the_way]
    return any((kernel < 0).any() for kernel in shown)


def _decimals(learned: Estimate) -> int:
    """Return the decimals that the weights are shown with."""
    digits = figure_options().digits
    return min(shown_weights(learned)[1], most_decimals()) if digits is None else digits


def heatmap_group(
    learned: Estimate,
    weights: Floats,
    limit: float,
    most: int,
    *,
    is_signed: bool = True,
    alike: Sequence[Floats] = (),
) -> HeatmapGroup:
    """Return the maps of a kernel, one for each channel, with their numbers.

    ``alike`` are kernels of the same shape whose numbers have as many decimals.
    """
    planes = weights.reshape(-1, *weights.shape[-2:])[:most]
    together = np.concatenate([planes, *(each.reshape(-1, *planes.shape[1:]) for each in alike)])
    texts = cell_texts(together, figure_options().digits)[: planes.size]
    size = planes[0].size
    maps = tuple(
        Heatmap(name, plane, tuple(texts[start : start + size]))
        for name, plane, start in zip(
            learned.channels, planes, range(0, len(texts), size), strict=False
        )
    )
    return HeatmapGroup(maps, limit, 1, is_signed)


def _epoch_rows(learned: Estimate, history: History, truth: Truth | None) -> list[list[PartOf]]:
    """Return the kernels on the way in one row, as many as the page is wide."""
    kernels = list(zip(history.epochs, history.kernels, strict=True))
    others = [] if truth is None else [truth.weights]
    limit = symmetric_limit(np.array([*(kernel for _, kernel in kernels), *others]))

    def row(chosen: Sequence[tuple[int, Floats]]) -> list[PartOf]:
        return [
            _sized(
                kernel_part(
                    heatmap_group(
                        learned,
                        round_weights(kernel, _EPOCH_DECIMALS),
                        limit,
                        _MAX_HISTORY_CHANNELS,
                        is_signed=_has_negative(learned, truth, history.kernels),
                    ),
                    _EPOCH,
                    title=f"epoch {epoch}",
                    has_bar=epoch == history.epochs[-1],
                )
            )
            for epoch, kernel in chosen
        ]

    if _is_wide(learned):  # which are low enough for several rows
        parts = row(kernels)
        across = max(len(in_lines([part(1.0) for part in parts])[0]), 1)
        return [parts[start : start + across] for start in range(0, len(parts), across)]
    room = theme().width - 2 * _EDGE
    while len(kernels) > 2 and sum(part(1.0).width + 0.16 for part in row(kernels)) > room:
        del kernels[1 if len(kernels) % 2 else -2]
    return [row(kernels)]


def loss_part(
    history: History,
    keep: Callable[[Axes], None] = lambda _: None,
    *,
    is_narrow: bool = False,
) -> PartOf:
    """Return the losses of a descent as a part; ``keep`` is called with its axes.

    One that ``is_narrow`` has its legend below the curves on slides, too.
    """
    facts = [f"rate {history.rate:.3g}, least squares {history.least:.3g}"]
    if history.through is not None:
        facts.append(f"after ReLU, which passes {percent_text(history.active)} of the windows")
    width, height = _SMALL_LOSS if _is_small() else _LOSS
    if theme().is_fixed:  # the legend is beside it
        width, height = _SLIDE_LOSS
    if history.alternative is not None:
        momentum, losses = history.alternative
        facts.append(
            f"kernel of momentum {history.momentum:g}; {momentum:g} ends at {losses[-1]:.3g}"
        )

    def draw(axes: Axes) -> None:
        _draw_loss(axes, history)
        keep(axes)

    return plot_part(
        draw,
        lambda scale: (width * scale, height * scale),
        title="loss: mean squared residual",
        caption="" if theme().is_fixed else "\n".join(facts),
        xlabel="epoch",
        legend=[*(label for label, _, _ in _curves(history)), *_LEAST * _shows_least(history)],
        is_below=is_narrow,
    )


def _curves(history: History) -> list[tuple[str, Floats, str]]:
    """Return the label, the losses and the line style of each descent."""
    curves = [(f"momentum {history.momentum:g} (learned)", history.losses, "-")]
    if history.alternative is not None:
        momentum, losses = history.alternative
        curves.append((f"momentum {momentum:g}", losses, "--"))
    return curves


def _shows_least(history: History) -> bool:
    """Whether the loss of least squares is near enough to be drawn."""
    shown = [loss for _, losses, _ in _curves(history) for loss in losses.tolist() if loss > 0]
    return history.least > _NEAR * min(shown, default=0.0)


def _draw_loss(axes: Axes, history: History) -> None:
    """Draw the loss over the epochs, and the loss of least squares if it is near."""
    curves = _curves(history)
    for label, losses, style in curves:
        axes.plot(losses, style, linewidth=1.6, label=label)
    shown = [losses for _, losses, _ in curves]
    if _shows_least(history):
        axes.axhline(
            history.least, color=theme().faint, linewidth=1, linestyle=":", label=_LEAST[0]
        )
        shown.append(np.array([history.least]))
    scale_losses(axes, shown)


def scale_losses(axes: Axes, every: Sequence[Floats]) -> None:
    """Set the axes of losses over the epochs: powers of ten, from the first epoch to the last."""
    shown = [loss for losses in every for loss in losses.tolist() if loss > 0]
    if shown:
        axes.set_yscale("log")
        _tick_decades(axes, min(shown), max(shown))
    axes.set_xlim(0, max(map(len, every)) - 1)
    most = int(axes_inches(axes) / text_width("0000 ", theme().text))
    axes.xaxis.set_major_locator(
        MaxNLocator(max(1, min(4, most)), integer=True, steps=[1, 2, 2.5, 5, 10])
    )


def _tick_decades(axes: Axes, low: float, high: float) -> None:
    """Tick a logarithmic axis at most five times, at powers of ten that are written alike."""
    first, last = math.floor(math.log10(low) - 0.02), math.ceil(math.log10(high) + 0.02)
    lines = int(axes.bbox.height / axes.figure.dpi / theme().line / 1.3)
    step = -(-(last - first) // max(1, min(4, lines - 1)))
    powers = range(first, last + 1, step)
    plain = first >= -3 and last <= 5

    def text(value: float, _position: int) -> str:
        return format_short(value, 3) if plain else f"1e{round(math.log10(value))}"

    axes.set_ylim(10.0**first, 10.0**last)
    axes.yaxis.set_major_locator(FixedLocator([10.0**power for power in powers]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(text))
