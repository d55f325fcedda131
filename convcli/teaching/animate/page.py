"""The page of every frame: an even number of pixels, with a caption at its foot."""

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text

from convcli.teaching.animate.captions import CAPTION_LINE, CAPTION_POINTS

EMPTY_COLOR = "#fbf5d3"  # where values are still to come: neither gray, nor blue or red
AIR = 0.08  # inches
_DPI = 100  # most screens show a frame whole


def empty_frame(width: float, height: float, lines: int) -> tuple[Figure, Text]:
    """Return a figure of so many inches and a caption of so many lines, and the caption."""
    below = lines * CAPTION_LINE + 2 * AIR
    across, down = (2 * round(inches * _DPI / 2) / _DPI for inches in (width, height + below))
    share = below / down
    engine = ConstrainedLayoutEngine(h_pad=AIR, w_pad=AIR, rect=(0, share, 1, 1 - share))
    figure = Figure(figsize=(across, down), dpi=_DPI, layout=engine)
    caption = figure.text(
        2 * AIR / across,
        (below - AIR) / down,
        "",
        size=CAPTION_POINTS,
        family="monospace",
        va="top",
        linespacing=1.3,
    )
    return figure, caption
