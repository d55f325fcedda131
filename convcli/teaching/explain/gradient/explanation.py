"""The gradients of one convolution, as :func:`convcli.explain_gradient` returns them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from convcli.choices import ThemeName
from convcli.figure_options import FigureOptions
from convcli.geometry import size_text
from convcli.teaching.explain.gradient.computation import GradientComputation
from convcli.teaching.explain.gradient.text import gradient_html, gradient_text

if TYPE_CHECKING:
    from convcli.plotting.save import NotebookFigure


@dataclass(frozen=True, eq=False, repr=False)
class GradientExplanation(GradientComputation):
    """The gradients of a loss L of one convolution, and how they are summed.

    All arrays are float64. ``print`` shows what ``convcli explain --gradient`` prints.

    Attributes:
        kernel: the name of the kernel or of the bank.
        conv: operation, padding, border, stride and dilation.
        forward: how one value of the first map is computed.
        input: the image, (H, W) or (H, W, C).
        weights: (kh, kw), (C, kh, kw) or (N, C, kh, kw), as given, before the division.
        divisor: divides the sums.
        target: what the output is compared with, in its shape; None where L is the sum.
        values: the feature map, (H', W'), or (H', W', M) for several channels or filters.
        output: the values after the activation; L is taken of them.
        loss: L: the sum of the output, or the mean of ``(output - target)**2``.
        grad_output: dL/d(output), in its shape.
        grad_values: dL/d(values): the same, times the slope of the activation.
        grad_weights: dL/dw, in the shape of the weights.
        grad_bias: dL/db, a number for each filter.
        grad_input: dL/dx, in the shape of the input.
        maps: the names of the output's maps; one empty name for one map.
        channels: the names of the input's channels; one empty name for one channel.
        weight_place: (row, column) of the weight whose gradient is worked out.
        weight: how it is summed, of the first filter and channel; None where the map is large.
        pixel_place: (row, column) of the pixel whose gradient is worked out.
        pixel: how it is summed, of the first channel.
        activation: the function between values and output.


    >>> from convcli import explain_gradient
    >>> explained = explain_gradient([[1, 2, 4]], [[1, -1]], padding="valid")
    >>> explained
    GradientExplanation(kernel='1 -1', loss=-3, 2x1 weights, 3x1 input)
    >>> explained.grad_weights.tolist(), explained.grad_input.tolist()
    ([[3.0, 6.0]], [[1.0, 0.0, -1.0]])
    """

    def __repr__(self) -> str:
        weights, size = size_text(self.weights.shape[-2:]), size_text(self.input.shape[:2])
        return (
            f"GradientExplanation(kernel={self.kernel!r}, loss={self.loss:.6g}, {weights} weights, "
            f"{size} input)"
        )

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return gradient_html(self)

    def text(self, digits: int | None = None) -> str:
        """Return the gradients as ``convcli explain --gradient`` prints them.

        Args:
            digits: decimals of every number; None for six significant digits.
        """
        return gradient_text(self, digits=digits)

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
        """Draw input, kernel and feature map, and the gradient below each of them.

        The figure is that of ``convcli explain --gradient -o``.

        Args:
            theme, title, cmap, digits, dpi, width: as for :func:`convcli.plot`.

        Returns:
            A figure that a notebook shows by itself, and whose ``save(path)`` writes it.

        Raises:
            UsageError: an argument is wrong.

        >>> from convcli import explain_gradient
        >>> explain_gradient([[1, 2], [3, 4]], [[1, -1]]).plot(theme="slide").get_suptitle()
        'gradients of L: 1 -1'
        """
        from convcli.plotting.arguments import checked_figure_options
        from convcli.teaching.explain.gradient.figure import draw_gradient

        options = checked_figure_options(FigureOptions(theme, title, cmap, digits, dpi, width))
        return draw_gradient(self, options)
