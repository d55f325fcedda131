"""What a contact sheet shows in one place: an image or a signal, its name and its details."""

from __future__ import annotations

from typing import Any, NamedTuple

from numpy.typing import NDArray

from convcli.geometry import Pads
from convcli.plotting.heatmap import HeatmapGroup
from convcli.plotting.sample_scale import SAMPLE_NUMBERS
from convcli.signals import SampleAxis


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
        places: where the samples of a signal stand on the x axis of the sheet.
        axis: where the samples of the input lie, if it is a signal with positions.
        legend: what its look means, which the sheet says once where it leaves out the captions.
        short: what stands in place of the caption where the sheet leaves out the captions.
        mark: the row, column and channel of a value that is ringed.
        is_direction: whether its colors are directions, which the sheet explains by one wheel.
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
    places: SampleAxis = SAMPLE_NUMBERS
    axis: SampleAxis | None = None
    legend: tuple[str, ...] = ()
    short: str = ""
    mark: tuple[int, int, int] | None = None
    is_direction: bool = False
