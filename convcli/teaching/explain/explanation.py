"""The explanation of one value of a feature map, as :func:`convcli.explain` returns it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convcli.choices import ThemeName
from convcli.figure_options import FigureOptions
from convcli.teaching.explain.computation import DrawnComputation
from convcli.teaching.explain.rounding import as_shown
from convcli.teaching.explain.text import explanation_html, explanation_text

if TYPE_CHECKING:
    from convcli.plotting.save import NotebookFigure


@dataclass(frozen=True, repr=False)
class Explanation(DrawnComputation):
    """How one value of a feature map is computed, with every number.

    Shapes and positions are (rows, columns). ``print`` shows what ``convcli explain`` prints.

    Attributes:
        kernel: the name of the kernel or of the kernel family.
        at: the position in the feature map.
        input_shape: the shape of the image without padding.
        output_shape: the shape of the feature map.
        operation: ``correlate``, or ``convolve``, which flips the kernel.
        pads: the padding; with several kernels, that of the first.
        border: what the padding holds.
        fill: the value of a ``constant`` or ``zero`` border.
        stride: the step between windows.
        dilation: the distance between the pixels of a window.
        anchor: the place in the window, from its first pixel, that the value stands for; with
            several kernels, that of the first.
        combine: how the values of several kernels become one; None for one kernel.
        activation: the function applied to the value before it becomes a pixel.
        range: how a value becomes a pixel; see :class:`convcli.images.value_range.ValueRange`.
        max_value: the image's greatest possible value: 255, 65535, or None for plain numbers.
        extremes: the values that ``rescale`` makes black and white; None for other ranges.
        outputs: an :class:`~convcli.teaching.explain.computation.OutputValue` for each channel of
            the feature map: window, products, sum, value and pixel.
        dtype: the type of the activated values, such as ``float32``.
        x: where the value lies, if the input is a signal with positions; see
            :class:`convcli.signals.OutputAxes`.
        lag: the lag of the correlation, likewise.
        source: the image and its feature map, which :meth:`plot` draws.

    >>> from convcli import explain
    >>> explain([[3, 4]], [[1, 2]], (0, 1), border="zero")
    Explanation(kernel='1 2', at=(0, 1), pixels=(4,))
    """

    def __repr__(self) -> str:
        pixels = tuple(output.pixel for output in as_shown(self).outputs)
        return f"Explanation(kernel={self.kernel!r}, at={self.at}, pixels={pixels})"

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return explanation_html(self)

    def text(self, digits: int | None = None) -> str:
        """Return the whole computation as ``convcli explain`` prints it, at most 80 letters wide.

        ``str(explanation)`` is the same with the reliable digits.

        Args:
            digits: decimals of every number; None for the reliable ones.

        >>> from convcli import explain
        >>> print(explain([[3, 4]], [[1, 2]], (0, 1), border="zero"))
        1 2 at row 0, column 1 of the 2x1 feature map (correlate: not flipped)
        window: row 0, columns 1 to 2 of the 2x1 input; in brackets: padding (zero)
        <BLANKLINE>
        window     kernel   pixel*weight
           1   2
        0  4 [0]   1 2      4 0
        <BLANKLINE>
        sum       (4*1) + (0*2) = 4
        value     4
        """
        return explanation_text(self, digits=digits)

    def plot(
        self,
        *,
        theme: ThemeName = "screen",
        title: str | None = None,
        cmap: str | None = None,
        digits: int | None = None,
        dpi: float = 150,
        width: float | None = None,
    ) -> NotebookFigure:
        """Draw the computation and where it lies in the image, as ``convcli explain -o`` does.

        Args:
            theme, title, cmap, digits, dpi, width: as for :func:`convcli.plot`.

        Returns:
            A figure that a notebook shows by itself, and whose ``save(path)`` writes it.

        Raises:
            UsageError: an argument is wrong.

        >>> from convcli import explain
        >>> figure = explain([[1, 2], [3, 4]], [[1, -1]], (0, 0)).plot(theme="slide")
        >>> figure.get_suptitle()
        '1 -1: the value at row 0, column 0'
        """
        from convcli.plotting.arguments import checked_figure_options
        from convcli.teaching.explain.figure import draw_explanation

        options = checked_figure_options(FigureOptions(theme, title, cmap, digits, dpi, width))
        return draw_explanation(self, self.source.image.pixels, self.source.feature_map(), options)
