"""``convcli animate``: the window on its way, as a moving image."""

from typing import TYPE_CHECKING

import click

from convcli.cli.files import read_one
from convcli.cli.kernel_options import BORDER_DIAGRAMS, filter_option, one_value_options
from convcli.cli.options import layout_options, lazily, one_image_options, option, option_group
from convcli.cli.types import PositionValue

if TYPE_CHECKING:
    from convcli.cli.kernel_args import KernelArgs
    from convcli.cli.moving import FrameRange
    from convcli.core.options import ConvOptions
    from convcli.images.options import ReadOptions


journey_options = option_group(
    "journey",
    lazily("convcli.cli.moving", "FrameRange"),
    option(
        "--from",
        "first",
        type=PositionValue(),
        envvar="CONVCLI_ANIMATE_FROM",
        help="The position in the feature map to begin at.  [default: 0,0]",
    ),
    option(
        "--to",
        "last",
        type=PositionValue(),
        envvar="CONVCLI_ANIMATE_TO",
        help="The position to end at; between them the window goes row by row.  [default: the "
        "last]",
    ),
    option(
        "--step",
        type=click.IntRange(min=1),
        metavar="N",
        help="Show each N-th position and the last.  [default: all of up to 200, else 200 that "
        "are evenly spaced]",
    ),
    option(
        "--fps",
        type=click.FloatRange(0.1, 50),
        metavar="F",
        help="Frames a second; the last one stays longer.  [default: 5 for up to 40 frames, 10 "
        "for up to 100, else 20]",
    ),
)


@click.command(
    short_help="Slide a kernel's window over an image.",
    epilog=BORDER_DIAGRAMS
    + """
\b
Examples:
  convcli animate -k prewitt-x toy.csv -o edges.gif
  convcli animate -k outline --stride 2 --dilation 2 --border zero toy.csv -o holes.webp
  convcli animate -k sobel --from 40,0 --to 44,99 --fps 25 photo.png -o rows.mp4
  convcli animate -k "1 2 1" --normalize --padding full signal.csv -o frames/
""",
)
@one_value_options
@filter_option("animate")
@layout_options
@one_image_options
@journey_options
@click.option(
    "-o",
    "--output",
    type=click.Path(),
    metavar="FILE|DIR/",
    required=True,
    help="A .gif, .webp or .mp4 file (which takes ffmpeg), or a folder for frame-0001.png and on.",
)
@click.option(
    "--overwrite", is_flag=True, help="Replace what is there; in a folder, all its frame-NNNN.png."
)
@click.argument("source", metavar="INPUT", type=click.Path())
def animate(
    source: str,
    choice: "KernelArgs",
    number: int | None,
    layout: "ConvOptions",
    reading: "ReadOptions",
    journey: "FrameRange",
    output: str,
    overwrite: bool,
) -> None:
    """Show a kernel's window slide over an image while the feature map fills in.

    The padded input, its padding hatched, and the window on it, with its taps where a dilation
    parts them; the kernel as it is applied; and the feature map as apply writes it, up to the
    window's place. Up to 16x16 the numbers stand in the cells, and short sums below; a signal of
    one row or one column is drawn as a line. INPUT is an image, a .npy, .csv or .txt matrix,
    or -. Prints the names of the files written.
    """
    from convcli.cli.moving import make_animation
    from convcli.cli.report import print_name
    from convcli.images.animation import check_animation_target

    target = check_animation_target(output, overwrite=overwrite)
    choice.check_stdin(source)
    spec = choice.only_filter(layout, number)
    image, name = read_one(source, reading)
    for written in make_animation(image, name, spec, journey, target):
        print_name(written)
