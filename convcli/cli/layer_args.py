"""The options of layers in place of a kernel, and the chain that their texts describe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import click

from convcli.cli.files import read_one
from convcli.cli.kernel_args import sample_range
from convcli.cli.missing_args import MissingArgs
from convcli.cli.options import Decorator, layer_option, option_group
from convcli.cli.types import IntegerType, LayerTextType
from convcli.errors import prefix_errors
from convcli.images.options import ReadOptions

if TYPE_CHECKING:
    from convcli.batch.memory import MemoryCheck
    from convcli.images.image import ImageData
    from convcli.layers.network import Stage


class LayerArgs(NamedTuple):
    """The texts of the layers, and the number of a map of the last one."""

    texts: tuple[str, ...]
    map_number: int | None

    def check(self, kernels: tuple[str, ...]) -> None:
        """Check that there are layers or kernels.

        Raises:
            click.UsageError: there is neither, or --map without a layer.
        """
        if self.map_number is not None:
            raise click.UsageError("--map chooses a map of the last --layer; give --layer, too")
        if not kernels:
            raise click.UsageError("Missing option '-k' / '--kernel', or '--layer' for layers.")


class GivenChain(NamedTuple):
    """An image with its name, the layers that are planned for it, and their texts."""

    image: ImageData
    name: str
    stages: list[Stage]
    texts: list[str]


def layer_options(verb: str) -> Decorator:
    """Return the options --layer and --map of a command that does this to a chain."""
    return option_group(
        "layer_args",
        LayerArgs,
        layer_option(
            "--layer",
            "texts",
            type=LayerTextType(),
            multiple=True,
            help='In place of -k, a layer as chain has it, e.g. "maxpool 2". Repeatable.',
        ),
        layer_option(
            "--map",
            "map_number",
            type=IntegerType(min=1),
            metavar="N",
            help=f"{verb} map N of the last layer, counted from 1; the first by default.",
        ),
    )


def given_options() -> Iterator[tuple[str, str, str]]:
    """Yield the name, the flag and the group of each option of the command that is given."""
    context = click.get_current_context()
    for param in context.command.params:
        name = str(param.name)
        if context.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT:
            yield name, param.opts[0], getattr(param, "group", "")


def part_of_layer(flag: str) -> click.UsageError:
    """Return the error that an option belongs into the text of a layer."""
    return click.UsageError(
        f"--layer has its own kernels and options; leave out {flag}, or write it into the text: "
        "--layer 'conv -k outline --stride 2'"
    )


def check_layers_alone(verb: str) -> None:
    """Refuse the options that are part of a layer's text, and those of pixels.

    Args:
        verb: what the command does to values.

    Raises:
        click.UsageError: one of them is given.
    """
    for name, flag, group in given_options():
        if name == "density":
            continue
        if group in ("Kernel", "Convolution"):
            raise part_of_layer(flag)
        if name in MissingArgs._fields:
            raise click.UsageError(f"--layer {verb} values of all pixels; leave out {flag}")
        if name == "activation":
            raise click.UsageError("--layer takes activations as layers: --layer relu")
        if group == "Range and color":
            raise click.UsageError(f"--layer {verb} values, not pixels; leave out {flag}")


def read_chain(
    args: LayerArgs,
    source: str,
    matrix: str | None,
    reading: ReadOptions,
    check_memory: MemoryCheck,
    *,
    density: bool,
) -> GivenChain:
    """Read an image and the layers of a chain.

    Raises:
        ConvcliError: a layer or the image cannot be read, or a layer does not fit its input.
    """
    from convcli.teaching.chain.maps import as_network_takes, integrate, plan_chain
    from convcli.teaching.chain.parser import build_chain, parse_layer_texts

    parsed = parse_layer_texts(args.texts)
    specs = [spec for layer in parsed for spec in layer.kernels]
    x = sample_range(reading.x, specs, [source], density=density)
    built = build_chain(parsed, sys.stdin.buffer, stdin_taken=source == "-", x=x)
    layers = [layer for each in built for layer in each.layers]
    image, name = read_one(source, reading._replace(x=x), check_memory, matrix)
    with prefix_errors(name):
        image = as_network_takes(image, layers)
        if density and x is not None:
            layers = integrate(layers, image, (image.axis or x.axis(x.samples)).step)
        texts = [each.text for each in built]
        return GivenChain(image, name, plan_chain(layers, image), texts)
