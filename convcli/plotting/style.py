"""The look that all figures share: text sizes, colors, and the size of the page."""

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from difflib import get_close_matches
from typing import Any, NamedTuple

import matplotlib
from matplotlib import colormaps
from matplotlib.colors import Colormap

from convcli.errors import UsageError
from convcli.figure_options import FigureOptions
from convcli.geometry import Pair

Box = tuple[float, float]  # width and height in inches

_ANY = 0.1  # ratio of width to height of an image
THINNEST = 0.3  # inches; a thinner box could not be seen
NAN_COLOR = "magenta"


class Theme(NamedTuple):
    """Sizes and colors of a figure. Lengths are in inches, text sizes in points.

    Attributes:
        heading: size of a figure's title.
        title: size of the title of one part.
        text: size of all other text, at least; no text is smaller.
        number: least size of the numbers in cells.
        width: of the page, at most.
        height: of the page, at most.
        is_fixed: whether the page always has this width and height.
        ink: color of text and lines.
        faint: color of lines between cells, and of captions.
        page: color of the page.
        signed: colormap of numbers of both signs, with zero in its middle.
        unsigned: colormap of numbers of one sign.
        empty: color of values that are not computed yet, which no colormap has, with its name.
        bar_below: least ratio of width to height of an image whose color bar is below it.
        title_room: of titles above narrow parts, as a multiple of the usual width.
    """

    heading: float = 13.0
    title: float = 10.5
    text: float = 9.0
    number: float = 9.0
    width: float = 14.0
    height: float = math.inf
    is_fixed: bool = False
    ink: str = "black"
    faint: str = "0.45"
    page: str = "white"
    signed: str = "RdBu_r"
    unsigned: str = "viridis"
    empty: str = "#fbf5d3"
    empty_name: str = "yellow"
    bar_below: float = 2.5
    title_room: float = 1.0

    @property
    def line(self) -> float:
        """Height of a line of the smallest text."""
        return self.text * 1.35 / 72


THEMES = {
    "screen": Theme(),
    "slide": Theme(
        heading=24, title=17, text=14, number=14, width=40 / 3, height=7.5, is_fixed=True
    ),
    # In print, the ends of cividis differ in lightness: negative numbers are dark.
    "paper": Theme(
        heading=10,
        title=8.5,
        text=8,
        number=8,
        width=7.1,
        height=9.5,
        signed="cividis",
        unsigned="cividis",
        empty="#cdeaf5",
        empty_name="light blue",
    ),
    "dark": Theme(ink="#e8e8e8", faint="#9a9a9a", page="#16181c", empty="#4a4322"),
}

# A viewer that lacks the first font takes another; the layout leaves room for wider letters.
_FONTS = ["DejaVu Sans", "Verdana", "Liberation Sans", "Arial", "sans-serif"]
_MONOSPACED = ["DejaVu Sans Mono", "Liberation Mono", "Consolas", "monospace"]

_current: ContextVar[tuple[Theme, FigureOptions]] = ContextVar(
    "current", default=(THEMES["screen"], FigureOptions())
)


def theme() -> Theme:
    """Return the sizes and colors of the figure that is being drawn."""
    return _current.get()[0]


def figure_options() -> FigureOptions:
    """Return the options of the figure that is being drawn."""
    return _current.get()[1]


@contextmanager
def style_context(options: FigureOptions | None = None) -> Iterator[None]:
    """Apply matplotlib's defaults, the theme and the options while drawing or saving.

    The user's own settings are restored afterwards. Letters that the font lacks, such as those of
    a Chinese file name, are drawn as boxes without a warning.

    Raises:
        UsageError: no colormap has the name of ``options.cmap``.

    >>> with style_context(FigureOptions(theme="slide")):
    ...     theme().text, matplotlib.rcParams["xtick.labelsize"]
    (14, 14.0)
    """
    options = options or FigureOptions()
    look = THEMES[options.theme]
    if options.cmap is not None:
        check_cmap(options.cmap)
        look = look._replace(signed=options.cmap, unsigned=options.cmap)
    if options.width is not None:
        height = look.height * options.width / look.width  # as wide to high as the theme's
        look = look._replace(width=options.width, height=height if look.is_fixed else look.height)
    token = _current.set((look, options))
    try:
        with matplotlib.rc_context(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "(?s)Glyph .* missing from font", UserWarning)
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(_settings(look, options))
            yield
    finally:
        _current.reset(token)


@contextmanager
def layout_context(*, bars_below: bool, wide_titles: bool) -> Iterator[None]:
    """Place the color bars of all images below them, or give titles twice their usual room."""
    look, options = _current.get()
    look = look._replace(bar_below=_ANY) if bars_below else look
    look = look._replace(title_room=2 * look.title_room) if wide_titles else look
    token = _current.set((look, options))
    try:
        yield
    finally:
        _current.reset(token)


def _settings(look: Theme, options: FigureOptions) -> Any:
    """Return matplotlib's settings; its versions type the keys differently."""
    line = max(look.text / 15, 0.6)
    return {
        "figure.dpi": options.dpi,
        "savefig.dpi": "figure",
        "font.size": look.text,
        "axes.labelsize": look.text,
        "font.sans-serif": _FONTS,
        "font.monospace": _MONOSPACED,
        "axes.titlesize": look.title,
        "figure.titlesize": look.heading,
        "axes.linewidth": line,
        "xtick.labelsize": look.text,
        "ytick.labelsize": look.text,
        "xtick.major.width": line,
        "ytick.major.width": line,
        "text.parse_math": False,  # file names may hold dollar signs
        "svg.hashsalt": "convcli",  # ids in an SVG are random without it
        "svg.fonttype": "none",  # text stays text, which can be edited and searched
        "pdf.fonttype": 42,
        **dict.fromkeys(("figure.facecolor", "axes.facecolor"), look.page),
        **dict.fromkeys(
            ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"),
            look.ink,
        ),
    }


def check_cmap(name: str) -> None:
    """Raise UsageError if matplotlib has no colormap of this name."""
    if name not in colormaps:
        close = get_close_matches(name, list(colormaps), 3)
        advice = f"do you mean {' or '.join(close)}?" if close else "try gray, viridis or RdBu_r"
        raise UsageError(f"cmap: matplotlib has no colormap {name!r}; {advice}")


def signed_colormap() -> Colormap:
    """Return the colors of numbers of both signs; zero is in the middle."""
    return colormaps[theme().signed].with_extremes(bad=NAN_COLOR)


def gray_colormap() -> Colormap:
    """Return black to white, or the colormap that the user has chosen."""
    return colormaps[figure_options().cmap or "gray"].with_extremes(bad=NAN_COLOR)


def unsigned_colormap() -> Colormap:
    """Return the colors of weights that are never negative."""
    return colormaps[theme().unsigned].with_extremes(bad=NAN_COLOR)


def fit_box(
    shape: Pair,
    longest: float,
    *,
    cell: float = math.inf,
    thinnest: float = THINNEST,
) -> Box:
    """Return the width and height in inches of an image that is drawn with square cells.

    Args:
        shape: rows and columns.
        longest: the longer side at most.
        cell: the side of a cell where ``longest`` leaves room for it.
        thinnest: the least of either side; the cells of a thinner image are stretched.

    >>> fit_box((3, 5), 4.0, cell=0.5), fit_box((1, 8), 4.0)
    ((2.5, 1.5), (4.0, 0.5))
    """
    rows, columns = shape
    count = max(rows, columns)
    side = min(cell, longest / count)
    return max(columns * side, thinnest), max(rows * side, thinnest)
