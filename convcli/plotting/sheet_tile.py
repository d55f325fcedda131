"""What a contact sheet shows in one place: an image or a signal, its name and its details."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

from convcli.geometry import Pads
from convcli.plotting.heatmap import HeatmapGroup


class Corner(NamedTuple):
    """A square part of an image that is drawn beside it, magnified."""

    top: int
    left: int
    side: int


class SheetTile(NamedTuple):
    """One image of a sheet.

    Attributes:
        title: the line above it, such as the kernel's name.
        pixels: (H, W) gray or plain numbers, or (H, W, 3) RGB; None leaves the place empty.
        max_value: the pixel value that is white, or None for plain numbers.
        caption: more lines under the title.
        unit: the label of the color bar of plain numbers.
        centered: center the colors of plain numbers on zero even where none is negative.
        mapped: the values that became pixel 0 and white, where these are not the pixels themselves.
        kernels: drawn small at its left.
        corner: drawn magnified at its right.
        fine: what the corner shows, if ``pixels`` are coarser.
        pads: rows and columns on each side that are hatched.
        start: where the first sample of a signal lies.
        step: from one sample of a signal to the next.
        legend: what its look means, which the sheet says once where it leaves out the captions.
    """

    title: str
    pixels: NDArray[Any] | None
    max_value: int | None
    caption: str = ""
    unit: str = "value"
    centered: bool = False
    mapped: tuple[float, float] | None = None
    kernels: HeatmapGroup | None = None
    corner: Corner | None = None
    fine: NDArray[Any] | None = None
    pads: Pads | None = None
    start: float = 0.0
    step: float = 1.0
    legend: tuple[str, ...] = ()
