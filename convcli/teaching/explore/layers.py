"""The layers of a page, after its convolution: what it can compute, and their kernels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import BinaryIO, NamedTuple

from convcli.errors import UsageError, count_text, prefix_errors
from convcli.geometry import ConvOptions, size_text
from convcli.images.image import ImageData
from convcli.kernels.spec import KernelSet, group_kernels, read_specs
from convcli.layers.base import Layer
from convcli.layers.conv import Conv
from convcli.signals import SampleRange
from convcli.teaching.chain.maps import plan_chain
from convcli.teaching.chain.parser import LayerText, build_layers, parse_given_layers

FIRST = 2  # the number of the first of them: the page's convolution is layer 1
# What layers.mjs computes; chain may have more layers.
NAMES = (
    "conv", "convtranspose", "relu", "leaky-relu", "sigmoid", "tanh", "abs", "softmax", "maxpool",
    "minpool", "avgpool", "globalpool", "channelpool", "upsample", "flatten", "normalize",
    "batchnorm",
)  # fmt: skip
_REFUSED = {"method": "auto", "threads": None, "channel_order": "rgb"}


class PageLayers(NamedTuple):
    """Layers that follow the convolution of a page.

    Attributes:
        texts: each as on the command line of chain.
        layers: the same, built.
        kernels: what their SPECs name, not scaled by the options of a layer.
    """

    texts: tuple[str, ...] = ()
    layers: tuple[Layer, ...] = ()
    kernels: tuple[KernelSet, ...] = ()


NO_LAYERS = PageLayers()


def parse_page_layers(texts: str | Iterable[str], first: int = FIRST) -> list[LayerText]:
    """Read layers from texts, one from each; one string may hold several.

    ``first`` is the number of the first of them.

    Raises:
        UsageError: a text is not a layer, or is a layer or has an option that a page has not.
    """
    layers = parse_given_layers(texts, first)
    for layer in layers:
        name = layer.syntax.name
        if name not in NAMES:
            known = ", ".join(NAMES)
            raise UsageError(f"layer {layer.number}: a page has no {name}; it has {known}")
        with prefix_errors(f"layer {layer.number} ({name})"):
            for option, usual in _REFUSED.items():
                if layer.values.get(option, usual) != usual:
                    name = option.replace("_", "-")
                    raise UsageError(f"a page has no --{name}; leave it out")
            for option in ("bias", "mean", "var", "weight"):
                if isinstance(layer.values.get(option), str):
                    raise UsageError(f"a page takes one number as --{option}, not a file")
            fill = layer.values.get("fill")
            if fill is not None and not math.isfinite(fill):
                raise UsageError(f"the fill of a page must be a finite number, not {fill:g}")
    return layers


def read_page_layers(
    parsed: Sequence[LayerText], stdin: BinaryIO | None = None, x: SampleRange | None = None
) -> PageLayers:
    """Build layers, and read their kernels.

    Args:
        parsed: from :func:`parse_page_layers`.
        stdin: what the SPEC ``-`` of one kernel reads.
        x: where kernels that are signals are sampled.

    Raises:
        KernelError: a SPEC names no kernel.
        UsageError: a layer cannot be built; the message names it by its number.
    """
    specs = list(dict.fromkeys(spec for layer in parsed for spec in layer.kernels))
    if stdin is not None and any(spec.strip() == "-" for spec in specs):
        stdin = BytesIO(stdin.read())  # is read again for the page
    layers = tuple(build_layers(parsed, stdin, x=x))
    if stdin is not None and stdin.seekable():
        stdin.seek(0)
    kernels = tuple(read_specs(specs, stdin, x=x))
    return PageLayers(tuple(layer.text for layer in parsed), layers, kernels)


def check_page_layers(
    image: ImageData,
    kernels: KernelSet,
    conv: ConvOptions,
    bias: float | None,
    layers: Sequence[Layer],
    max_values: int,
) -> None:
    """Check that the layers can follow a convolution of an image.

    Args:
        image: the input.
        kernels: of the convolution.
        conv: how they slide.
        bias: of the convolution; None for the kernels' own.
        layers: those that follow.
        max_values: of the maps of a layer, and of its padded input.

    Raises:
        UsageError: a layer does not fit its input, or is too large for a page; the message names it
            by its number.
    """
    groups = tuple(group_kernels([kernels]))
    if bias is not None and any(group.combine is not None for group in groups):
        raise UsageError(
            "chain adds a bias after the kernels are combined, and this page before; with layers, "
            "give no bias, or one kernel"
        )
    channels = image.channels
    for stage in plan_chain([Conv(groups, kernels.label, conv, bias), *layers], image):
        shape, padded = stage.plan.shape, stage.plan.geometry.padded_shape
        if max(math.prod(padded) * channels, math.prod(shape)) > max_values:
            raise UsageError(
                f"layer {stage.number} ({stage.layer.label}): an input padded to "
                f"{size_text(padded)} with {count_text(shape[2], 'map')} of {size_text(shape)} is "
                "too large for a page; --max-side N reduces the image"
            )
        channels = shape[2]
