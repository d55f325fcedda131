"""``convcli chain``: layers one after the other."""

from typing import TYPE_CHECKING

import click

from convcli.cli.chain.layers import layer_commands
from convcli.cli.chain.parser import ChainGroup
from convcli.cli.options import (
    RANGES,
    lazily,
    one_image_options,
    one_writing_options,
    option,
    option_group,
)

if TYPE_CHECKING:
    from convcli.cli.chain.results import ChainOutputs
    from convcli.images.options import ReadOptions, WriteOptions
    from convcli.layers.base import Layer

wanted_options = option_group(
    "wanted",
    lazily("convcli.cli.chain.results", "ChainOutputs"),
    option(
        "-o",
        "--output",
        type=click.Path(),
        metavar="FILE|-",
        help="What comes out of the last layer; - is standard output.  [default: "
        "{stem}_chain{suffix} beside INPUT, unless --summary, --plot or --each-dir is given]",
    ),
    option(
        "--range",
        type=click.Choice(RANGES),
        help="How the last values become pixels, as with apply.  [default: raw in .npy, .csv and "
        ".txt, else clip]",
    ),
    option(
        "--summary",
        is_flag=True,
        help="Print of each layer what comes out, parameters, receptive field and jump, and "
        "multiply-adds.",
    ),
    option("--json", is_flag=True, help="Print the summary, and the files written, as JSON."),
    option(
        "--plot",
        type=click.Path(),
        metavar="FILE",
        help="Draw the maps after each layer into FILE (.png, .pdf, .svg, ...).",
    ),
    option(
        "--each-dir",
        type=click.Path(),
        metavar="DIR",
        help="Write what comes out of each layer, as NN_layer.npy with every digit and, where "
        "it is of 1 or 3 maps, as NN_layer.png from min to max.",
    ),
)


@click.group(
    cls=ChainGroup,
    short_help="Send an image through layers, one after the other.",
    chain=True,
    no_args_is_help=False,
    commands={command.name or "": command for command in layer_commands()},
    subcommand_metavar="LAYER [ARGS]... [LAYER [ARGS]...]...",
    epilog="""\b
    Examples:
      convcli chain photo.png conv -k gaussian:5 relu maxpool 2 conv -k sobel-x relu -o out.png
      convcli chain photo.png conv -k bank.npy --bias b.npy relu maxpool 2 --plot maps.png
      convcli chain photo.png conv -k bank.npy relu globalpool max -o features.npy
      convcli chain photo.png conv -k bank.npy maxpool 3 --stride 2 --summary
      convcli chain photo.png conv --help

    An option stands after the layer it belongs to; those above may stand anywhere.
    """,
)
@wanted_options
@one_image_options
@one_writing_options
@click.argument("source", metavar="INPUT", type=click.Path())
@click.pass_context
def chain(
    ctx: click.Context,
    source: str,
    wanted: "ChainOutputs",
    reading: "ReadOptions",
    writing: "WriteOptions",
) -> None:
    """Send an image through layers, one after the other, as a network does.

    Between layers nothing is rounded or cut: integers stay exact until a layer makes fractions of
    them, which are float32 (float64 of float64). A color image is three maps, from 0 to 255 or
    to 65535 as its file has them. At the end the values become pixels as --range says: one map is
    a gray image and three are red, green and blue; .npy holds any number. Alpha is left out.
    """
    ctx.obj = source, wanted, reading, writing


@chain.result_callback()
@click.pass_obj
def finish(
    given: "tuple[str, ChainOutputs, ReadOptions, WriteOptions]",
    layers: "list[Layer]",
    /,
    **_: object,
) -> None:
    """Run the layers that the commands made."""
    from convcli.cli.chain.results import run

    run(*given, layers)
