"""The options that say which kernel is applied, and what becomes of its values."""

import click

from convcli.cli.options import (
    RANGES,
    Decorator,
    KernelSpecValue,
    OptionDecl,
    lazily,
    option,
    option_group,
)

BORDER_DIAGRAMS = """\b
Borders, around a row a b c d:
  edge       aaa|abcd|ddd      (replicate, nearest)
  zero       000|abcd|000      (zeros)
  reflect    dcb|abcd|cba      (mirror)
  symmetric  cba|abcd|dcb
  wrap       bcd|abcd|abc      (circular)
  constant   VVV|abcd|VVV      (V is --fill)
"""


def _kernel(several: str) -> OptionDecl:
    """Declare -k; what becomes of several is the command's own."""
    return option(
        "-k",
        "--kernel",
        type=KernelSpecValue(),
        multiple=True,
        required=True,
        metavar="SPEC",
        help="A name (outline), with arguments (gaussian:5,sigma=1.2), turned (sobel-x@45), "
        'a matrix ("0 -1 0; -1 5 -1; 0 -1 0"), a file (k.txt, .csv, .npy, .json), or -. '
        f"`convcli kernels list` has the names. {several}",
    )


def _weights(*, colors: bool = False) -> tuple[OptionDecl, ...]:
    """Declare what the weights are divided by, and --combine, perhaps to an image in colors."""
    names = ["magnitude", "max", "sum", "mean"] + ["direction"] * colors
    direction = (
        "direction makes a color image of a pair such as sobel, on gray: hue is where it grows "
        "brighter (red to the right, then counter-clockwise: yellow-green up, cyan left, violet "
        "down), brightness how much. "
    )
    return (
        option(
            "--combine",
            type=click.Choice(names),
            help=f"Make one feature map of several kernels'. {direction * colors} "
            "[default: magnitude for a pair such as sobel, max for a compass set]",
        ),
        option("--normalize", is_flag=True, help="Divide by the sum of the weights."),
        option(
            "--divisor", type=float, metavar="D", help="Divide by D in place of the kernel's own."
        ),
    )


_VALUES = (
    option(
        "--bias",
        type=float,
        metavar="B",
        help="Add B after the division, in the image's units.  [default: the kernel's own]",
    ),
    option(
        "--range",
        type=click.Choice(RANGES),
        default="clip",
        show_default=True,
        help="How values become pixels: clip rounds and cuts at black and white; abs takes "
        "magnitudes; offset makes mid-gray zero; rescale spreads min..max; raw maps nothing "
        "(.npy, or float .tif of one channel). Text and float matrices have no white to clip at.",
    ),
)


def _method(told: str = "") -> OptionDecl:
    """Declare --method."""
    return option(
        "--method",
        type=click.Choice(["auto", "direct", "toeplitz", "separable", "fft", "matrix"]),
        default="auto",
        show_default=True,
        help=f"How sums are computed: auto takes whichever costs least{told}; integers "
        "are the same to the bit by all.",
    )


def _threads(command: str) -> OptionDecl:
    """Declare --threads, which CONVCLI_THREADS sets for every command."""
    return option(
        "--threads",
        type=click.IntRange(min=1),
        metavar="N",
        envvar=[f"CONVCLI_{command}_THREADS", "CONVCLI_THREADS"],
        help="Threads for one image; the result does not depend on it.  [default: one a processor]",
    )


_choice = lazily("convcli.cli.kernel_args", "KernelArgs")

kernel_options = option_group(
    "choice",
    _choice,
    _kernel("Several -k give one result each."),
    *_weights(colors=True),
    *_VALUES,
    _method(", and -v says why"),
    _threads("APPLY"),
    option(
        "--alpha",
        type=click.Choice(["keep", "premultiply", "drop"]),
        default="keep",
        show_default=True,
        help="keep filters the colors and carries alpha; premultiply weights the colors "
        "with it and filters both; drop leaves it out.",
    ),
)


one_value_options = option_group(
    "choice", _choice, _kernel("Several -k are for --combine."), *_weights(), *_VALUES
)

compared_options = option_group(
    "choice",
    _choice,
    _kernel("Several -k are for --vary kernel, or --combine."),
    *_weights(colors=True),
    *_VALUES,
)

layer_kernel_options = option_group(
    "choice",
    _choice,
    _kernel("The maps of several -k follow each other; a bank, a 4-D .npy, makes one each."),
    *_weights(),
    _method(),
    _threads("CHAIN_CONV"),
)


def filter_option(command: str) -> Decorator:
    """Return the option that picks one kernel of a bank."""
    return click.option(
        "--filter",
        "number",
        type=click.IntRange(min=1),
        metavar="N",
        envvar=f"CONVCLI_{command.upper()}_FILTER",
        help=f"Of a bank, the number of the kernel to {command}, from 1 on.",
    )
