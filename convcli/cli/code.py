"""``convcli code``: the same filter as a program for another library."""

from __future__ import annotations

from shlex import quote

import click
from click.core import ParameterSource

from convcli.choices import LIBRARIES
from convcli.cli.command import Command
from convcli.cli.kernel_args import KernelArgs, filter_option, kernel_options, sample_range
from convcli.cli.missing_args import refuse_missing
from convcli.cli.options import COLOR_CHANNELS, X, conv_options, option_text, program_option
from convcli.cli.types import IntegerType, WordType
from convcli.geometry import ConvOptions
from convcli.signals import SampleRange

_OWN = ("library", "snippet", "number", "groups")  # options that apply does not have


@click.command(
    cls=Command,
    examples="""
    convcli code -k sobel-x --border reflect --for opencv > filter.py
    convcli code -k gaussian:9 --stride 2 --for torch --snippet
    convcli code -k kirsch --range rescale --channels gray --for numpy
    """,
)
@program_option(
    "--for",
    "library",
    type=WordType(LIBRARIES),
    metavar="LIBRARY",
    required=True,
    help=f"{' '.join(LIBRARIES)}.",
)
@program_option("--snippet", is_flag=True, help="Print the kernel and the call alone.")
@program_option(
    "--groups",
    type=IntegerType(min=1),
    metavar="G",
    default=1,
    show_default=True,
    help="Runs of channels with kernels of their own, as in chain's conv; torch and onnx.",
)
@kernel_options
@filter_option("write")
@conv_options
@COLOR_CHANNELS
@X
@refuse_missing("a program filters all pixels; convcli apply leaves missing ones out")
@click.pass_context
def code(
    ctx: click.Context,
    library: str,
    snippet: bool,
    groups: int,
    kernel_args: KernelArgs,
    number: int | None,
    conv: ConvOptions,
    channels: str,
    x: SampleRange | None,
) -> None:
    """Write the same filter as a program for another library.

    The program reads an image, filters it, and writes the result: python filter.py IN OUT. Its
    pixels are those of convcli apply with the same options, for 8-bit gray and RGB images and for
    16-bit gray. In Python it needs the library, NumPy and Pillow, but not convcli; programs in
    Octave need no package; those in C and JavaScript no library, and read and write PGM and PPM.
    Comments say where the library has another convention.
    """
    from convcli.teaching.code.program import write_program

    x = sample_range(x, kernel_args.kernel, (), density=kernel_args.density)
    kernel_args = kernel_args._replace(x=x)
    command = " ".join(["convcli apply", *_given(ctx)])
    if groups > 1:
        if number is not None or kernel_args.combine is not None:
            raise click.UsageError("--groups takes a whole bank, without --filter and --combine")
        filters = kernel_args.filters(conv, in_groups=True)
        kernels = tuple(kernel for each in filters for kernel in each.kernels)
        image_filter = filters[0]._replace(kernels=kernels, combine=None)
        command = " ".join(["convcli chain IN conv", *_given(ctx), f"--groups {groups}"])
    else:
        image_filter = kernel_args.only_filter(conv, number)
    if number is not None:  # apply filters with all of them
        command += f"  # filter {number} alone"
    program = write_program(
        library,
        image_filter,
        channels=channels,
        command=command,
        snippet=snippet,
        groups=groups,
    )
    click.echo(program, nl=False)


def _given(ctx: click.Context) -> list[str]:
    """Return the options that were given and that apply has, as on the command line."""
    words = []
    for parameter in ctx.command.params:
        name = str(parameter.name)
        if name in _OWN or ctx.get_parameter_source(name) is ParameterSource.DEFAULT:
            continue
        flag = next(flag for flag in parameter.opts if flag.startswith("--"))
        flag = "-k" if flag == "--kernel" else flag
        value = ctx.params[name]
        if value is True:
            words.append(flag)
        else:
            several = value if parameter.multiple else [value]
            texts = [option_text(name, each) for each in several]
            # On one line, since a comment of the program has it; ; ends rows of weights as well.
            words += [f"{flag} {quote('; '.join(text.splitlines()))}" for text in texts]
    return words
