"""The look that all figures share: sizes, colors, and the empty page that they are drawn on."""

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from convcli.geometry import Pair
from convcli.plotting.labels import line_count, wrap

Box = tuple[float, float]  # width and height in inches

DPI = 150
HEADING_POINTS = 11.0  # the title of a figure
TITLE_POINTS = 9.0  # the title of one image in it
TICK_POINTS = 7.0
FOOTER_POINTS = 8.0
HEADING_LINE = 0.2  # inches; height of a line of the title
FOOTER_LINE = 0.15
PAGE_PAD = 0.08  # inches; space around each part of a figure
TITLE_MARGIN = 0.5  # inches; how much narrower than the page its title is
THINNEST = 0.3  # inches; a thinner box could not be seen

DIVERGING = "RdBu_r"
SEQUENTIAL = "viridis"
NAN_COLOR = "magenta"

_SETTINGS: Any = {  # matplotlib's versions type the keys differently
    "figure.dpi": DPI,
    "savefig.dpi": DPI,
    "axes.titlesize": TITLE_POINTS,
    "figure.titlesize": HEADING_POINTS,
    "axes.linewidth": 0.6,
    "xtick.labelsize": TICK_POINTS,
    "ytick.labelsize": TICK_POINTS,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "text.parse_math": False,  # file names may hold dollar signs
    "svg.hashsalt": "convcli",  # ids in an SVG are random without it
}


@contextmanager
def style_context() -> Iterator[None]:
    """Apply matplotlib's defaults and convcli's settings while drawing or saving.

    The user's own settings are restored afterwards. Letters that the font lacks, such as those of
    a Chinese file name, are drawn as boxes without a warning.

    >>> with style_context():
    ...     matplotlib.rcParams["figure.dpi"]
    150.0
    """
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield


def page(width: float, height: float, title: str = "", *, footer: Sequence[str] = ()) -> Figure:
    """Return an empty figure with a title above its axes and lines of text below them.

    Args:
        width: in inches.
        height: in inches, of everything between title and footer.
        title: wrapped to the width; the figure becomes higher by its lines.
        footer: monospaced lines, which must fit the width.
    """
    heading = wrap(title, width - TITLE_MARGIN, HEADING_POINTS)
    if heading:
        height += HEADING_LINE * (1 + line_count(heading))
    if footer:
        height += FOOTER_LINE * (1 + len(footer))
    engine = ConstrainedLayoutEngine(h_pad=PAGE_PAD, w_pad=PAGE_PAD)
    figure = Figure(figsize=(width, height), layout=engine)
    if heading:
        figure.suptitle(heading)
    if footer:
        style: dict[str, Any] = {"size": FOOTER_POINTS, "family": "monospace"}
        figure.supxlabel("\n".join(footer), x=0.5, ha="center", ma="left", **style)
    return figure


def fit_box(
    shape: Pair,
    longest: float,
    *,
    cell: float = math.inf,
    shortest: float = 0.0,
    thinnest: float = THINNEST,
) -> Box:
    """Return the width and height in inches of an image that is drawn with square cells.

    Args:
        shape: rows and columns.
        longest: the longer side at most.
        cell: the side of a cell where ``longest`` leaves room for it.
        shortest: the longer side at least; the cells become larger to reach it.
        thinnest: the least of either side; the cells of a thinner image are stretched.

    >>> fit_box((3, 5), 4.0, cell=0.5), fit_box((1, 8), 4.0)
    ((2.5, 1.5), (4.0, 0.5))
    """
    rows, columns = shape
    count = max(rows, columns)
    side = min(max(cell, shortest / count), longest / count)
    return max(columns * side, thinnest), max(rows * side, thinnest)
