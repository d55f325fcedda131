"""A bank of learned filters, one for each map of the second image."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from convcli.choices import ThemeName
from convcli.core.dtypes import with_channels
from convcli.errors import UsageError, count_text, list_text
from convcli.figure_options import FigureOptions
from convcli.geometry import size_text
from convcli.kernels.given import KernelLike, as_filters
from convcli.kernels.kernel import Kernel
from convcli.kernels.spec import KernelSet
from convcli.teaching.learn.bank_text import bank_html, bank_text
from convcli.teaching.learn.descent import Descent
from convcli.teaching.learn.estimate import Floats
from convcli.teaching.learn.fit import learn_from
from convcli.teaching.learn.result import LearnResult
from convcli.teaching.learn.text import Truth
from convcli.teaching.learn.windows import Example, Model

if TYPE_CHECKING:
    from convcli.plotting.save import NotebookFigure


@dataclass(frozen=True, eq=False, repr=False)
class BankResult:
    """Filters that turn one image into the maps of another, and how well each of them does.

    Attributes:
        filters: a :class:`LearnResult` for each map.
        names: what each of them is called.

    >>> import numpy as np
    >>> from convcli import cross_correlate, learn_bank
    >>> image = np.random.default_rng(0).integers(0, 256, (20, 30))
    >>> maps = np.stack([cross_correlate(image, name) for name in ("plus", "blur")], axis=-1)
    >>> learn_bank(image, maps)
    BankResult(2 filters 3x3: plus, blur)
    """

    filters: tuple[LearnResult, ...]
    names: tuple[str, ...]

    @property
    def weights(self) -> Floats:
        """The weights, (N, C, kh, kw), or (N, 1, kh, kw) for kernels without channels."""
        weights = np.stack([each.weights for each in self.filters])
        return weights if weights.ndim == 4 else weights[:, np.newaxis]

    @property
    def bias(self) -> Floats:
        """The bias of each filter, (N,), in the units of the second image."""
        return np.array([each.bias for each in self.filters])

    @property
    def kernel(self) -> Kernel:
        """The bank as a kernel, without the biases, which are in the units of the image."""
        return Kernel(self.weights, name="learned")

    def __len__(self) -> int:
        return len(self.filters)

    def __getitem__(self, index: int) -> LearnResult:
        return self.filters[index]

    def __iter__(self) -> Iterator[LearnResult]:
        return iter(self.filters)

    def __repr__(self) -> str:
        size = size_text(self.weights.shape[-2:])
        found = list_text([each.match.spec if each.match else "?" for each in self.filters], 8)
        return f"BankResult({count_text(len(self), 'filter')} {size}: {found})"

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return bank_html(self.filters, self.names)

    def text(self, digits: int | None = None) -> str:
        """Return the filters and how well they fit, as ``convcli learn`` prints them.

        Args:
            digits: decimals of the weights; None for those worth showing.
        """
        return bank_text(self.filters, self.names, digits=digits)

    def truths(self, truth: KernelSet) -> list[Truth]:
        """Return the true kernel of each filter.

        Args:
            truth: as many kernels as there are filters.

        Raises:
            UsageError: there are more or fewer, or one has another shape.
        """
        kernels = truth.kernels
        if len(kernels) != len(self):
            raise UsageError(
                f"truth has {count_text(len(kernels), 'kernel')}, but "
                f"{count_text(len(self), 'filter')} are learned; give a bank of as many"
            )
        return [
            Truth.of(kernel, each.weights.shape)
            for kernel, each in zip(kernels, self.filters, strict=True)
        ]

    def plot(
        self,
        truth: KernelLike | None = None,
        *,
        theme: ThemeName = "screen",
        title: str | None = None,
        cmap: str | None = None,
        digits: int | None = None,
        dpi: float = 150,
        width: float | None = None,
    ) -> NotebookFigure:
        """Draw the input, and a row for each filter: its map, its kernel, its result and error.

        The figure is that of ``convcli learn --plot`` for a bank.

        Args:
            truth: a bank to compare the learned one with, of as many kernels.
            theme, title, cmap, digits, dpi, width: as for :func:`convcli.plot`.

        Returns:
            A figure that a notebook shows by itself, and whose ``save(path)`` writes it.

        Raises:
            KernelError: ``truth`` is no kernel.
            UsageError: ``truth`` has other shapes, or another argument is wrong.
        """
        from convcli.plotting.arguments import checked_figure_options
        from convcli.teaching.learn.bank_figure import draw_bank

        options = checked_figure_options(FigureOptions(theme, title, cmap, digits, dpi, width))
        true = None if truth is None else self.truths(as_filters(truth))
        return draw_bank(self.filters, self.names, true, options=options)


class _MapExamples:
    """The pairs of one map of the second image."""

    def __init__(self, examples: Iterable[Example], number: int, count: int) -> None:
        self.examples, self.number, self.count = examples, number, count

    def __iter__(self) -> Iterator[Example]:
        """Yield the pairs in their order."""
        for example in self.examples:
            maps = with_channels(example.after)
            if maps.shape[2] != self.count:
                raise UsageError(
                    f"AFTER has {count_text(maps.shape[2], 'map')} in one pair and "
                    f"{self.count:,} in another; all pairs must have as many"
                )
            yield example._replace(after=maps[..., self.number])


def makes_bank(examples: Iterable[Example]) -> bool:
    """Tell whether AFTER has neither one channel nor as many as BEFORE: it holds maps."""
    for before, after, *_ in examples:
        channels = with_channels(before).shape[2]
        return with_channels(after).shape[2] not in (1, channels)
    return False


def split_maps(examples: Iterable[Example]) -> list[Iterable[Example]]:
    """Return the pairs of each map of the second image, one after the other."""
    count = next((with_channels(each.after).shape[2] for each in examples), 1)
    return [_MapExamples(examples, number, count) for number in range(count)]


def learn_each(
    examples: Sequence[Iterable[Example]],
    model: Model,
    descent: Descent | None = None,
    threads: int | None = None,
    names: Sequence[str] | None = None,
) -> BankResult:
    """Learn a filter from each of several groups of pairs.

    Args:
        examples: the groups; see :func:`~convcli.teaching.learn.fit.learn_from`.
        model, threads: likewise.
        descent: settings of a gradient descent, whose seed is one higher for each further filter;
            None for least squares.
        names: of the filters; None to number them.

    Raises:
        ConvcliError: as :func:`convcli.learn_bank`.
    """
    filters = []
    for number, pairs in enumerate(examples):
        own = None if descent is None else descent._replace(seed=descent.seed + number)
        filters.append(learn_from(pairs, model, own, threads))
    shapes = dict.fromkeys(each.weights.shape for each in filters)
    if len(shapes) > 1:
        listed = ", ".join(map(str, shapes))
        raise UsageError(
            f"the filters of a bank must have one shape, not {listed}; each AFTER must have as "
            "many channels as the others"
        )
    numbered = [f"filter {number}" for number in range(1, len(filters) + 1)]
    return BankResult(tuple(filters), tuple(names or numbered))
