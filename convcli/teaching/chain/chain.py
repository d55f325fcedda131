"""A chain of layers as a Python object: it is called on images."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from convcli.choices import CHANNEL_ORDERS, SCALES, ChannelOrder, Layout, Panel, Scale, ThemeName
from convcli.core.dtypes import DOUBLE, as_numbers, check_image, with_channels
from convcli.errors import ConvcliError, UsageError, prefix_errors, short_repr, shown
from convcli.figure_options import FigureOptions
from convcli.geometry import IntOrPair, Ints
from convcli.images.given import as_image, split_mask
from convcli.images.image import ImageData, depth_of
from convcli.kernels.models.spec import ModelSpec
from convcli.layers.base import Layer, Maps, Shape
from convcli.layers.network import Stage, plan_network, run_network
from convcli.teaching.chain.builders import BuiltLayer, build_network
from convcli.teaching.chain.maps import (
    as_network_takes,
    error_scale,
    input_maps,
    plan_chain,
    squeeze_maps,
)
from convcli.teaching.chain.parser import build_chain, parse_given_layers
from convcli.teaching.chain.summary import ChainSummary, summarize_any_size
from convcli.teaching.explain.chain.arithmetic import explain_chain
from convcli.teaching.explain.chain.explanation import ChainExplanation

if TYPE_CHECKING:
    from os import PathLike
    from pathlib import Path

    from convcli.core.missing import Missing
    from convcli.images.given import Image
    from convcli.plotting.save import NotebookFigure


class Chain:
    """A chain of layers, as ``convcli chain`` has them; call it on an image.

    Args:
        layers: the text of each layer as on the command line, such as ``conv -k outline``,
            ``relu`` or ``maxpool 2 --stride 1``; or one text with all of them. Kernels and files
            are read now. ``convcli manual layers`` explains the layers.

    Raises:
        UsageError: a text is not a layer; the message names it by its number.

    A text may name the network of an ``.onnx`` file, ``MODEL[:UNTIL]``; see :meth:`from_model`.

    ``layers`` holds the text of each layer. A chain is a sequence: ``chain[:2]`` is the chain of
    its first two layers, ``chain[0]`` that of the first, and ``len(chain)`` is their number.

    >>> import numpy as np
    >>> chain = Chain(["conv -k sobel-x --padding valid", "relu", "maxpool 2"])
    >>> chain(np.arange(36).reshape(6, 6)).tolist()
    [[8, 8], [8, 8]]
    >>> chain[:2](np.arange(36).reshape(6, 6)).shape
    (4, 4)
    >>> chain
    Chain(['conv -k sobel-x --padding valid', 'relu', 'maxpool 2'])
    """

    def __init__(self, layers: str | Iterable[str]) -> None:
        parsed = parse_given_layers(layers)
        if not parsed:
            raise UsageError("layers is empty; give the text of each layer, such as 'relu'")
        self._built = tuple(build_chain(parsed))

    @classmethod
    def from_model(
        cls,
        path: str | PathLike[str],
        until: str | SupportsIndex | None = None,
        *,
        input_scale: float = 1,
        mean: float | Sequence[float] = 0,
        std: float | Sequence[float] = 1,
        channel_order: ChannelOrder = "rgb",
    ) -> Chain:
        """Return the layers of a network in an ``.onnx`` file, as ``convcli chain MODEL`` has them.

        Args:
            path: the name of the file.
            until: the last layer: the name of a node or of an output, or the number of a layer,
                counted from 1; None for all.
            input_scale: what pixels are multiplied by.
            mean: what is subtracted then: one number, or one for each channel.
            std: what the result is divided by, likewise.
            channel_order: the channels that the network takes, ``rgb`` or ``bgr``.

        Raises:
            KernelError: the file cannot be read or is damaged, or has no such node.
            UsageError: the network branches or has a node that is no layer of ours; the message
                names the last node that can be shown. Or an argument is wrong.

        >>> Chain.from_model("net.onnx", "relu1").layers  # doctest: +SKIP
        ('conv conv1', 'relu')
        """
        model = str(path)
        if not model.lower().endswith(".onnx"):
            raise UsageError(f"path must name an .onnx file, not {short_repr(path)}")
        if channel_order not in CHANNEL_ORDERS:
            words = " or ".join(CHANNEL_ORDERS)
            raise UsageError(f"channel_order must be {words}, not {short_repr(channel_order)}")
        given = {"input_scale": input_scale, "mean": mean, "std": std}
        numbers = {name: _as_floats(value, name) for name, value in given.items()}
        [factor, *others] = numbers.pop("input_scale")
        if others:
            raise UsageError(f"input_scale must be one number, not {short_repr(input_scale)}")
        chain = cls.__new__(cls)
        with prefix_errors(shown(model)):
            chain._built = tuple(
                build_network(
                    model=ModelSpec(model, "" if until is None else str(until)),
                    input_scale=factor,
                    **numbers,
                    channel_order=channel_order,
                )
            )
        return chain

    def __call__(self, image: Image) -> NDArray[Any]:
        """Run the layers on an image, and return the maps of the last.

        Args:
            image: (H, W) or (H, W, C) real numbers, or a signal (W,), never modified: an array,
                nested lists, or a PIL image without alpha. Convolutions leave out the masked
                pixels of a masked array of numpy, and every NaN with them; other layers pass NaN
                on.

        Returns:
            (H', W') if the last layer has one map, else (H', W', C'); one dimension less for a
            signal. Values are not rounded or clipped: integers stay exact until a layer makes
            fractions, which are float32, or float64 if the image is.

        Raises:
            UsageError: the image is not an image, or a layer does not fit its input; the message
                names the layer by its number.

        >>> Chain(["conv -k '-1 0 1'", "relu"])([1, 2, 4, 8, 3]).tolist()
        [1, 3, 6, 0, 0]
        >>> Chain("conv -k '1 1 1'")(np.ma.masked_equal([1, 3, -9, 2], -9)).tolist()
        [5.0, 6.0, 7.5, 6.0]
        """
        pixels, missing = _with_mask(image)
        stages, given = self._planned(pixels, missing)
        layers_maps = run_network(stages, input_maps(given, missing))
        return _as_given(deque(layers_maps, maxlen=1).pop(), pixels)

    def maps(self, image: Image) -> list[NDArray[Any]]:
        """Run the layers on an image, and return the maps of every layer.

        Args:
            image: as for calling the chain.

        Returns:
            One array for each layer; the last is the result of calling the chain.

        >>> chain = Chain(["conv -k '-1 0 1'", "relu", "maxpool 1,2"])
        >>> [maps.tolist() for maps in chain.maps([4, 2, 8, 9])]
        [[-2, 4, 7, 1], [0, 4, 7, 1], [4, 7]]
        """
        pixels, missing = _with_mask(image)
        stages, given = self._planned(pixels, missing)
        layers_maps = run_network(stages, input_maps(given, missing))
        return [_as_given(maps, pixels) for maps in layers_maps]

    def summary(self, input_shape: Ints | None = None) -> ChainSummary:
        """Return each layer's output shape, parameters, receptive field and multiply-adds.

        Args:
            input_shape: (H, W), (H, W, C), or (W,) for a signal. None for an input of any size,
                with one channel unless the layers need more; what depends on the size is then
                left out.

        Returns:
            A :class:`ChainSummary`. ``print`` shows the table of ``convcli chain --summary``.

        Raises:
            UsageError: a layer does not fit its input.

        >>> print(Chain(["conv -k gaussian:5", "maxpool 2"]).summary((512, 512, 3)))
           layer             output  channels  parameters  field  jump   mult-adds
           input            512x512         3
        1  conv gaussian:5  512x512         3          25    5x5     1  19,660,800
        2  maxpool 2x2      256x256         3           0    6x6     2           0
           total                                       25               19,660,800
        >>> print(Chain(["conv -k gaussian:5", "maxpool 2"]).summary())
           layer            channels  parameters  field  jump
           input                   1
        1  conv gaussian:5         1          25    5x5     1
        2  maxpool 2x2             1           0    6x6     2
           total                              25
        """
        layers = _layers_of(self._built)
        if input_shape is None:
            return summarize_any_size(layers)
        shape, is_signal = _as_shape(input_shape)
        stages = plan_network(layers, shape)
        if is_signal:
            _check_signal(stages)
        return ChainSummary.of(shape, stages)

    def explain(
        self,
        image: Image,
        at: IntOrPair,
        map: SupportsIndex = 1,  # noqa: A002 - the field's word
    ) -> ChainExplanation:
        """Explain one value of the last layer, layer by layer back to the image.

        Args:
            image: as for calling the chain, but no masked array.
            at: (row, column) in the last layer's maps; of a signal, the place in it.
            map: which of the maps, counted from 1.

        Returns:
            A :class:`ChainExplanation`; ``print`` shows the text of ``convcli explain --layer``.
            Its ``steps`` begin with the last layer. Each explains one value: the one that counts
            most in the step before.

        Raises:
            GeometryError: the position is outside the map.
            UsageError: there is no such map, or as for calling the chain.

        >>> explanation = Chain("conv -k '-1 0 1' relu maxpool 1,2").explain([4, 2, 8, 9], 0)
        >>> explanation.value, explanation.field
        (4, ((0,), (-1, 0, 1, 2)))
        >>> [(step.layer, step.at, step.value) for step in explanation.steps]
        [('maxpool', (0, 0), 4), ('relu', (0, 1), 4), ('conv', (0, 1), 4)]
        """
        pixels = as_image(image)
        stages, given = self._planned(pixels)
        place: Any = at
        if pixels.ndim == 1 and isinstance(at, SupportsIndex):
            place = 0, at
        return explain_chain(given, stages, place, map, texts=self.layers)

    def plot(
        self,
        image: Image,
        *,
        scale: Scale = "common",
        theme: ThemeName = "screen",
        title: str | None = None,
        panels: Sequence[Panel] | None = None,
        titles: Sequence[str] | None = None,
        layout: Layout | None = None,
        axes: bool = True,
        bars: bool = True,
        limits: tuple[float, float] | None = None,
        cmap: str | None = None,
        digits: int | None = None,
        dpi: float = 150,
        width: float | None = None,
    ) -> NotebookFigure:
        """Draw an image and the maps of each layer, as ``convcli chain --plot`` does.

        Args:
            image: as for calling the chain.
            scale: ``common``, one color scale for layers that keep units, or ``own``, one a map.
            panels: what is drawn, of ``input``, ``kernel`` and ``result``.
            titles: one for the image and one for each layer.
            layout: ``row`` or ``column``.
            theme, title, axes, bars, limits, cmap, digits, dpi, width: as for
                :func:`convcli.plot`.

        Returns:
            A figure that a notebook shows by itself, and whose ``save(path)`` writes it.

        Raises:
            UsageError: an argument is wrong, or as for calling the chain.

        >>> figure = Chain("conv -k outline relu").plot([[1, 2], [3, 4]], theme="dark")
        >>> [text.get_text() for text in figure.texts if "relu" in text.get_text()]
        ['2  relu']
        """
        from convcli.plotting.arguments import check_choice, checked_figure_options
        from convcli.teaching.chain.figure import CHAIN_PANELS, ChainPlot

        listed: Any = {"panels": panels, "titles": titles}
        options = checked_figure_options(
            FigureOptions(
                theme=theme,
                title=title,
                cmap=cmap,
                digits=digits,
                dpi=dpi,
                width=width,
                layout=layout,
                axes=axes,
                bars=bars,
                limits=limits,
                **listed,
            ),
            CHAIN_PANELS,
        )
        check_choice(scale, SCALES, "scale")
        pixels, missing = _with_mask(image)
        stages, given = self._planned(pixels, missing)
        maps = input_maps(given, missing)
        plot = ChainPlot(
            given, stages, texts=self.layers, scale=scale, options=options, missing=missing
        )
        error = 0.0
        for stage, after in zip(stages, run_network(stages, maps), strict=True):
            if after.dtype.kind == "f":
                error = error_scale(stage.layer, maps, after, error)
            plot.add(stage, after, error)
            maps = after
        return plot.draw()

    def animate(
        self,
        image: Image,
        path: str | PathLike[str],
        *,
        map: SupportsIndex = 1,  # noqa: A002 - the field's word
        first: IntOrPair | None = None,
        last: IntOrPair | None = None,
        step: SupportsIndex | None = None,
        fps: float | None = None,
        theme: ThemeName = "screen",
        title: str | None = None,
        cmap: str | None = None,
        digits: int | None = None,
        dpi: float = 100,
        width: float | None = None,
        overwrite: bool = False,
    ) -> list[Path]:
        """Write an animation of the last layer, as ``convcli animate --layer`` does.

        Args:
            image: (H, W) or (H, W, C), as for calling the chain, but no masked array.
            path: the name of a ``.gif``, ``.webp``, ``.mp4`` (needs ffmpeg) or ``.pdf`` file, or of
                a folder for ``frame-0001.png`` and so on.
            map: which of the last layer's maps fills in, counted from 1.
            first, last, step, fps, theme, title, cmap, digits, dpi, width, overwrite: as for
                :func:`convcli.animate`; positions are those of the last layer's maps or, for a
                transposed convolution, of the values that it reads, which it spreads.

        Returns:
            The names of the files written: one, or all frames of a folder.

        Raises:
            ImageError: the file exists and ``overwrite`` is false, or it cannot be written.
            UsageError: the image is a signal, there is no such map, an argument is wrong, or as for
                calling the chain.

        >>> Chain("conv -k outline relu").animate([[1, 2], [3, 4]], "a.gif")  # doctest: +SKIP
        [PosixPath('a.gif')]
        """
        from convcli.plotting.arguments import checked_figure_options
        from convcli.teaching.animate.layer_window import slide_layer
        from convcli.teaching.animate.write import write_window

        options = checked_figure_options(FigureOptions(theme, title, cmap, digits, dpi, width))
        pixels = as_image(image)
        stages, given = self._planned(pixels)
        return write_window(
            lambda: slide_layer(given, stages, map, texts=self.layers),
            path,
            first=first,
            last=last,
            step=step,
            fps=fps,
            options=options,
            overwrite=overwrite,
        )

    @property
    def layers(self) -> tuple[str, ...]:
        """The text of each layer; of those that a network's file holds, what they are."""
        return tuple(each.text for each in self._built)

    def __len__(self) -> int:
        return len(self.layers)

    def __getitem__(self, place: SupportsIndex | slice) -> Chain:
        """Return the chain of one layer, or of several in a row."""
        chosen = range(len(self))[place]
        places = chosen if isinstance(chosen, range) else [chosen]
        if not places:
            raise UsageError(f"none of the {len(self)} layers is in {place}")
        part = Chain.__new__(Chain)
        part._built = tuple(self._built[each] for each in places)
        return part

    def __iter__(self) -> Iterator[Chain]:
        """Yield the chain of each layer."""
        return (self[place] for place in range(len(self)))

    def __repr__(self) -> str:
        return f"Chain({short_repr(list(self.layers))})"

    def _repr_html_(self) -> str:
        """Return a table for a notebook: the layers as they were given, and their summary."""
        from convcli.html import html_table

        try:
            head, first, *rows, total = self.summary().cells()
        except ConvcliError:  # the layers fit no input
            rows = [(str(number), text) for number, text in enumerate(self.layers, 1)]
            return html_table([("", "layer"), *rows], left=[1])
        named = [(row[0], text, *row[2:]) for row, text in zip(rows, self.layers, strict=True)]
        return html_table([head, first, *named, total], left=[1])

    def _planned(
        self, pixels: NDArray[Any], missing: Missing | None = None
    ) -> tuple[list[Stage], ImageData]:
        """Plan the layers for an image from a caller, and return it with its maps (H, W, C)."""
        check_image(pixels[np.newaxis] if pixels.ndim == 1 else pixels)
        layers = _layers_of(self._built)
        depth = depth_of(pixels.dtype)
        given = as_network_takes(ImageData(_input_maps(pixels), depth), layers)
        given = given._replace(pixels=with_channels(given.pixels))
        stages = plan_chain(layers, given, missing)
        if pixels.ndim == 1:
            _check_signal(stages)
        return stages, given


def _with_mask(image: Any) -> tuple[NDArray[Any], Missing | None]:
    """Return an image as an array, and the missing pixels of a masked one."""
    data, mask = split_mask(image)
    pixels = as_image(data)
    if mask is None:
        return pixels, None
    from convcli.core.missing import Missing

    return pixels, Missing(mask=mask[np.newaxis] if mask.ndim == 1 else mask)


def _layers_of(built: Iterable[BuiltLayer]) -> list[Layer]:
    return [layer for each in built for layer in each.layers]


def _as_floats(value: Any, name: str) -> tuple[float, ...]:
    """Return one finite number or several."""
    numbers = as_numbers(value, name)
    is_valid = numbers.dtype.kind in "biuf" and numbers.ndim <= 1 and numbers.size > 0
    if not is_valid or not np.isfinite(numbers).all():
        raise UsageError(f"{name} must be finite numbers, not {short_repr(value)}")
    return tuple(numbers.ravel().astype(np.float64).tolist())


def _as_shape(shape: Any) -> tuple[Shape, bool]:
    """Return (H, W, C), and whether the shape is that of a signal."""
    sides = as_numbers(shape, "input_shape")
    whole = sides.ndim == 1 and 1 <= len(sides) <= 3 and sides.dtype.kind in "iu"
    if not whole or sides.min() < 1:
        raise UsageError(f"input_shape must be (H, W), (H, W, C) or (W,), not {short_repr(shape)}")
    numbers = sides.tolist()
    if len(numbers) == 1:
        return (1, numbers[0], 1), True
    rows, columns, channels = (*numbers, 1)[:3]
    return (rows, columns, channels), False


def _check_signal(stages: Sequence[Stage]) -> None:
    """Raise UsageError if a layer makes more than one row of a signal."""
    for number, layer, plan, *_ in stages:
        rows = max(plan.geometry.kernel[0], plan.shape[0])
        if rows > 1:
            raise UsageError(
                f"layer {number} ({layer.label}) works on {rows} rows, and a signal has one: "
                "write 1,N for its window and 0,N for its padding, or give [signal], an image of "
                "one row"
            )


def _input_maps(pixels: NDArray[Any]) -> Maps:
    """Return the maps (H, W, C) of an image or a signal."""
    if pixels.dtype.itemsize > DOUBLE.itemsize:  # a long double
        pixels = pixels.astype(DOUBLE)
    return with_channels(pixels[np.newaxis] if pixels.ndim == 1 else pixels)


def _as_given(maps: Maps, pixels: NDArray[Any]) -> NDArray[Any]:
    """Return maps (H, W, C) as an image or, like the input, a signal."""
    return squeeze_maps(maps)[0] if pixels.ndim == 1 else squeeze_maps(maps)
