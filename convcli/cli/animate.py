"""``convcli animate``: the window of a kernel or a layer slides over an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click

from convcli.cli.command import Command
from convcli.cli.files import one_input, read_one, write_frames
from convcli.cli.kernel_args import (
    KernelArgs,
    check_stdin,
    filter_option,
    optional_kernel_options,
)
from convcli.cli.layer_args import LayerArgs, check_layers_alone, layer_options, read_chain
from convcli.cli.missing_args import MissingArgs, missing_options
from convcli.cli.options import (
    DIGITS,
    MATRIX,
    MAX_MEMORY,
    check_figure_options,
    conv_options,
    figure_options_at,
    frame_option,
    option_group,
    output_file_option,
    output_option,
    read_one_options,
)
from convcli.cli.types import POSITION, InputType, IntegerType, NumberType
from convcli.errors import prefix_errors
from convcli.figure_options import FigureOptions
from convcli.geometry import ConvOptions, Pair
from convcli.images.options import ReadOptions

if TYPE_CHECKING:
    from convcli.teaching.animate.layer_window import LayerWindow
    from convcli.teaching.animate.sliding import SlidingWindow


class FrameRange(NamedTuple):
    """The positions that the animation shows, and the frames per second; None for the default."""

    first: Pair | None = None
    last: Pair | None = None
    step: int | None = None
    fps: float | None = None


frame_options = option_group(
    "frames",
    FrameRange,
    frame_option(
        "--from",
        "first",
        type=POSITION,
        show_default="0,0",
        help="First position in the feature map.",
    ),
    frame_option(
        "--to",
        "last",
        type=POSITION,
        show_default="the last",
        help="Last position; the window moves row by row.",
    ),
    frame_option(
        "--step",
        type=IntegerType(min=1),
        metavar="N",
        show_default="all, or 200 evenly spaced",
        help="Show every N-th position and the last.",
    ),
    frame_option(
        "--fps",
        type=NumberType(0.1, 50),
        metavar="F",
        show_default="5, 10 or 20, by the number of frames",
        help="Frames per second; the last frame stays longer.",
    ),
)


@click.command(
    cls=Command,
    examples="""
    convcli animate -k prewitt-x toy.csv -o edges.gif
    convcli animate -k outline --stride 2 --to 4,9 toy.csv -o rows.pdf
    convcli animate --layer "conv -k blur" --layer "maxpool 2" toy.csv -o pool.gif
    """,
)
@layer_options("Animate")
@optional_kernel_options
@filter_option("animate")
@conv_options
@read_one_options
@missing_options
@frame_options
@DIGITS
@figure_options_at(100.0)
@output_file_option(
    metavar="FILE|DIR/",
    required=True,
    help="A .gif, .webp, .mp4 (needs ffmpeg) or .pdf file, or a folder for frame-0001.png, ...",
)
@output_option(
    "--overwrite", is_flag=True, help="Replace the file, or all frame-NNNN.png of the folder."
)
@MATRIX
@MAX_MEMORY
@click.argument("source", metavar="INPUT", type=InputType(), required=False)
def animate(
    source: str | None,
    matrix: str | None,
    layer_args: LayerArgs,
    kernel_args: KernelArgs,
    number: int | None,
    conv: ConvOptions,
    reading: ReadOptions,
    missing_args: MissingArgs,
    frames: FrameRange,
    digits: int | None,
    figure: FigureOptions,
    output: str,
    overwrite: bool,
    max_memory: int | float,
) -> None:
    """Show a kernel's window slide over an image while the feature map fills in.

    Each frame shows the input with its padding (hatched) and the window in it, magnified where
    it is small; window times kernel, and the products; the sum, number by number; and the
    feature map up to this position. What finds no room is left out, and a line says so. A .pdf
    has a page for each position.
    INPUT is an image, a .npy, .csv or .txt matrix, a signal, or -. Prints the names of the files
    written.

    With --layer, shows the last of these layers: its window slides over the map that the layer
    before it makes, and the pixels of INPUT that the value depends on are outlined. If it is a
    convtranspose, the frames (and --from and --to) go through the values that it reads instead:
    each is multiplied by the kernel, and the products are added to the output.
    """
    from convcli.batch.memory import memory_check
    from convcli.batch.outputs import base_name
    from convcli.cli.report import print_name
    from convcli.images.animation import check_animation_target
    from convcli.teaching.animate.layer_window import layer_bytes, slide_layer
    from convcli.teaching.animate.scene import animate_window, frame_positions
    from convcli.teaching.animate.sliding import (
        RangeNames,
        animation_bytes,
        frame_rate,
        slide_over,
    )

    source = one_input(source, matrix)
    check_figure_options(figure, is_drawn=True, advice="-o")
    if layer_args.texts:
        check_layers_alone("animates")
    else:
        layer_args.check(kernel_args.kernel)
    target = check_animation_target(output, overwrite=overwrite)
    check_memory = memory_check(max_memory)
    window: SlidingWindow | LayerWindow
    if layer_args.texts:
        image, name, stages, texts = read_chain(
            layer_args, source, matrix, reading, check_memory, density=kernel_args.density
        )
        with prefix_errors(name):
            check_memory(image.pixels.nbytes + layer_bytes(image, stages))
            number = layer_args.map_number or 1
            window = slide_layer(image, stages, number, texts=texts)
    else:
        check_stdin(kernel_args.kernel, source)
        kernel_args, reading = kernel_args.sampled(reading, [source])
        missing = missing_args.missing(reading)
        image_filter = kernel_args.only_filter(conv, number, missing)
        image, name = read_one(source, reading, check_memory, matrix)
        with prefix_errors(name):
            check_memory(image.pixels.nbytes + animation_bytes(image, image_filter))
            window = slide_over(image, image_filter)
    options = figure._replace(digits=digits, reading=reading.facts)
    with prefix_errors(name):
        positions = frame_positions(window, *frames[:3], RangeNames("--from", "--to", "--step"))
        title = base_name(name)
        animation = animate_window(window, positions.shown, title=title, options=options)
    count = len(animation)
    if frames.step is None and count < positions.total:
        click.echo(
            f"{name}: {count} of {positions.total:,} positions shown; "
            "--step N, or --from and --to, choose others",
            err=True,
        )
    for written in write_frames(animation, target, frames.fps or frame_rate(count)):
        print_name(written)
