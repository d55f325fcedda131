"""The frames of a kernel that learns by gradient descent, and of its falling loss."""

from __future__ import annotations

# Imported before matplotlib: it silences matplotlib's start-up warnings.
from convcli.plotting.axes import WIDE
from convcli.plotting.blit import BlitCanvas, Moving
from convcli.plotting.heatmap import kernel_part, symmetric_limit
from convcli.plotting.labels import cell_texts
from convcli.plotting.moving import DrawnParts, MovingGrid, MovingText
from convcli.plotting.page import PagePlan, compose
from convcli.plotting.rows import Rows, fits_line
from convcli.plotting.style import figure_options, signed_colormap, style_context, theme

# isort: split
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from convcli.errors import UsageError
from convcli.figure_options import FigureOptions
from convcli.geometry import size_text
from convcli.teaching.learn.estimate import Estimate, History
from convcli.teaching.learn.figure import (
    MAX_CHANNELS,
    channels_fact,
    heatmap_group,
    loss_part,
    most_decimals,
)
from convcli.teaching.learn.text import Truth, round_weights

FPS, DPI = 10.0, 100.0  # most screens show such a frame whole
_KERNEL, _WIDE_KERNEL = 2.6, 5.2  # inches; longer side of each kernel
_LARGEST = 1.5  # how much larger kernels and losses become to fill a page
_TO_COME = 0.25  # opacity of the losses that are not reached yet


class LearningScene(BlitCanvas):
    """The frames of a gradient descent: the kernel after an epoch, and the losses up to it.

    Args:
        learned: a kernel with its descent.
        truth: the true kernel, beside the learned one.
        title: the heading.
        options: how the frames look.

    Raises:
        UsageError: the kernel was not learned by gradient descent.
    """

    def __init__(
        self,
        learned: Estimate,
        truth: Truth | None = None,
        *,
        title: str = "",
        options: FigureOptions | None = None,
    ) -> None:
        if learned.history is None:
            raise UsageError("only a gradient descent learns step by step")
        options = options or FigureOptions(dpi=DPI)
        self._history, self._parts = learned.history, DrawnParts()
        epochs, kernels = zip(*learned.history.path, strict=True)
        self._epochs: tuple[int, ...] = epochs
        rows, columns = learned.weights.shape[-2:]
        every = np.array(kernels).reshape(len(epochs), -1, rows, columns)
        self._kernels = every[:, :MAX_CHANNELS]
        with style_context(options):
            digits = figure_options().digits
            decimals = most_decimals() if digits is None else digits
            texts = cell_texts(round_weights(self._kernels, decimals), decimals)
            self._texts = np.array(texts).reshape(*self._kernels.shape[:2], -1).tolist()
            figure = self._draw(learned, truth, title, decimals, max(texts, key=len))
            drawn = self._parts.by_name
            self._grids = [MovingGrid(each) for each in drawn["kernel"]]
            self._lines: list[_ReachedLosses] = []
            if "losses" in drawn:  # a small page has no room for them
                self._lines.append(_ReachedLosses(drawn["losses"], learned.history))
            self._text = MovingText(drawn["epoch"], self._epoch_texts())
            self.move(0)
        super().__init__(figure, [*self._grids, *self._lines, self._text], len(epochs), options)

    def move(self, number: int) -> None:
        """Show the kernel after one epoch, and the losses up to it."""
        for grid, values, texts in zip(
            self._grids, self._kernels[number], self._texts[number], strict=True
        ):
            grid.move(values, texts)
        for line in self._lines:
            line.move(self._epochs[number])
        self._text.move(number)

    def colormaps(self) -> Sequence[Any]:
        """Return the colormap of the kernels' bar."""
        return (signed_colormap(),)

    def colors(self) -> NDArray[np.uint8]:
        """Return the colors that a small palette keeps exactly, with that of the losses."""
        reached = [255 * np.array(to_rgb(line.color)) for line in self._lines]
        return np.array([*super().colors(), *np.round(reached)], np.uint8)

    def _epoch_texts(self) -> list[str]:
        losses = self._history.losses
        return [f"epoch {epoch}, loss {losses[epoch]:.4g}" for epoch in self._epochs]

    def _draw(
        self, learned: Estimate, truth: Truth | None, title: str, decimals: int, widest: str
    ) -> Figure:
        """Draw the page, with room for the widest number in every cell."""
        history = self._history
        others = [] if truth is None else [truth.weights.ravel()]
        limit = symmetric_limit(np.concatenate([self._kernels.ravel(), *others]))
        group = heatmap_group(learned, learned.weights, limit, MAX_CHANNELS)
        wide = (widest,) * group.maps[0].values.size
        group = group._replace(maps=tuple(each._replace(texts=wide) for each in group.maps))
        is_wide = learned.weights.shape[-1] >= WIDE * learned.weights.shape[-2]
        longest = _WIDE_KERNEL if is_wide else _KERNEL
        kernel = kernel_part(group, longest, title="learned", has_bar=truth is None)
        kernel = self._parts.text_below("epoch", kernel, self._epoch_texts())
        kernels = [self._parts.keep("kernel", kernel)]
        if truth is not None:
            weights = round_weights(truth.weights, decimals)
            true = heatmap_group(learned, weights, limit, MAX_CHANNELS)
            kernels.append(kernel_part(true, longest, title=truth.name))
        losses = loss_part(history, lambda axes: self._parts.by_name.update(losses=axes))
        rows = [[losses, *kernels]]
        if is_wide:
            rows = [*([part] for part in kernels), [losses]]
        elif not fits_line([part(1.0) for part in rows[0]]):
            rows = [kernels, [losses]]

        def rows_of(least: float, scale: float) -> Rows:
            size = min(max(scale, least), _LARGEST)
            return [[part(size) for part in row] for row in rows]

        facts = [f"kernel {size_text(learned.weights.shape[-2:])}", *channels_fact(learned)]
        facts += [f"momentum {history.momentum:g}", f"rate {history.rate:.3g}"]
        plans = [PagePlan(partial(rows_of, least)) for least in (1.0, 0.0)]
        return compose(plans, title=title, facts=", ".join(facts))


class _ReachedLosses(Moving):
    """The losses up to an epoch, over those of the whole descent."""

    def __init__(self, axes: Axes, history: History) -> None:
        whole = axes.lines[0]
        self._losses, self.color = history.losses, whole.get_color()
        style: dict[str, Any] = {"color": self.color, "zorder": 3}
        self._line = Line2D([], [], linewidth=1.8, **style)
        self._dot = Line2D(
            [], [], marker="o", markersize=theme().text / 1.6, clip_on=False, **style
        )
        for line in (self._line, self._dot):
            axes.add_line(line)
        whole.set_alpha(_TO_COME)
        super().__init__([self._line, self._dot])

    def move(self, epoch: int) -> None:
        """Show the losses up to one epoch."""
        self._line.set_data(range(epoch + 1), self._losses[: epoch + 1])
        self._dot.set_data([epoch], self._losses[epoch : epoch + 1])
