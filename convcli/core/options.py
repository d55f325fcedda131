"""How a kernel slides over an image. Loads no numpy: the command line imports it at start-up."""

from typing import NamedTuple

from convcli.choices import BORDER_SYNONYMS, BORDERS
from convcli.errors import UsageError
from convcli.geometry import Padding, Steps


class ConvOptions(NamedTuple):
    """How a kernel slides over an image; :func:`convcli.cross_correlate` explains each field."""

    operation: str = "correlate"
    padding: Padding = "same"
    border: str = "edge"
    fill: float = 0
    stride: Steps = 1
    dilation: Steps = 1


def border_name(border: str) -> str:
    """Return numpy's name for a border mode or one of its synonyms.

    Raises:
        UsageError: no mode has that name.

    >>> border_name("replicate")
    'edge'
    """
    name = BORDER_SYNONYMS.get(border, border)
    if name not in BORDERS:
        known = ", ".join((*BORDERS, *BORDER_SYNONYMS))
        raise UsageError(f"border must be one of {known}, not {border!r}")
    return name
