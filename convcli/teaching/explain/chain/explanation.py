"""The explanation of one value of a chain, as :meth:`convcli.Chain.explain` returns it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from convcli.choices import ThemeName
from convcli.figure_options import FigureOptions
from convcli.teaching.explain.chain.computation import ChainComputation, ExplainedChain
from convcli.teaching.explain.chain.rounding import chain_as_shown
from convcli.teaching.explain.chain.text import chain_html, chain_text

if TYPE_CHECKING:
    from convcli.plotting.save import NotebookFigure


@dataclass(frozen=True, repr=False)
class ChainExplanation(ChainComputation):
    """How a chain of layers computes one value, from its last layer back to the image.

    ``print`` shows what ``convcli explain --layer`` prints.

    Attributes:
        input_shape: of the image.
        channels: of the image.
        at: the position in the last layer's maps.
        map: the number of the map.
        value: the value.
        steps: the layers, the last one first; each explains the value that counts most in the
            step before. They end early where a window holds nothing but a constant border.
        field: the rows and the columns of the image that the value depends on; those outside the
            image are padding. Empty if it depends on none.
        x: where these lie, if the image is a signal with positions.
        source: the image and the layers, which :meth:`plot` draws.

    >>> from convcli import Chain
    >>> explanation = Chain(["conv -k '-1 1' --padding valid", "relu"]).explain([3, 7, 5], 0)
    >>> explanation
    ChainExplanation(layers=2, at=(0, 0), map=1, value=4)
    >>> print(explanation)
    layer 2 (relu): row 0, column 0 of the 2x1 map is 4
    <BLANKLINE>
    relu      max(0, 4) = 4
    <BLANKLINE>
    layer 1 (conv -1 1): row 0, column 0 of the 2x1 map is 4
    (correlate: not flipped)
    window: row 0, columns 0 to 1 of the 3x1 input
    <BLANKLINE>
    window   kernel   pixel*weight
       0 1
    0  3 7   -1 1     -3 7
    <BLANKLINE>
    sum       (3*-1) + (7*1) = 4
    <BLANKLINE>
    field     row 0, columns 0 to 1 of the 3x1 input
    """

    source: ExplainedChain = field(kw_only=True, compare=False)

    def __repr__(self) -> str:
        value = chain_as_shown(self).value
        return (
            f"ChainExplanation(layers={len(self.steps)}, at={self.at}, map={self.map}, "
            f"value={value})"
        )

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return chain_html(self)

    def text(self, digits: int | None = None) -> str:
        """Return the computation as ``convcli explain --layer`` prints it.

        Args:
            digits: decimals of every number; None for the reliable ones.
        """
        return chain_text(self, digits=digits)

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
        """Draw where the value comes from, as ``convcli explain --layer -o`` does.

        Args:
            theme, title, cmap, digits, dpi, width: as for :func:`convcli.plot`.

        Returns:
            A figure that a notebook shows by itself, and whose ``save(path)`` writes it.

        Raises:
            UsageError: an argument is wrong.

        >>> from convcli import Chain
        >>> figure = Chain("conv -k '-1 1' relu").explain([[3, 7, 5]], (0, 0)).plot(theme="slide")
        >>> figure.get_size_inches().round(2).tolist()
        [13.33, 7.5]
        """
        from convcli.plotting.arguments import checked_figure_options
        from convcli.teaching.explain.chain.figure import draw_chain_explanation

        options = checked_figure_options(FigureOptions(theme, title, cmap, digits, dpi, width))
        image, stages, maps, texts = self.source
        return draw_chain_explanation(self, image, stages, maps(), texts=texts, options=options)
