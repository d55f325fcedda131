"""The result of learning a kernel, as :func:`convcli.learn_kernel` returns it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from convcli.choices import ThemeName
from convcli.figure_options import FigureOptions
from convcli.geometry import size_text
from convcli.kernels.given import KernelLike, as_kernel_set
from convcli.kernels.spec import only_kernel
from convcli.teaching.learn.estimate import Estimate
from convcli.teaching.learn.text import Truth, learned_html, learned_text
from convcli.teaching.learn.windows import Example, Model

if TYPE_CHECKING:
    from convcli.plotting.save import NotebookFigure


@dataclass(frozen=True, eq=False, repr=False)
class LearnResult(Estimate):
    """A kernel that turns one image into another, and how well it does.

    ``print`` shows what ``convcli learn`` prints.

    Attributes:
        weights: (kh, kw), or (C, kh, kw) if it makes one channel from all, as the operation takes
            them: the weights of a convolution are those before its flip.
        bias: added to the sums, in the units of the second image; 0 if none is fitted.
        errors: the standard error of each weight.
        bias_error: the standard error of the bias; 0 if none is fitted.
        windows: the number of windows.
        clipped: how many of their values are black or white.
        residual: the root of the mean squared difference between the second image and the
            filtered first one.
        r_squared: the share of the second image's variance that the kernel explains; None if that
            image is flat.
        condition: the condition number of the matrix of all windows: the largest factor by which
            the images' noise is magnified in the weights.
        match: the nearest known kernel; None if none is near.
        rational: the same weights as integers over a divisor; None if no small divisor fits.
        history: losses and kernels of a gradient descent; None for least squares.
        depth: bits per sample of the first image; None for plain numbers.
        source: the first pair of images, and how one was made from the other, which :meth:`plot`
            draws.

    >>> import numpy as np
    >>> from convcli import cross_correlate, learn_kernel
    >>> image = np.random.default_rng(0).integers(0, 256, (20, 30))
    >>> learn_kernel(image, cross_correlate(image, "plus"))  # doctest: +ELLIPSIS
    LearnResult(3x3, residual=..., match='plus')
    """

    source: tuple[Example, Model] = field(kw_only=True)

    def __repr__(self) -> str:
        size = size_text(self.weights.shape[-2:])
        match = self.match.spec if self.match else None
        return f"LearnResult({size}, residual={self.residual:.3g}, match={match!r})"

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return learned_html(self)

    def text(self, digits: int | None = None) -> str:
        """Return the kernel and how well it fits, as ``convcli learn`` prints it.

        ``str(result)`` is the same with the digits that are worth showing.

        Args:
            digits: decimals of the weights; None for those worth showing.
        """
        return learned_text(self, digits=digits)

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
        """Draw the first pair of images, the kernel, its result and error, and the descent.

        The figure is that of ``convcli learn --plot``.

        Args:
            truth: a kernel to compare the learned one with, such as ``gaussian:5``.
            theme, title, cmap, digits, dpi, width: as for :func:`convcli.plot`.

        Returns:
            A figure that a notebook shows by itself, and whose ``save(path)`` writes it.

        Raises:
            KernelError: ``truth`` is no kernel, or several.
            UsageError: ``truth`` has another shape, or another argument is wrong.

        >>> import numpy as np
        >>> from convcli import cross_correlate, learn_kernel
        >>> image = np.random.default_rng(0).integers(0, 256, (20, 30))
        >>> figure = learn_kernel(image, cross_correlate(image, "plus")).plot("plus", dpi=50)
        >>> [text.get_text() for text in figure.texts if "learned" in text.get_text()]
        ['learned result', 'learned']
        """
        from convcli.plotting.arguments import checked_figure_options
        from convcli.teaching.learn.figure import draw_learned
        from convcli.teaching.learn.images import images_of

        options = checked_figure_options(FigureOptions(theme, title, cmap, digits, dpi, width))
        true = None
        if truth is not None:
            name = truth if isinstance(truth, str) else None
            true = Truth.of(only_kernel(as_kernel_set(truth)), self.weights.shape, name)
        return draw_learned(self, true, images_of(self, *self.source), options=options)
