"""Layers from the values of their arguments and options: the first step that loads numpy.

Each ``build_...`` function is the ``build`` of a ``LayerSyntax``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from convcli.choices import ChannelOrder
from convcli.errors import UsageError
from convcli.geometry import ConvOptions, fill_value

if TYPE_CHECKING:
    from convcli.kernels.models.spec import ModelSpec
    from convcli.layers.base import Layer
    from convcli.signals import SampleRange


class BuiltLayer(NamedTuple):
    """A layer, and its text in figures.

    Attributes:
        text: as it was typed; the label of a layer that a network's file holds.
        layers: the layer; before the first of a network its input, if this changes no values.
    """

    text: str
    layers: tuple[Layer, ...]


def as_built(text: str, built: Layer | list[BuiltLayer]) -> list[BuiltLayer]:
    """Return what ``LayerSyntax.build`` makes of a text: one layer, or those of a network."""
    return built if isinstance(built, list) else [BuiltLayer(text, (built,))]


def layer_builder(module: str, class_name: str, **fixed: Any) -> Callable[..., Layer]:
    """Return a ``build`` that imports a class of :mod:`convcli.layers` when it is called."""
    return lambda **values: getattr(import_module(f"convcli.layers.{module}"), class_name)(
        **fixed, **values
    )


def build_conv(
    *,
    kernel: Sequence[str],
    combine: str | None,
    normalize: bool,
    divisor: float | None,
    bias: float | str | None,
    fill: float | None,
    groups: int,
    method: str,
    threads: int | None,
    channel_order: ChannelOrder = "rgb",
    stdin: BinaryIO | None = None,
    x: SampleRange | None = None,
    **options: Any,
) -> Layer:
    """Build a conv layer; ``stdin`` is what the SPEC ``-`` reads, ``x`` where signals lie."""
    from convcli.filtering.filter import Filter
    from convcli.filtering.planned_filter import check_method
    from convcli.kernels.files import read_biases
    from convcli.kernels.spec import group_kernels, read_specs
    from convcli.layers.conv import Conv

    conv = ConvOptions(fill=fill_value(fill, options["border"]), **options)
    sets = read_specs(
        kernel, stdin, normalize=normalize, divisor=divisor, x=x, channel_order=channel_order
    )
    combined = tuple(group_kernels(sets, combine))
    if method != "auto":
        for group in combined:
            check_method(Filter(group.label, group.kernels, method=method))
    return Conv(
        combined,
        ", ".join(kernels.label for kernels in sets),
        conv,
        read_biases(bias) if isinstance(bias, str) else bias,
        groups=groups,
        method=method,
        threads=threads,
        slug="-".join(("conv", "+".join(kernels.slug for kernels in sets))),
    )


def build_conv_transpose(
    *,
    kernel: Sequence[str],
    normalize: bool,
    divisor: float | None,
    bias: float | str | None,
    padding: tuple[int, ...],
    stdin: BinaryIO | None = None,
    x: SampleRange | None = None,
    **options: Any,
) -> Layer:
    """Build a convtranspose layer; ``stdin`` and ``x`` as for :func:`build_conv`."""
    from convcli.geometry import pads_of
    from convcli.kernels.files import read_biases
    from convcli.kernels.spec import read_specs
    from convcli.layers.conv_transpose import ConvTranspose

    sets = read_specs(kernel, stdin, normalize=normalize, divisor=divisor, x=x)
    if len(sets) > 1 or sets[0].combine is not None:
        raise UsageError("-k takes one kernel or one bank here, not several that are combined")
    return ConvTranspose(
        sets[0],
        padding=pads_of((1, 1), padding),
        bias=read_biases(bias) if isinstance(bias, str) else bias,
        slug=f"convtranspose-{sets[0].slug}",
        **options,
    )


def build_batchnorm(*, eps: float, **numbers: float | str | None) -> Layer:
    """Build a batchnorm layer, whose numbers may be names of files."""
    from convcli.kernels.files import read_biases
    from convcli.layers.batchnorm import BatchNorm

    read: dict[str, Any] = {
        name: read_biases(given, f"--{name}") if isinstance(given, str) else given
        for name, given in numbers.items()
    }
    return BatchNorm(**read, eps=eps)


def build_network(
    *,
    model: ModelSpec,
    input_scale: float,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    channel_order: ChannelOrder,
) -> list[BuiltLayer]:
    """Build the layers of a network, and before them its input.

    Args:
        model: the file, and the last layer.
        input_scale: what pixels are multiplied by.
        mean: what is subtracted then, one number or one for each channel.
        std: what the result is divided by, likewise.
        channel_order: of the network.

    Raises:
        KernelError, UsageError: as :func:`convcli.layers.onnx.read_network`, or ``std`` is 0.
    """
    from convcli.layers.network_input import NetworkInput
    from convcli.layers.onnx import read_network

    network = read_network(model)
    first, *others = network.layers
    rows, columns = network.size
    given = NetworkInput(
        model.path, network.channels, rows, columns, input_scale, mean, std, channel_order
    )
    if given.changes_values:
        built = [BuiltLayer(given.label, (given,)), BuiltLayer(first.label, (first,))]
    else:
        built = [BuiltLayer(first.label, (given, first))]
    return [*built, *(BuiltLayer(layer.label, (layer,)) for layer in others)]
