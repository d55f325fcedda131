"""One result of filtering, as figures show it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from convcli.core.options import ConvOptions
from convcli.plotting.text import format_short

if TYPE_CHECKING:
    from convcli.kernels.kernel import Kernel

_USUAL = ConvOptions()


@dataclass(frozen=True)
class PanelRow:
    """One result of filtering, as a row of the figure shows it.

    Args:
        label: what the result is called, such as the kernel's name.
        kernels: the kernels it comes from, several where they were combined.
        pixels: the result after the range mapping, (H, W) gray or (H, W, 3) RGB.
        white: 255 or 65535, or None where ``pixels`` are plain numbers.
        minimum: the least value of the feature map, before the range mapping.
        maximum: its greatest.
        clipped: the share of its samples that the range mapping clipped, 0 to 1.
        combine: how several kernels were combined: "magnitude", "max", ...
        caption: what else is to be said of it.
        conv: how the kernels slid over the input; a signal's figure shows its padding.
    """

    label: str
    kernels: tuple["Kernel", ...]
    pixels: NDArray[np.generic]
    max_value: int | None
    minimum: float
    maximum: float
    clipped: float
    combine: str | None
    caption: str = ""
    conv: ConvOptions = _USUAL

    @property
    def heading(self) -> str:
        """What it is called and, where the kernels have no title, what joined them."""
        first = self.kernels[0]
        bias = f", bias {format_short(first.bias)}" if first.bias else ""
        if len(self.kernels) > 1:
            return f"{self.label}: {self.combine or 'one'} of {len(self.kernels)} kernels{bias}"
        if first.matrix.ndim > 2:
            return f"{self.label}: sum over {first.matrix.shape[-3]} channels{bias}"
        return self.label
