"""The look that every figure shares, whatever the user's own matplotlib settings say."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from convcli.errors import UsageError

# Where the home folder cannot be written, matplotlib says so at length on stderr; it works all
# the same, with a font cache that it makes anew.
logging.getLogger("matplotlib").setLevel(logging.ERROR)

try:
    import matplotlib
except ValueError as error:  # an unknown MPLBACKEND, or a matplotlibrc that is not text
    problem = " ".join(str(error).split())
    raise UsageError(
        f"matplotlib does not start ({problem}): correct MPLBACKEND or the matplotlibrc file"
    ) from error

DPI = 150
HEADING_POINTS = 11.0
TITLE_POINTS = 9.0
TICK_POINTS = 7.0
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
    "text.parse_math": False,  # a file's name may hold dollar signs
    "svg.hashsalt": "convcli",  # ids in an SVG are random without it
}


@contextmanager
def style_context() -> Iterator[None]:
    """Draw or save under matplotlib's defaults and the house's settings; the user's come back.

    Letters that the font lacks, as in a Chinese file name, are boxes, without a warning.

    >>> with house_style():
    ...     matplotlib.rcParams["figure.dpi"]
    150.0
    """
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_SETTINGS)
        yield
