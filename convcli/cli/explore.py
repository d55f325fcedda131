"""``convcli explore``: one page that shows a convolution live."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from convcli.cli.command import Command
from convcli.cli.files import check_outputs, one_input, read_one
from convcli.cli.kernel_args import KernelArgs, check_stdin, optional_kernel_options
from convcli.cli.layer_args import given_options, part_of_layer
from convcli.cli.missing_args import refuse_missing
from convcli.cli.options import (
    MATRIX,
    MAX_MEMORY,
    OVERWRITE,
    conv_options,
    input_option,
    layer_option,
    output_file_option,
    output_option,
    read_one_options,
    value_option,
)
from convcli.cli.types import POSITION, InputType, IntegerType, LayerTextType
from convcli.errors import UsageError, prefix_errors
from convcli.geometry import ConvOptions, Pair, fill_value, size_text
from convcli.images.options import ReadOptions
from convcli.samples import is_sample
from convcli.signals import is_signal

if TYPE_CHECKING:
    from convcli.batch.memory import MemoryCheck
    from convcli.filtering.filter import Filter
    from convcli.images.image import ImageData
    from convcli.kernels.spec import KernelSet
    from convcli.teaching.chain.parser import LayerText
    from convcli.teaching.explore.page import PageKernel

SUFFIXES = (".html", ".htm")


@click.command(
    cls=Command,
    examples="""
    convcli explore -k sobel-x photo.png -o lesson.html
    convcli explore -k blur -k outline --stride 2 photo.png -o lesson.html --open
    convcli explore -k sobel-x --layer "maxpool 2" photo.png -o layers.html
    """,
)
@value_option(
    "--at",
    type=POSITION,
    show_default="the middle",
    help="Row and column in the feature map that are explained first.",
)
@layer_option(
    "--layer",
    "layers",
    type=LayerTextType(),
    multiple=True,
    help='After the convolution, a layer as chain has it, e.g. "maxpool 2". Repeatable.',
)
@optional_kernel_options
@conv_options
@read_one_options
@refuse_missing("a page has all pixels; convcli explain and animate leave missing ones out")
@input_option(
    "--max-side",
    type=IntegerType(1, 4096),
    metavar="N",
    default=512,
    help="Reduce larger images to this width or height.",
)
@output_file_option(metavar="FILE|-", required=True, help="The page, an .html file; - prints it.")
@output_option("--open", "opens", is_flag=True, help="Open the page in a browser.")
@OVERWRITE
@MATRIX
@MAX_MEMORY
@click.argument("source", metavar="INPUT", type=InputType(), required=False)
def explore(
    source: str | None,
    matrix: str | None,
    at: Pair | None,
    layers: tuple[str, ...],
    kernel_args: KernelArgs,
    conv: ConvOptions,
    reading: ReadOptions,
    max_side: int,
    output: str,
    opens: bool,
    overwrite: bool,
    max_memory: int | float,
) -> None:
    """Write a page that shows a convolution live, in any browser and without a network.

    The page has the image, all named kernels and those of -k. Hover a value of the feature map to
    see its window and its arithmetic in the words of explain; change weights, padding, border,
    stride, dilation, operation and range, and the map follows. The options say how the page
    begins. It computes in double precision. With --layer, each layer after the convolution shows
    its maps too; hover one to see which part of the image it depends on. Without -k, the first one
    is the convolution: --layer 'conv -k blur'. INPUT is an image, a .npy, .csv or .txt matrix, a
    signal, or -. Prints the name of the file.
    """
    from convcli.atomic import atomic_write
    from convcli.batch.memory import memory_check
    from convcli.batch.outputs import base_name
    from convcli.cli.report import print_name, write_stdout
    from convcli.teaching.explore.layers import read_page_layers
    from convcli.teaching.explore.page import PageInput, PageSetup, explore_page

    source = one_input(source, matrix)
    if output != "-" and not output.lower().endswith(SUFFIXES):
        raise UsageError(f"-o {output}: a page is an .html file; give it that suffix")
    if opens and output == "-":
        raise UsageError("--open opens a file; name one with -o")
    check_outputs(output, None, overwrite=overwrite)
    kernel_args, conv, parsed = _parse_layers(kernel_args, conv, layers)
    specs = [spec for layer in parsed for spec in layer.kernels]
    check_stdin([*kernel_args.kernel, *specs], source)
    kernel_args, reading = kernel_args.sampled(reading, [source], specs)
    sets = kernel_args.sets()
    page_layers = read_page_layers(parsed, sys.stdin.buffer, kernel_args.x)
    filters = kernel_args.filters(conv, sets=sets)
    local = _local_names([*kernel_args.kernel, *specs])
    page_layers = page_layers._replace(
        texts=tuple(map(local, page_layers.texts)),
        kernels=tuple(_renamed(kernel_set, local) for kernel_set in page_layers.kernels),
    )
    check_memory = memory_check(max_memory)
    image, name = read_one(source, reading, check_memory, matrix)
    words = _input_words(source, matrix, reading)
    if image.alpha is not None:
        click.echo(f"{name}: alpha is dropped", err=True)
        words = ("--alpha", "drop", *words)
    with prefix_errors(name):
        full_size, image = image.shape, _reduced(image, max_side)
        size = image.shape if image.shape != full_size else reading.resize
        if size is not None:
            words = ("--resize", size_text(size), *words)
        if image.shape != full_size:
            click.echo(
                f"{name}: reduced from {size_text(full_size)} to {size_text(image.shape)}; "
                "--max-side N keeps more",
                err=True,
            )
        setup = PageSetup(
            PageInput(image, base_name(name), words),
            _page_kernels(kernel_args, sets, local),
            conv,
            range=kernel_args.range,
            percentile=kernel_args.percentile,
            bias=kernel_args.bias,
            at=_checked_position(image, filters, at, check_memory),
            layers=page_layers,
        )
        page = explore_page(setup).encode()
    if output == "-":
        write_stdout(page)
        return
    with atomic_write(output, overwrite=overwrite) as file:
        file.write(page)
    print_name(output)
    if opens:
        _open(output)


def _parse_layers(
    kernel_args: KernelArgs, conv: ConvOptions, texts: Sequence[str]
) -> tuple[KernelArgs, ConvOptions, list[LayerText]]:
    """Return the options of the convolution, and the layers after it.

    Raises:
        UsageError: a text is not a layer of a page, or contradicts the other options.
    """
    from convcli.teaching.explore.layers import parse_page_layers

    if texts and kernel_args.density:
        raise UsageError("--layer shows sums that no step multiplies; leave out --density")
    if not kernel_args.kernel:
        kernel_args, conv = _first_layer(kernel_args, texts)
        texts = texts[1:]
    layers = parse_page_layers(texts)
    takes_stdin = any(spec.strip() == "-" for layer in layers for spec in layer.kernels)
    if kernel_args.reads_stdin and takes_stdin:
        raise UsageError("standard input ('-') can be used once only: by -k or by one --layer")
    return kernel_args, conv, layers


def _first_layer(kernel_args: KernelArgs, layers: Sequence[str]) -> tuple[KernelArgs, ConvOptions]:
    """Return the options of the convolution that the first layer is.

    Raises:
        UsageError: there is no first layer, or it is no convolution that a page can begin with.
    """
    from convcli.teaching.explore.layers import parse_page_layers

    if not layers:
        raise click.UsageError(
            "Missing option '-k' / '--kernel', or a --layer 'conv -k ...' before others."
        )
    for name, flag, group in given_options():
        if group in ("Kernel", "Convolution") or name == "bias":
            raise part_of_layer(flag)
    [layer] = parse_page_layers(layers[:1], 1)
    if layer.syntax.name != "conv":
        raise click.UsageError(
            f"--layer {layer.text!r}: without -k, the first layer is the convolution of the page: "
            "begin with --layer 'conv -k ...'"
        )
    values = layer.values
    if values["groups"] > 1:
        raise click.UsageError(
            f"--layer {layer.text!r}: the convolution of a page has no --groups; a later layer can "
            "have them"
        )
    if len(layer.kernels) > 1 and values["combine"] is None:
        raise click.UsageError(
            f"--layer {layer.text!r}: the convolution of a page has one -k; join several with "
            "--combine, or give a bank"
        )
    fill = fill_value(values["fill"], values["border"])
    conv = {name: values[name] for name in ConvOptions._fields} | {"fill": fill}
    names = ("kernel", "combine", "normalize", "divisor", "bias")
    return kernel_args._replace(**{name: values[name] for name in names}), ConvOptions(**conv)


def _local_names(specs: Sequence[str]) -> Callable[[str], str]:
    """Return a function that leaves the folders out of the names of kernels' files in a text.

    Who has the page has other folders. All names stay as they are where two would become one.
    """
    from pathlib import Path

    from convcli.kernels.models.spec import parse_model
    from convcli.kernels.reading import is_file

    names = {}
    for spec in specs:
        model = parse_model(spec)
        paths = (model.path,) if model else (spec, spec.rpartition("@")[0])
        for path in filter(is_file, paths):
            names[path] = Path(path).name
    if len(set(names.values())) < len(names):
        names = {}

    def local(text: str) -> str:
        for path, name in names.items():
            text = text.replace(path, name)
        return text

    return local


def _renamed(kernel_set: KernelSet, local: Callable[[str], str]) -> KernelSet:
    kernels = (kernel._replace(name=local(kernel.name)) for kernel in kernel_set.kernels)
    return kernel_set._replace(label=local(kernel_set.label), kernels=tuple(kernels))


def _page_kernels(
    kernel_args: KernelArgs, sets: list[KernelSet], local: Callable[[str], str]
) -> list[PageKernel]:
    """Return the kernels of each -k, or the one set that --combine makes of all of them."""
    from convcli.kernels.spec import group_kernels
    from convcli.teaching.explore.page import PageKernel

    scaling: tuple[str, ...] = ()
    if kernel_args.normalize:
        scaling = ("--normalize",)
    elif kernel_args.divisor is not None:
        scaling = ("--divisor", f"{kernel_args.divisor:g}")
    scaling += ("--density",) * kernel_args.density
    order = ("--channel-order", "bgr") if kernel_args.channel_order == "bgr" else ()
    specs = list(map(local, kernel_args.kernel))
    sets = [_renamed(kernel_set, local) for kernel_set in sets]
    if kernel_args.combine is None:
        return [
            PageKernel(kernel_set, ("-k", spec, *order), scaling)
            for kernel_set, spec in zip(sets, specs, strict=True)
        ]
    [combined] = group_kernels(sets, kernel_args.combine)
    words = [word for spec in specs for word in ("-k", spec)]
    return [PageKernel(combined, (*words, *order, "--combine", kernel_args.combine), scaling)]


def _reduced(image: ImageData, max_side: int) -> ImageData:
    """Return an image of at most this width and height; signals keep all their samples.

    Its pixels are weighted by alpha, as those of ``apply --resize`` are.
    """
    from convcli.images.pillow_modes import resize

    rows, columns = image.shape
    if max(rows, columns) <= max_side or min(rows, columns) == 1:
        return image
    scale = max_side / max(rows, columns)
    shape = max(round(rows * scale), 1), max(round(columns * scale), 1)
    pixels, alpha = resize(image.pixels, image.alpha, shape)
    return image._replace(pixels=pixels, alpha=alpha)


def _checked_position(
    image: ImageData, filters: Sequence[Filter], at: Pair | None, check_memory: MemoryCheck
) -> Pair:
    """Return the position that is explained first: as given, or the middle of the map.

    Raises:
        ConvcliError: no value of a kernel's map can be explained; the page would not show it.
    """
    from convcli.filtering.filter import map_shape
    from convcli.filtering.memory import filter_bytes
    from convcli.teaching.explain.arithmetic import explain_image

    first, *others = filters
    for image_filter in filters:
        check_memory(8 * image.pixels.size + filter_bytes(image, image_filter, None))
    rows, columns = map_shape(image, first)
    at = at or (rows // 2, columns // 2)
    explain_image(image, first, at)
    for image_filter in others:
        explain_image(image, image_filter, (0, 0))
    return at


def _input_words(source: str, matrix: str | None, reading: ReadOptions) -> tuple[str, ...]:
    """Return the arguments by which ``convcli apply`` reads the image, but for its size.

    A file is named without its folder, which nobody else has.
    """
    from pathlib import Path

    words = [] if reading.channels == "auto" else ["--channels", reading.channels]
    if reading.x is not None and reading.x.given:
        count = "" if reading.x.length is None else f":{reading.x.length}"
        words += ["--x", reading.x.text + count]
    if matrix is not None:
        return (*words, "--matrix", matrix)
    name = source if is_signal(source) else Path(source).name
    is_other = name != source and (name.startswith("-") or is_sample(name) or is_signal(name))
    return (*words, f"./{name}" if is_other else name)


def _open(output: str) -> None:
    """Open a page in the user's browser."""
    import webbrowser
    from pathlib import Path

    if not webbrowser.open(Path(output).resolve().as_uri()):
        click.echo(f"{output}: no browser was found; open the file by hand", err=True)
