"""What a network takes: an image of its size and channels, with its pixels as numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from convcli.choices import ChannelOrder
from convcli.errors import UsageError, count_text
from convcli.geometry import Pair, size_text
from convcli.layers.base import LayerPlan, Maps, Shape, pointwise

Numbers = tuple[float, ...]  # one for all channels, or one for each


@dataclass(frozen=True)
class NetworkInput:
    """Check the shape of a network's input, and turn pixels into the numbers that it takes.

    These are ``(x * scale - mean) / std``, and then, with ``bgr``, the channels backwards.

    Attributes:
        model: the name of the file.
        channels: how many the network takes; None for any number.
        rows, columns: of an image; None for any number.
        scale: of the pixels.
        mean, std: in the order of the image's channels.
        channel_order: of the network.
    """

    model: str
    channels: int | None = None
    rows: int | None = None
    columns: int | None = None
    scale: float = 1.0
    mean: Numbers = (0.0,)
    std: Numbers = (1.0,)
    channel_order: ChannelOrder = "rgb"

    name = "preprocess"

    def __post_init__(self) -> None:
        if min(self.std) <= 0:
            raise UsageError("std must be above 0, as a standard deviation is")
        if not self.scale:
            raise UsageError("input scale must not be 0, which makes all pixels alike")

    @property
    def changes_values(self) -> bool:
        """Whether the network takes other numbers than pixels: only then it is a layer."""
        given = self.scale, *self.mean, *self.std, self.channel_order
        return given != (1, *[0] * len(self.mean), *[1] * len(self.std), "rgb")

    @property
    def gain(self) -> float:
        """By how much the largest difference of two pixels grows."""
        return abs(self.scale) / min(self.std)

    @property
    def label(self) -> str:
        """The name, and what is changed."""
        parts = [self.name]
        parts += [f"scale {self.scale:.4g}"] * (self.scale != 1)
        parts += [f"mean {_text(self.mean)}"] * any(self.mean)
        parts += [f"std {_text(self.std)}"] * (set(self.std) != {1})
        parts += [self.channel_order] * (self.channel_order != "rgb")
        return " ".join(parts)

    def plan(self, shape: Shape) -> LayerPlan:
        """Keep the shape.

        Raises:
            UsageError: the network takes other images, or numbers are more or fewer than channels.
        """
        rows, columns, channels = shape
        if self.channels not in (None, channels):
            taken = count_text(self.channels or 0, "channel")
            raise UsageError(f"{self.model} takes {taken}, and the input has {channels}")
        size = self.size_for((rows, columns))
        if size != (rows, columns):
            raise UsageError(
                f"{self.model} takes inputs of {size_text(size)}, and this one is "
                f"{size_text((rows, columns))}; use --resize {size_text(size)}"
            )
        for name in ("mean", "std"):
            count = len(getattr(self, name))
            if count not in (1, channels):
                numbers = count_text(count, "number")
                raise UsageError(f"{name} has {numbers} for {count_text(channels, 'channel')}")
        if self.channel_order == "bgr" and channels != 3:
            counted = count_text(channels, "channel")
            raise UsageError(f"channel order bgr needs 3 channels, and the input has {counted}")
        return pointwise(shape)

    def size_for(self, size: Pair) -> Pair:
        """Return the size that the network takes: ``size`` where it takes any."""
        return self.rows or size[0], self.columns or size[1]

    def numbers(self, channel: int) -> tuple[float, float]:
        """Return the mean and the standard deviation of a channel of the image."""
        mean, std = (each[channel % len(each)] for each in (self.mean, self.std))
        return mean, std

    def source(self, channel: int) -> int:
        """Return the channel of the image that one of the result is made from."""
        return 2 - channel if self.channel_order == "bgr" else channel

    def apply(self, maps: Maps) -> Maps:
        """Compute float32 numbers, in float64 before the result is rounded."""
        out = np.empty(maps.shape, np.float32)
        with np.errstate(all="ignore"):
            for channel in range(maps.shape[2]):
                source = self.source(channel)
                mean, std = self.numbers(source)
                scaled = maps[..., source] * np.float64(self.scale)
                out[..., channel] = (scaled - mean) / std
        return out


def _text(numbers: Numbers) -> str:
    return ",".join(f"{number:.4g}" for number in numbers)
