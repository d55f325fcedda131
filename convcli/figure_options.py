"""How a figure looks: the options that all commands that draw share.

The command line builds this record at start-up, so this module imports neither numpy nor
matplotlib.
"""

from typing import NamedTuple

from convcli.choices import Layout, Panel, ThemeName
from convcli.errors import UsageError


class FigureOptions(NamedTuple):
    """How a figure looks; the defaults leave everything to the figure.

    Attributes:
        theme: ``screen``; ``slide``, 16:9 with large text; ``paper``, small, for print in gray; or
            ``dark``, for dark pages.
        title: the heading; ``""`` for none, None for the figure's own.
        cmap: a matplotlib colormap for everything that has one channel; None for the theme's.
        digits: decimals of all numbers; None for as many as are needed.
        dpi: pixels per inch.
        width: of the page, in inches; None for the theme's. Text keeps its size.
        panels: what is drawn of each result, in this order; None for the figure's own choice.
        titles: of the panels, in place of their own.
        layout: how the panels of a result stand; None for the figure's own choice.
        axes: whether rows and columns are numbered.
        bars: whether there are color bars.
        limits: the values at the ends of all color scales; None for those of the data.
        overlay: whether the panels of a signal are curves on one axis.
        reading: how the input was read, if not as it is, in words.
    """

    theme: ThemeName = "screen"
    title: str | None = None
    cmap: str | None = None
    digits: int | None = None
    dpi: float = 150.0
    width: float | None = None
    panels: tuple[Panel, ...] | None = None
    titles: tuple[str, ...] | None = None
    layout: Layout | None = None
    axes: bool = True
    bars: bool = True
    limits: tuple[float, float] | None = None
    overlay: bool = False
    reading: tuple[str, ...] = ()

    def check_titles(self, *counts: int, one: str = "each panel") -> None:
        """Check that there is a title for each panel, if there are titles.

        Args:
            counts: how many titles have a meaning, the least number first.
            one: what has a title.

        Raises:
            UsageError: there are more or fewer.
        """
        if self.titles is not None and len(self.titles) not in counts:
            needed = " or ".join(map(str, dict.fromkeys(counts)))
            raise UsageError(
                f"titles: {needed} needed, one for {one}, and {len(self.titles)} given"
            )
