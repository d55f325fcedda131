"""A contact sheet: many images, feature maps or signals as tiles in a grid, each with its name."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from convcli.choices import Scale
from convcli.errors import UsageError, percent_text
from convcli.figure_options import FigureOptions
from convcli.geometry import Pair
from convcli.plotting.axes import WIDE, DrawnImage, number_cell, widest_text
from convcli.plotting.color_wheel import wheel_part
from convcli.plotting.heatmap import (
    arrangement,
    color_kernel_part,
    divisor_text,
    kernel_part,
    legible_length,
)
from convcli.plotting.image_panel import (
    Bar,
    ImagePanel,
    beyond_note,
    beyond_share,
    boxed_image,
    color_note,
    common_range,
    mapped_ends,
    number_notes,
    value_bar,
)
from convcli.plotting.labels import (
    DIRECTION_NOTE,
    GRAY_PRINT_NOTE,
    format_short,
    text_width,
)
from convcli.plotting.page import NO_ROOM_FOR_NUMBERS, PagePlan, compose
from convcli.plotting.part import Part, blank
from convcli.plotting.rows import Rows, RowsOf, beside, fit_columns, flow
from convcli.plotting.sheet_tile import SheetTile
from convcli.plotting.signal_plot import are_signals
from convcli.plotting.signal_sheet import signal_rows
from convcli.plotting.style import THINNEST, Box, figure_options, fit_box, style_context, theme

if TYPE_CHECKING:
    pass

MAX_CAPTIONED = (
    16  # more tiles have no captions, no numbered rows and columns, no bars of their own
)

# All in inches.
_LONGEST_TILE, _SHORTEST_TILE = 5.0, 0.55  # longer side of a tile
_BESIDE_TILE = 0.6  # what stands beside a tile
_LARGEST_CELL = 0.6
_COMPACT_TILE = 0.95
_KERNEL_SHARE, _COMPACT_KERNEL_SHARE = 0.45, 0.72  # of the longer side of a tile, for its kernel
_MOST_FOR_WEIGHTS = 1.3  # how much larger than its result a kernel with legible weights may be
_LEAST_SCALE = 0.5  # below it, detail goes: captions beside smaller images only grow taller
_SHRINK_STEP, _LEAST_SHRINK = 0.94, 0.4  # so that all columns fit the page
_FEWEST_LETTERS, _MOST_LETTERS = 7, 11  # of a title in one line above a narrow tile
_CORNER_COLOR = "tab:orange"
_LABEL_GAP = 0.08  # inches; a tick with its gap


def draw_sheet(
    tiles: Sequence[SheetTile],
    *,
    title: str = "",
    facts: str = "",
    scale: Scale = "own",
    unit: str = "results",
    together: int = 1,
    is_compact: bool = False,
    options: FigureOptions | None = None,
) -> Figure:
    """Draw a grid of tiles, each image in its true shape.

    Images run from black (0) to white. Plain numbers run from the least to the greatest or, where
    some are negative, from blue through white (0) to red: each tile on its own, or all tiles of
    one unit together. Tiles that share a scale have one bar, at the end of the first row with such
    a tile. Small matrices have their numbers in the cells, all of them or none. Signals of one row
    or one column are stems or lines below each other.

    Where a page is full, these are left out in turn, and a line says so: the numbers in cells, the
    numbers of rows and columns, the captions, and tiles.

    Args:
        tiles: at least one, of any shapes and kinds.
        title: a heading.
        facts: a line below the heading.
        scale: ``own`` or ``common`` colors for plain numbers.
        unit: what tiles are called where some are left out.
        together: how many neighbors stand in one row.
        is_compact: whether tiles are small, with captions and with nothing around them.
        options: how the figure looks.

    Raises:
        UsageError: there are no tiles, an image has neither 1 nor 3 channels, or the options have
            more or fewer titles than there are tiles.

    >>> import numpy as np
    >>> figure = draw_sheet([SheetTile("ramp", np.array([[0, 128, 255]]), 255)])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['0', '128', '255']
    """
    if not tiles:
        raise UsageError("a sheet needs at least one tile")
    options = options or FigureOptions()
    shown = [tile.pixels for tile in tiles if tile.pixels is not None]
    with style_context(options):
        options.check_titles(len(tiles), one="each tile")
        tiles = [_with_divisor(tile) for tile in _with_titles(tiles, options.titles)]
        if any(tile.is_direction for tile in tiles):
            notes = [DIRECTION_NOTE] * (not options.bars)
            notes += [GRAY_PRINT_NOTE] * (options.theme == "paper")
            facts = "; ".join(filter(None, [facts, *notes]))
        is_common = scale == "common"
        if _are_signals(shown):
            bare = [tile._replace(caption=tile.short) for tile in tiles]
            plans = [
                PagePlan(signal_rows(tiles, together, common=is_common)),
                PagePlan(signal_rows(bare, together, common=is_common), ["sizes and extremes"]),
            ]
            return compose(plans, title=title, facts=facts, unit=unit, by_part=True)
        is_small = len(tiles) <= MAX_CAPTIONED and not is_compact
        colored = _colored(tiles, common=is_common, is_small=is_small)
        if not is_small and not is_compact:
            facts = ", ".join([facts] * bool(facts) + _scale_facts(colored))
        plans_of = partial(
            _image_plans, colored, together, is_small=is_small, is_compact=is_compact
        )
        has_pairs = theme().is_fixed and together > 1 and options.layout is None
        return compose(
            plans_of(), others=[plans_of(is_upright=True)] * has_pairs, title=title, facts=facts,
            unit=unit, by_part=True, least=_LEAST_SCALE,
        )  # fmt: skip


def _are_signals(images: Sequence[NDArray[Any]]) -> bool:
    """Return whether all are signals along one axis, some perhaps of one sample."""
    several = [pixels for pixels in images if pixels.shape[:2] != (1, 1)]
    return bool(several) and are_signals(several)


def _with_titles(tiles: Sequence[SheetTile], titles: Sequence[str] | None) -> list[SheetTile]:
    """Return tiles with the user's titles, if there are any."""
    if titles is None:
        return list(tiles)
    return [
        tile._replace(title=title, caption="") for tile, title in zip(tiles, titles, strict=True)
    ]


def _with_divisor(tile: SheetTile) -> SheetTile:
    """Return a tile whose caption gives the factor of the matrix that is drawn beside it."""
    factor = (
        divisor_text(tile.kernels.divisor).removeprefix(", ") if tile.kernels is not None else ""
    )
    if not factor:
        return tile
    first, newline, more = tile.caption.partition("\n")
    caption = ", ".join(filter(None, [first, f"kernel {factor}"])) + newline + more
    return tile._replace(caption=caption, short=", ".join(filter(None, [tile.short, factor])))


class _ColoredTile(NamedTuple):
    """A tile, what it draws, the ends of its colors, its color bar, and the scale that it shares.

    A tile with a scale of its own shares None.
    """

    tile: SheetTile
    panel: ImagePanel
    ends: tuple[float, float]
    bar: Bar | None
    shared: object


def _colored(tiles: Sequence[SheetTile], *, common: bool, is_small: bool) -> list[_ColoredTile]:
    """Return tiles with their colors."""
    white = np.full((1, 1, 3), 255, np.uint8)  # an empty tile counts as this, which has no bar
    panels = [
        ImagePanel(white, 255)
        if tile.pixels is None
        else ImagePanel(tile.pixels, tile.max_value, tile.centered)
        for tile in tiles
    ]
    keys: list[object] = []
    sharing: dict[object, list[ImagePanel]] = {}
    for n, (tile, panel) in enumerate(zip(tiles, panels, strict=True)):
        unit = "pixel" if panel.max_value is not None else tile.unit
        kind = panel.max_value, panel.pixels.ndim, unit, tile.centered
        shares = tile.mapped is None and (common or panel.max_value is not None)
        keys.append(kind if shares else n)
        sharing.setdefault(keys[-1], []).append(panel)
    colors: dict[object, tuple[tuple[float, float], Bar | None]] = {}
    for key, tile, panel in zip(keys, tiles, panels, strict=True):
        if key not in colors:
            ends = common_range(sharing[key])
            is_zero = tile.centered and not any(other.pixels.any() for other in sharing[key])
            bar = value_bar(panel, ends, unit=tile.unit, mapped=tile.mapped, sharing=sharing[key])
            colors[key] = ends, None if is_zero else bar
    bars_beside = {isinstance(key, int) for key, (_, bar) in colors.items() if bar}
    # A shared bar must not seem to be that of its neighbor.
    is_each = is_small and len(bars_beside) > 1
    return [
        _ColoredTile(tile, panel, *colors[key], None if is_each or isinstance(key, int) else key)
        for tile, panel, key in zip(tiles, panels, keys, strict=True)
    ]


def _image_plans(
    colored: Sequence[_ColoredTile],
    together: int,
    *,
    is_small: bool,
    is_compact: bool,
    is_upright: bool = False,
) -> list[PagePlan]:
    """Return plans of a sheet of images with less and less detail.

    With ``is_upright``, tiles that belong together stand below each other.
    """
    tiles, panels = [each.tile for each in colored], [each.panel for each in colored]
    # Compact tiles have no bar from which a value could be read.
    meanings = ["" if is_compact else _meaning(each, is_small=is_small) for each in colored]
    notes = ["\n".join(number_notes([panel])) for panel in panels]
    is_free = theme().is_fixed and figure_options().layout is None  # as many as fit, if smaller
    images = [panel for panel, tile in zip(panels, tiles, strict=True) if tile.pixels is not None]
    grids = images if all(panel.numbered for panel in images) else []
    widest = widest_text([text for panel in grids for text in panel.texts])
    numbered_cell = number_cell(widest, theme().number * 1.001)
    most = _most_across(panels, len(tiles))
    kernel_share = _COMPACT_KERNEL_SHARE if is_compact else _KERNEL_SHARE
    details = kernel_share * any(tile.kernels for tile in tiles)
    details += any(tile.corner for tile in tiles)
    by_width = (theme().width / arrangement(len(tiles))[1] - _BESIDE_TILE) / (1 + details)
    longest = max(min(by_width, _LONGEST_TILE), _SHORTEST_TILE)
    longest = _COMPACT_TILE if is_compact else longest

    def boxes(scale: float, *, numbers: bool) -> list[Box]:
        side = max(longest * scale, _SHORTEST_TILE)
        if not grids:
            return [fit_box(panel.shape, side, thinnest=THINNEST) for panel in panels]
        cell = min(side / max(max(panel.shape) for panel in grids), _LARGEST_CELL * max(scale, 1))
        cell = max(cell, numbered_cell * numbers)
        return [(panel.shape[1] * cell, panel.shape[0] * cell) for panel in panels]

    def rows(scale: float, *, numbers: bool, ticks: bool, captions: bool) -> Rows:
        parts = []
        sides = boxes(scale, numbers=numbers)
        for each, meaning, note, box in zip(colored, meanings, notes, sides, strict=True):
            tile, panel = each.tile, each.panel
            words = [tile.caption if captions else tile.short]
            words += [meaning] * (captions or not is_small)
            caption = "\n".join(filter(None, [*words, note]))
            if tile.pixels is None:
                parts.append(blank(box, tile.title, caption))
                continue
            part = boxed_image(
                panel, box, each.ends, title=tile.title, caption=caption,
                bar=each.bar if each.shared is None and is_small else None,
                pads=tile.pads, ticks=ticks, numbers=numbers,
                mark=None if tile.mark is None else tile.mark[:2],
            )  # fmt: skip
            side = kernel_share * max(box)
            if is_compact and tile.kernels is not None and not theme().is_fixed:
                legible = legible_length(tile.kernels)
                largest = _MOST_FOR_WEIGHTS * max(box) * max(arrangement(len(tile.kernels.maps)))
                side = max(side, legible) if legible <= largest else side
            parts.append(_with_details(part, each, side, ticks=ticks, in_colors=not is_small))
        if not is_small:  # smaller letters, and narrow tiles
            parts = [
                part._replace(is_small=True, letters=_letters_in_line(part.title)) for part in parts
            ]
        wheels = [n for n, tile in enumerate(tiles) if tile.is_direction][:1]
        across = len(tiles) if is_free else most
        return _with_bars(parts, colored, across, together, wheels=wheels, is_upright=is_upright)

    in_color = [
        f"{each.tile.title}: {text}"
        for each in colored
        if not is_compact and (text := color_note(each.panel, each.ends, each.tile.mapped))
    ]
    keys = [text for tile in tiles for text in tile.legend] + in_color[: len(in_color) == 1]
    legend = " · ".join(dict.fromkeys(keys))
    detail = {"numbers": bool(grids), "ticks": is_small, "captions": is_small or is_compact}
    is_large = not is_small and not is_compact
    ticked = ["tick labels"] * figure_options().axes
    lacks = [*ticked, "sizes and extremes"] * (is_large and any(tile.caption for tile in tiles))
    plans = [PagePlan(partial(rows, **detail), lacks)]
    for name, left_out in (
        ("numbers", NO_ROOM_FOR_NUMBERS), ("ticks", "tick labels"),
        ("captions", "sizes and extremes"),
    ):  # fmt: skip
        if detail[name] and (name != "ticks" or figure_options().axes):
            detail = {**detail, name: False}
            lacks = [*plans[-1].left_out, left_out]
            note = "" if detail["captions"] else legend
            plans.append(PagePlan(partial(rows, **detail), lacks, note))
    across = max(most // together * together, together)
    shrink = 1.0 if is_compact else _shrink(plans[0].rows, math.ceil(len(tiles) / across))
    return [each._replace(rows=_scaled(each.rows, shrink)) for each in plans]


def _meaning(colored: _ColoredTile, *, is_small: bool) -> str:
    """Return lines on what the colors of a tile mean.

    In a sheet of many tiles, whose heading says how many values lie beyond the colors, those with
    a scale of their own have its ends alone.
    """
    tile, panel, ends, bar, shared = colored
    note = color_note(panel, ends, tile.mapped)
    if is_small:
        return "\n".join(filter(None, [note, beyond_note(panel, ends)]))
    if note or bar is None or shared is not None:
        return note
    low, high = map(format_short, mapped_ends(panel, ends, tile.mapped))
    return f"±{high}" if low == f"-{high}" else f"{low} to {high}"


def _scale_facts(colored: Sequence[_ColoredTile]) -> list[str]:
    """Return what a sheet of many tiles says of their colors in its heading."""
    facts = []
    if any(each.bar is not None and each.shared is None for each in colored):
        facts.append("the ends of the colors above each tile")
    if share := max(beyond_share(each.panel, each.ends) for each in colored):
        facts.append(f"up to {percent_text(share)} of a tile's values beyond the colors")
    if any(each.tile.kernels is not None and each.tile.kernels.is_rgb for each in colored):
        facts.append("kernels: red, green and blue are weights, gray is 0")
    return facts


def _letters_in_line(title: str) -> int:
    """Return how many letters of a title a narrow tile has room for: its longest word, if short."""
    longest = max(map(len, re.findall(r"[^\s-]+-?", title)), default=0)
    return min(max(longest, _FEWEST_LETTERS), _MOST_LETTERS)


def _shrink(rows_of: RowsOf, most_rows: int) -> float:
    """Return the largest scale at which a plan has no more rows than these, if there is one."""
    scale = 1.0
    while scale > _LEAST_SHRINK and len(rows_of(scale)) > most_rows:
        scale *= _SHRINK_STEP
    return scale


def _scaled(rows_of: RowsOf, factor: float) -> RowsOf:
    return lambda scale: rows_of(scale * factor)


def _most_across(panels: Sequence[ImagePanel], count: int) -> int:
    """Return how many tiles stand side by side where there is room; wide tiles are stacked."""
    layout = figure_options().layout
    if layout == "column":
        return 1
    if layout == "row":
        return count
    if theme().is_fixed:
        return math.ceil(math.sqrt(count * theme().width / theme().height))
    if all(columns >= WIDE * rows for rows, columns in (panel.shape for panel in panels)):
        return 1 if count <= 4 else math.ceil(math.sqrt(count / WIDE))
    return arrangement(count)[1]


def _with_details(
    part: Part, colored: _ColoredTile, kernel_side: float, *, ticks: bool, in_colors: bool
) -> Part:
    """Return a tile with its kernel at the left and its magnified corner at the right.

    The corner's first and last row and column have their numbers in the tile. With ``in_colors``,
    a kernel over three channels is drawn as colors.
    """
    tile, panel, ends = colored.tile, colored.panel, colored.ends
    parts = [part]
    if tile.kernels is not None:
        if in_colors and tile.kernels.is_rgb:
            parts.insert(0, color_kernel_part(tile.kernels, kernel_side))
        else:
            parts.insert(0, kernel_part(tile.kernels, kernel_side, is_bare=True)(1.0))
    if tile.corner is not None:
        (top, left, length), fine = tile.corner, tile.fine
        pixels = panel.pixels if fine is None else fine
        pixels = pixels[top : top + length, left : left + length]
        corner = ImagePanel(pixels, panel.max_value, panel.centered)
        box = fit_box(corner.shape, min(part.box))
        rows, columns = corner.shape
        magnified = boxed_image(corner, box, ends, ticks=False, numbers=False)
        frame = left - 0.5, top - 0.5, columns, rows
        parts[-1] = part._replace(draw=partial(_draw_framed, part.draw, frame=frame))
        places = [[left, left + columns - 1], [top, top + rows - 1]]
        if not (ticks and figure_options().axes):
            places = []
        parts.append(
            magnified._replace(
                draw=partial(_draw_corner, magnified.draw, shape=(rows, columns), places=places),
                left=(text_width(str(top + rows), theme().text) + _LABEL_GAP) * bool(places),
                below=(theme().line + _LABEL_GAP) * bool(places),
            )
        )
    titled = int(tile.kernels is not None)
    return beside(parts, part.title, part.caption, titled) if len(parts) > 1 else part


def _draw_framed(
    draw: Callable[[Figure, float, float], Iterable[DrawnImage]],
    figure: Figure,
    left: float,
    top: float,
    *,
    frame: tuple[float, float, float, float],
) -> list[DrawnImage]:
    """Draw an image and a frame in it, given its left, top, width and height in cells."""
    [drawn] = draw(figure, left, top)
    across, down, width, height = frame
    width_points = 0.15 * theme().text
    style: Any = {"fill": False, "edgecolor": _CORNER_COLOR, "linewidth": width_points}
    drawn.axes.add_patch(Rectangle((across, down), width, height, clip_on=False, **style))
    return [drawn]


def _draw_corner(
    draw: Callable[[Figure, float, float], Iterable[DrawnImage]],
    figure: Figure,
    left: float,
    top: float,
    *,
    shape: Pair,
    places: Sequence[Sequence[int]],
) -> list[DrawnImage]:
    """Draw a magnified corner in its frame; its pixels are large enough without lines.

    ``places`` are the columns, then the rows to number, the first and the last; empty for none.
    """
    rows, columns = shape
    [drawn] = _draw_framed(draw, figure, left, top, frame=(-0.5, -0.5, columns, rows))
    drawn.axes.grid(visible=False, which="minor")
    for axis, numbers in zip((drawn.axes.xaxis, drawn.axes.yaxis), places, strict=False):
        axis.set_ticks([number - numbers[0] for number in numbers], labels=list(map(str, numbers)))
    return [drawn]


def _with_bars(
    parts: Sequence[Part],
    colored: Sequence[_ColoredTile],
    most: int,
    together: int,
    *,
    wheels: Sequence[int],
    is_upright: bool,
) -> Rows:
    """Return tiles in rows, with the bar of each shared scale in the first row that has it.

    The color wheel stands beside the row of the tile in ``wheels``, if there is one.
    """
    has_bars = figure_options().bars
    bars = {e.shared: e.bar for e in colored if e.shared is not None and e.bar and has_bars}
    widths = [bar.space(below=False) + theme().line for bar in bars.values()]
    shown = wheels if has_bars else ()
    widths += [wheel_part().width + theme().line for _ in shown]
    if is_upright:
        rows, row_of = _upright(parts, sum(widths), together)
    else:
        flowed = flow(parts, most=most, width=sum(widths), together=together)
        rows = [list(row) for row in flowed]
        row_of = [n // len(rows[0]) for n in range(len(parts))]
    beside_rows: list[list[Part]] = [[] for _ in rows]
    for key, bar in bars.items():
        holders = [n for n, each in enumerate(colored) if each.shared == key]
        row = row_of[holders[0]]
        height = max(parts[n].box[1] for n in holders if row_of[n] == row)
        is_for_all = row < row_of[holders[-1]] and len(holders) == len(parts)
        beside_rows[row].append(_bar_part(bar, height, ", all tiles" * is_for_all))
    for tile in shown:
        beside_rows[row_of[tile]].append(wheel_part())
    columns = max(map(len, beside_rows))
    for row_parts, extra in zip(rows, beside_rows, strict=True):
        row_parts += [*extra, *[blank((0.0, 0.1))] * (columns - len(extra))]
    return rows


def _upright(
    parts: Sequence[Part], width: float, together: int
) -> tuple[list[list[Part]], list[int]]:
    """Return tiles in rows, those that belong together below each other, and the row of each.

    ``width`` is that of the bars.
    """
    groups = [parts[start : start + together] for start in range(0, len(parts), together)]
    for across in range(len(groups), 0, -1):
        if fit_columns([list(chain(*groups[first::across])) for first in range(across)], width):
            break
    across = math.ceil(len(groups) / math.ceil(len(groups) / across))
    empty = [[blank(parts[0].box)] * together] * (-len(groups) % across)
    lines = [[*groups, *empty][start : start + across] for start in range(0, len(groups), across)]
    rows = [list(row) for line in lines for row in zip(*line, strict=True)]
    return rows, [n // together // across * together + n % together for n in range(len(parts))]


def _bar_part(bar: Bar, height: float, more: str) -> Part:
    """Return a color bar of this height as a part; its unit gets ``more`` where there is room."""
    if text_width(bar.unit + more, theme().text) < height:
        bar = bar._replace(unit=bar.unit + more)
    box = 0.0, height

    def draw(figure: Figure, left: float, top: float) -> list[DrawnImage]:
        bar.draw(figure, left, top, box, is_alone=True)
        return []

    return Part(draw, box, right=bar.space(below=False), letters=0)
