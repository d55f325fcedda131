"""The maps of a layer as a figure shows them: reduced to the page, with their color scale."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby, islice
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.core.digits import reliable_decimals
from convcli.core.dtypes import with_channels
from convcli.errors import percent_text
from convcli.geometry import Geometry, Pair, size_text
from convcli.images.image import ImageData
from convcli.kernels.kernel import Kernel
from convcli.layers.activations import LeakyRelu
from convcli.layers.base import Layer, Maps
from convcli.layers.conv import Conv
from convcli.layers.conv_transpose import ConvTranspose
from convcli.layers.flatten import Flatten
from convcli.layers.network import Stage
from convcli.layers.network_input import NetworkInput
from convcli.layers.pooling import ChannelPool, GlobalPool, Pool
from convcli.layers.upsample import Upsample
from convcli.plotting.axes import MAX_TICKED, finite_extremes
from convcli.plotting.image_panel import Bar, ImagePanel, common_range, value_bar
from convcli.plotting.labels import cell_texts, format_short
from convcli.plotting.signal_plot import extent_text, signal_axis
from convcli.plotting.spread import Spread
from convcli.plotting.style import figure_options, theme
from convcli.signals import SampleAxis

MAX_MAPS = 64  # of a block

_FLAT = 1e-4  # a relative range of values below this is drawn as one gray
_LONGEST = 4.0  # inches; side of a block at most, on a page that it does not have to fill
COLORS = ("red", "green", "blue")


class Scale(NamedTuple):
    """The values at a color bar's ends, and the ends beyond which there are more values."""

    low: float
    high: float
    extend: Literal["neither", "both", "max"] = "neither"

    @classmethod
    def of(cls, spreads: Sequence[Spread]) -> Scale:
        """Return one scale for several maps, symmetric about 0 if there are negative values.

        It ends before a few values far out: at most 4 % of a map.
        """
        first, *others = spreads
        spread = first.with_others(others)
        least, greatest, usual, _ = spread
        if least < 0:
            end = usual if spread.has_outliers else spread.largest
            return cls(-end, end, "both" if spread.has_outliers else "neither")
        if spread.has_outliers and usual > least:
            return cls(least, usual, "max")
        return cls(least if greatest - least > _FLAT * greatest else 0.0, greatest or 1.0)


class Block(NamedTuple):
    """The input or one layer's maps.

    Attributes:
        title: the layer's number and its text.
        facts: extremes and the like; None for no caption.
        panels: the maps that are drawn, with no more pixels than the page.
        names: of the panels, if there are several.
        sources: of each panel, the maps before that it is computed from, such as ``4 to 6``; empty
            unless the layer has groups.
        size: rows and columns of a map.
        map_count: the number of maps.
        spread: of the maps' values.
        keeps_units: whether the values are of the kind of those in the block before.
        white: the value that is white, while the maps are pixels.
        has_colors: whether the three maps are red, green and blue.
        kernels: of a convolution, as they are applied.
        windows: of a pool, on the maps of the block before.
        is_signal: whether the maps are drawn as signals.
        keeps_channels: whether each map is made of one map of the block before, in this order.
        axis: where the samples of a signal lie; None for no positions.
        is_signed: whether it or a block before it in the same units has negative values.
    """

    title: str
    facts: Sequence[str] | None
    panels: list[ImagePanel]
    names: list[str]
    size: Pair
    map_count: int
    spread: Spread
    keeps_units: bool = False
    white: int | None = None
    has_colors: bool = False
    kernels: Sequence[Kernel] = ()
    windows: Geometry | None = None
    is_signal: bool = False
    keeps_channels: bool = False
    axis: SampleAxis | None = None
    sources: Sequence[str] = ()
    is_signed: bool = False

    def map_name(self, number: int) -> str:
        """Return the name of one of the maps, counted from 1: its color, or ``map 2``."""
        return COLORS[number - 1] if self.has_colors else f"map {number}"

    def counted_name(self, number: int, total: str = "") -> str:
        """Return the number of a map, ``total`` behind it, and its color if it has one.

        An example: ``map 2 of 3 (green)``.
        """
        color = f" ({self.map_name(number)})" if self.has_colors else ""
        return f"map {number}{total}{color}"

    def labels(self, places: Sequence[int]) -> list[str]:
        """Return what stands above some of the panels: their names, and what they read."""
        names = [self.names[place] for place in places]
        if not self.sources:
            return names
        return [
            f"{name} from {self.sources[place]}" for name, place in zip(names, places, strict=True)
        ]

    def caption(self, drawn: Sequence[int], *, extremes: bool = True) -> str:
        """Return size, number of maps and extremes, given which of the panels are drawn."""
        if self.facts is None:
            return ""
        is_single = self.map_count == 1 or self.panels[0].pixels.ndim == 3
        count = f"{len(drawn)} of {self.map_count} maps"
        if len(drawn) == 1:
            count = f"map {self.names[drawn[0]]} of {self.map_count}"
        if len(drawn) == self.map_count:
            count = f"{self.map_count} maps"
        maps = [] if is_single else [count]
        extent = extent_text(self.size) if self.is_signal else size_text(self.size)
        return ", ".join([extent, *maps, *(self.facts if extremes else ())])

    @property
    def channels(self) -> list[int]:
        """Which of the maps are kept, where these are more than fit a page; else none."""
        return [int(name) - 1 for name in self.names] if self.map_count > MAX_MAPS else []

    def variations(self) -> list[float]:
        """Return the standard deviation of each panel, 0 for one without finite values."""
        finite = (panel.pixels[np.isfinite(panel.pixels)] for panel in self.panels)
        return [float(values.std(dtype=np.float64)) if values.size else 0.0 for values in finite]

    @property
    def is_numbered(self) -> bool:
        """Whether the maps are small enough for numbers in their cells."""
        return self.panels[0].numbered and not self.is_signal


def first_block(pixels: NDArray[np.generic], max_value: int | None) -> Block:
    """Return the block of the input, (H, W, C)."""
    colors = pixels.shape[2] == 3 and max_value is not None
    is_signal = signal_axis(pixels) is not None
    return _block("input", pixels, white=max_value, has_colors=colors, is_signal=is_signal)


def next_block(
    before: Block,
    title: str,
    layer: Layer,
    geometry: Geometry,
    maps: NDArray[Any],
    error_scale: float,
) -> Block:
    """Return the block of a layer's maps.

    Args:
        before: the block of the layer's input.
        title: the layer's number and its text.
        layer: the layer.
        geometry: its windows.
        maps: (H, W, C), which are not needed afterwards.
        error_scale: from :func:`convcli.teaching.chain.maps.error_scale`; decimals below it are
            rounding errors.
    """
    if maps.dtype.kind == "f" and error_scale:
        decimals = reliable_decimals(maps.dtype, error_scale) or 0
        if max(maps.shape[:2]) <= MAX_TICKED:  # the nearest double has no further digits
            maps = maps.astype(np.float64)
        maps = np.round(maps, decimals)
        maps += 0  # turns -0 into 0
    keeps = keeps_units(layer)
    is_signed = finite_extremes(maps)[0] < 0 or (keeps and before.is_signed)
    is_signal = before.is_signal and signal_axis(maps) is not None
    block = _block(
        title,
        maps,
        keeps_units=keeps,
        white=before.white if keeps else None,
        has_colors=before.has_colors and _keeps_channels(layer),
        kernels=_applied_kernels(layer),
        windows=geometry if isinstance(layer, Pool) else None,
        is_signal=is_signal,
        keeps_channels=_keeps_channels(layer),
        channels=before.channels if _keeps_channels(layer) else (),
        is_signed=is_signed,
    )
    return block._replace(sources=_sources(layer, before, len(block.panels)))


def _sources(layer: Layer, before: Block, maps: int) -> list[str]:
    """Return what each of some maps of a layer with groups reads: colors, or numbers of maps."""
    if not isinstance(layer, Conv) or layer.groups == 1 or before.map_count == 1:
        return []  # of one map that is drawn for all, there is nothing to choose from
    texts = []
    for number in range(maps):
        _, read = layer.kernels_of(number, before.map_count)
        names = [COLORS[n] if before.has_colors else str(n + 1) for n in (read[0], read[-1])]
        texts.append(" to ".join(dict.fromkeys(names)))
    return texts


def _applied_kernels(layer: Layer) -> tuple[Kernel, ...]:
    """Return the kernels of a layer as they are applied: flipped for ``convolve``."""
    if isinstance(layer, ConvTranspose):
        return layer.kernels
    if not isinstance(layer, Conv):
        return ()
    is_flipped = layer.options.operation == "convolve"
    return tuple(kernel.flipped() if is_flipped else kernel for kernel in layer.kernels)


def single_map_blocks(
    image: ImageData,
    stages: Sequence[Stage],
    maps: Sequence[Maps],
    channels: Sequence[int],
    scales: Sequence[float],
    *,
    photos: bool = False,
) -> list[Block]:
    """Return the blocks of the input and of each layer, each with one map; a photo has its colors.

    Args:
        image: the input.
        stages: the layers.
        maps: the input and the maps of every layer.
        channels: which of them are drawn, counted from 0.
        scales: the error scale of each, as for :func:`next_block`.
        photos: keep the three maps of a layer that are still the colors of a photo.
    """
    pixels = with_channels(image.pixels)
    if pixels.shape[2] != len(COLORS) or image.max_value is None:
        pixels = pixels[..., channels[0], np.newaxis]
    blocks = [first_block(pixels, image.max_value)]
    for stage, own, channel, scale in zip(stages, maps[1:], channels[1:], scales[1:], strict=True):
        before, layer = blocks[-1], stage.layer
        is_photo = (
            before.panels[0].pixels.ndim == 3 and keeps_units(layer) and _keeps_channels(layer)
        )
        shown = own if photos and is_photo else own[..., channel, np.newaxis]
        blocks.append(next_block(blocks[-1], "", stage.layer, stage.plan.geometry, shown, scale))
    return blocks


def _block(
    title: str,
    maps: NDArray[Any],
    *,
    white: int | None,
    has_colors: bool,
    is_signal: bool,
    keeps_units: bool = False,
    kernels: Sequence[Kernel] = (),
    windows: Geometry | None = None,
    keeps_channels: bool = False,
    channels: Sequence[int] = (),
    is_signed: bool = False,
) -> Block:
    rows, columns, count = maps.shape
    is_photo = white is not None and has_colors and rows * columns > 1 and not is_signal
    if is_photo:
        panels, names = [ImagePanel(maps, white)], [""]
    else:
        channels = channels or _most_varied_channels(maps)
        panels = [ImagePanel(maps[..., channel], white) for channel in channels]
        names = list(COLORS) if has_colors else [str(number + 1) for number in channels]
    spread = Spread.of(maps)
    facts = [f"min {format_short(spread.least)}", f"max {format_short(spread.greatest)}"]
    if white is not None and (spread.least < 0 or spread.greatest > white):
        outside = np.count_nonzero((maps < 0) | (maps > white)) / maps.size
        facts.append(f"{percent_text(outside)} clipped")
    look = theme()
    fills = look.is_fixed or figure_options().width is not None
    longest = min(look.width, look.height) if fills else _LONGEST
    side = longest / math.ceil(math.sqrt(len(panels)))
    is_small = is_signal or panels[0].numbered
    kept = [
        replace(panel, pixels=panel.pixels.copy())
        if is_small
        else panel.thinned((side, side), signed=is_signed)
        for panel in panels
    ]
    return Block(
        title, facts, kept, names, (rows, columns), count, spread, keeps_units, white,
        has_colors, kernels, windows, is_signal, keeps_channels, is_signed=is_signed,
    )  # fmt: skip


def _most_varied_channels(maps: NDArray[Any]) -> list[int]:
    """Return which of the maps (H, W, C) a block keeps: those that vary most, in their order."""
    count = maps.shape[2]
    if count <= MAX_MAPS:
        return list(range(count))
    finite = np.where(np.isfinite(maps), maps, 0)
    variations = finite.reshape(-1, count).std(axis=0, dtype=np.float64)
    return sorted(np.argsort(-variations, kind="stable")[:MAX_MAPS].tolist())


def keeps_units(layer: Layer) -> bool:
    """Return whether a layer's values can be compared with those of its input.

    Pools, ReLU and absolute values keep units, and a convolution does if its weights sum to 1.

    >>> from convcli.layers.activations import Activation
    >>> keeps_units(Activation("relu")), keeps_units(Activation("sigmoid"))
    (True, False)
    """
    if isinstance(layer, Conv):
        has_bias = layer.bias is not None or any(kernel.bias for kernel in layer.kernels)
        sums = [float(kernel.weights.sum()) for kernel in layer.kernels]
        is_single = all(len(group.kernels) == 1 for group in layer.sets)
        return is_single and not has_bias and np.allclose(sums, 1, rtol=0, atol=1e-6)
    kinds = (Pool, GlobalPool, ChannelPool, LeakyRelu, Upsample)
    return isinstance(layer, kinds) or layer.name in ("relu", "abs")


def _keeps_channels(layer: Layer) -> bool:
    """Return whether each map is made of one map, in the same order."""
    if isinstance(layer, ConvTranspose):
        return layer.bank.matrix.ndim == 2
    if isinstance(layer, Conv):
        return len(layer.sets) == 1 and layer.kernels[0].matrix.ndim == 2
    if isinstance(layer, NetworkInput):
        return layer.channel_order == "rgb"
    return not isinstance(layer, ChannelPool | Flatten)


def unit_groups(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Yield the blocks in runs that have the same units."""
    number = 0

    def run_of(block: Block) -> int:
        nonlocal number
        number += not block.keeps_units
        return number

    for _, group in groupby(blocks, run_of):
        yield list(group)


def group_scale(group: Sequence[Block]) -> Scale:
    """Return the color scale of blocks with the same units."""
    white = group[0].white
    if limits := figure_options().limits:
        return Scale(*common_range([ImagePanel(np.array([limits]), white)]))
    if white is not None:
        return Scale(0.0, float(white))
    if group[0].is_signal:  # a plot cuts nothing off
        extremes = [value for block in group for value in block.spread[:2]]
        return Scale(min(extremes), max(extremes))
    return Scale.of([block.spread for block in group])


def group_bar(group: Sequence[Block], scale: Scale) -> Bar | None:
    """Return the color bar of the first block, or None where nobody could read from it."""
    bar = value_bar(group[0].panels[0], scale[:2]) if figure_options().bars else None
    return bar and bar._replace(extend=scale.extend)


def most_varied(blocks: Sequence[Block]) -> list[list[int]]:
    """Return for each block its panels, those whose values vary most first.

    Blocks that keep channels have one order: that of the last of them whose values vary at all.
    """
    orders: list[list[int]] = []
    run: list[Block] = []
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        run.append(block)
        continues = following is not None and following.keeps_channels
        if following is None or not continues or len(following.panels) != len(block.panels):
            variations = next((v for v in (b.variations() for b in reversed(run)) if any(v)), [])
            order = sorted(range(len(variations)), key=lambda place: -variations[place])
            orders += [order or list(range(len(each.panels))) for each in run]
            run = []
    return orders


def group_texts(blocks: Sequence[Block]) -> list[list[tuple[str, ...]]]:
    """Return the numbers in the cells of each map of each block, all with as many decimals."""
    numbered = [panel for block in blocks if block.is_numbered for panel in block.panels]
    if not numbered:
        return [[() for _ in block.panels] for block in blocks]
    numbers = np.concatenate([panel.pixels.ravel() for panel in numbered])
    if all(panel.pixels.dtype.kind in "biu" or _is_whole(panel.pixels) for panel in numbered):
        numbers = numbers.astype(np.int64)
    texts = iter(cell_texts(numbers, figure_options().digits))
    return [
        [
            tuple(islice(texts, panel.pixels.size)) if block.is_numbered else ()
            for panel in block.panels
        ]
        for block in blocks
    ]


def _is_whole(values: NDArray[np.generic]) -> bool:
    """Return whether floats are integers that int64 holds."""
    numbers = values.astype(np.float64)
    return bool((np.abs(numbers) < 2**53).all() and (numbers == np.rint(numbers)).all())
