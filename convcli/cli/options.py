"""Options that several commands share, each declared once.

A group of options reaches its command as one object: ``@conv_options`` adds eight options and
passes their values as ``conv=ConvOptions(...)``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any, NamedTuple, cast

import click
from click.core import ParameterSource

from convcli.batch.options import DEFAULT_MEMORY
from convcli.choices import (
    BORDER_SYNONYMS,
    BORDERS,
    CHANNEL_ORDERS,
    CHANNELS,
    COMPRESSIONS,
    FRAMES,
    LAYOUTS,
    MAX_PIXELS,
    OPERATIONS,
    RANGES,
    SCALES,
    SUBSAMPLINGS,
    THEMES,
    LikeName,
    Panel,
)
from convcli.cli.command import Option
from convcli.cli.types import (
    ANCHOR_PLACE,
    LIMITS,
    MEMORY,
    PERCENTILE_PAIR,
    SIZE,
    TITLE_LIST,
    FloatType,
    IntegerType,
    NumberType,
    OutputType,
    PaddingType,
    PairType,
    ParsedType,
    PathType,
    WordType,
    completion_items,
    parse_panels,
)
from convcli.conventions import CONVENTIONS
from convcli.errors import UsageError
from convcli.figure_options import FigureOptions
from convcli.geometry import OWN_ANCHORS, ConvOptions, fill_value
from convcli.images.options import ReadOptions, WriteOptions, check_read_options
from convcli.signals import parse_range

Callback = Callable[..., Any]
Decorator = Callable[[Callback], Callback]


class OptionDecl:
    """A declared option that is not yet part of a command; as a decorator it adds itself to one."""

    def __init__(self, names: tuple[str, ...], attributes: dict[str, Any]) -> None:
        self.names = names
        self.attributes = attributes

    def __call__(self, callback: Callback) -> Callback:
        """Add the option to a command's callback."""
        return click.option(*self.names, cls=Option, **self.attributes)(callback)


class ReportOptions(NamedTuple):
    """How much is printed, and in which form.

    Attributes:
        null: end names on stdout with NUL instead of a newline.
        json: print a JSON line for each result or error instead of the names.
        verbose: print the numbers of each result on stderr.
        quiet: print errors only.
    """

    null: bool = False
    json: bool = False
    verbose: bool = False
    quiet: bool = False


def option(*names: str, group: str, **attributes: Any) -> OptionDecl:
    """Declare an option.

    Args:
        names: as for ``click.option``.
        group: its group on the help page, one of ``convcli.cli.command.GROUPS``.
        attributes: as for ``click.option``; ``rare=True`` hides it where a page is long. A
            default that is a value shows on the page.
    """
    attributes.setdefault("show_default", "default" in attributes)
    return OptionDecl(names, {"group": group, **attributes})


# To declare an option of a group: kernel_option("--divisor", type=FloatType()).
value_option = partial(option, group="Value")
comparison_option = partial(option, group="Comparison")
model_option = partial(option, group="Model")
descent_option = partial(option, group="Descent")
layer_option = partial(option, group="Layer")
size_option = partial(option, group="Size")
program_option = partial(option, group="Program")
kernel_option = partial(option, group="Kernel")
conv_option = partial(option, group="Convolution")
range_option = partial(option, group="Range and color")
frame_option = partial(option, group="Frames")
input_option = partial(option, group="Input")
output_option = partial(option, group="Output")
figure_option = partial(option, group="Figures")
speed_option = partial(option, group="Speed")
report_option = partial(option, group="Report")
output_file_option = partial(output_option, "-o", "--output", type=OutputType(), metavar="FILE")
plot_option = partial(figure_option, "--plot", type=PathType(), metavar="FILE")


def option_group(name: str, build: Callback, *options: OptionDecl) -> Decorator:
    """Return a decorator that adds options and passes ``name=build(**their_values)``."""

    def decorate(callback: Callback) -> Callback:
        keys: list[str] = []

        @wraps(callback)
        def collected(**values: Any) -> Any:
            own = {key: values.pop(key) for key in keys}
            return callback(**values, **{name: build(**own)})

        decorated: Any = collected
        for declared in reversed(options):
            decorated = declared(decorated)
            keys.append(decorated.__click_params__[-1].name)
        return cast(Callback, decorated)

    return decorate


def option_text(name: str, value: Any) -> str:
    """Return an option's value as it is typed: 2 for the stride (2, 2), and 3 for 3.0."""
    if isinstance(value, tuple):
        same = len(value) == 2 and value[0] == value[1] and name != "anchor"  # 0 is no place
        return ",".join(option_text(name, each) for each in (value[:1] if same else value))
    return f"{value:.17g}" if isinstance(value, float) else str(value)


def as_conv_options(*, fill: float | None, **values: Any) -> ConvOptions:
    """Build the record of :data:`conv_options`."""
    values = _with_convention(**values)
    return ConvOptions(fill=fill_value(fill, values["border"]), **values)


def _with_convention(*, like: LikeName | None = None, **values: Any) -> dict[str, Any]:
    """Return the options' values as ``--like`` sets them; options that are given override it."""
    source = click.get_current_context().get_parameter_source
    if like is not None:
        convention = CONVENTIONS[like]
        for name in ("operation", "padding", "border", "anchor"):
            if source(name) is ParameterSource.DEFAULT:
                values[name] = getattr(convention, name)
        _check_convention_anchor(like, values)
    if values["padding"] in OWN_ANCHORS and source("anchor") is ParameterSource.DEFAULT:
        values["anchor"] = "before"
    return values


def _check_convention_anchor(like: LikeName, values: dict[str, Any]) -> None:
    """Raise UsageError for an anchor that is given beside a padding of ``--like`` with its own."""
    context = click.get_current_context()
    padding = CONVENTIONS[like].padding
    is_set = context.get_parameter_source("padding") is ParameterSource.DEFAULT
    varies = context.params.get("vary") == "padding"  # of compare, which replaces it
    if padding in OWN_ANCHORS and is_set and not varies and values["anchor"] != "before":
        raise click.UsageError(
            f"--like {like} sets padding {padding}, which has an anchor of its own; give "
            "--padding too, e.g. --padding same, or leave out --anchor"
        )


def _as_read_options(**values: Any) -> ReadOptions:
    options = ReadOptions(**values)
    check_read_options(options)
    return options


def _as_write_options(**values: Any) -> WriteOptions:
    if values["overwrite"] and values["skip_existing"]:
        raise click.UsageError("--overwrite and --skip-existing contradict each other")
    return WriteOptions(**values)


def _complete_format(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[Any]:
    """Offer the names of the formats that can be written."""
    from convcli.images.formats import FORMATS

    names = dict.fromkeys(suffix[1:] for form in FORMATS for suffix in form.suffixes)
    return completion_items(name for name in names if name.startswith(incomplete.lower()))


OPERATION = conv_option(
    "--operation", type=WordType(OPERATIONS), default="correlate", help="convolve flips the kernel."
)
PADDING = conv_option(
    "--padding", type=PaddingType(), default="same", help="Pixels added around the image."
)
BORDER = conv_option(
    "--border",
    type=WordType(BORDERS, BORDER_SYNONYMS),
    default="edge",
    help="What the padding holds.",
)
FILL = conv_option(
    "--fill",
    type=FloatType(),
    metavar="V",
    rare=True,
    show_default="0",
    help="Value of --border constant.",
)
STRIDE = conv_option(
    "--stride", type=PairType(), default="1", help="Step between windows: N, or rows,columns."
)
DILATION = conv_option(
    "--dilation",
    type=PairType(),
    default="1",
    help="Distance between the kernel's taps: N, or rows,columns.",
)
ANCHOR = conv_option(
    "--anchor",
    type=ANCHOR_PLACE,
    default="before",
    rare=True,
    help="Tap that the output aligns with.",
)
_CONV = (OPERATION, PADDING, BORDER, FILL, STRIDE, DILATION, ANCHOR)
LIKE = conv_option(
    "--like",
    type=WordType(CONVENTIONS),
    rare=True,
    help="Operation, padding, border, anchor of a library.",
)
conv_options = option_group("conv", as_conv_options, *_CONV, LIKE)
# For a command that varies one of them.
conv_values = option_group("conv", _with_convention, *_CONV, LIKE)

RANGE = range_option(
    "--range", type=WordType(RANGES), default="clip", help="How values become pixels."
)

PERCENTILE = range_option(
    "--percentile",
    type=PERCENTILE_PAIR,
    rare=True,
    show_default="1,99",
    help="What --range percentile maps to black and white.",
)

COLOR_CHANNELS = input_option(
    "--channels",
    type=WordType(CHANNELS),
    default="auto",
    help="auto: gray stays gray, else RGB.",
)
_RESIZE = input_option(
    "--resize", type=SIZE, help="Resize to width x height before filtering, e.g. 640x480."
)
_FRAMES = input_option(
    "--frames",
    type=WordType(FRAMES),
    default="first",
    help="Frames of an animation or multi-page file to filter.",
)
_MAX_PIXELS = input_option(
    "--max-pixels",
    type=IntegerType(min=1),
    metavar="N",
    rare=True,
    default=MAX_PIXELS,
    help="Refuse images with more pixels before decoding them.",
)
_STRICT = input_option(
    "--strict", is_flag=True, rare=True, help="Refuse damaged images that can still be decoded."
)
X = input_option(
    "--x",
    type=ParsedType("START:STOP[:COUNT]", parse_range),
    rare=True,
    show_default="-10:10:1001",
    help="Where the samples of signals lie; see convcli manual signals.",
)
read_options = option_group(
    "reading", _as_read_options, COLOR_CHANNELS, _RESIZE, X, _FRAMES, _MAX_PIXELS, _STRICT
)
read_one_options = option_group(
    "reading", _as_read_options, COLOR_CHANNELS, _RESIZE, X, _MAX_PIXELS, _STRICT
)
read_as_stored_options = option_group(
    "reading", _as_read_options, COLOR_CHANNELS, X, _MAX_PIXELS, _STRICT
)

MAX_MEMORY = speed_option(
    "--max-memory",
    type=MEMORY,
    default=f"{DEFAULT_MEMORY:.0%}",
    rare=True,
    help="Memory to use, e.g. 2G, or a share of what is free. Larger images fail.",
)

DENSITY = kernel_option(
    "--density",
    is_flag=True,
    rare=True,
    help="Multiply the sums by the step of --x, as an integral does.",
)

CHANNEL_ORDER = kernel_option(
    "--channel-order",
    type=WordType(CHANNEL_ORDERS),
    default="rgb",
    rare=True,
    help="Channels of the kernel (Caffe: bgr).",
)

MARK = report_option(
    "--mark",
    type=WordType(["max"]),
    rare=True,
    help="Name the place of the greatest value; figures ring it.",
)

DIGITS = report_option(
    "--digits",
    type=IntegerType(0, 17),
    metavar="N",
    rare=True,
    show_default="the reliable ones",
    help="Decimals of printed numbers.",
)

MATRIX = input_option(
    "--matrix",
    metavar="TEXT",
    is_eager=True,  # apply knows then, before it starts workers, that there is one input
    rare=True,
    help='A matrix in place of INPUT, e.g. "1 2 3; 4 5 6".',
)

OVERWRITE = output_option("--overwrite", is_flag=True, help="Replace existing files.")
_ENCODING = (
    output_option(
        "--format",
        metavar="NAME",
        shell_complete=_complete_format,
        show_default="by -o's suffix, else the input's",
        help="Format of the results, e.g. png, tiff or npy.",
    ),
    output_option(
        "--quality",
        type=IntegerType(1, 100),
        metavar="1-100",
        rare=True,
        show_default="95",
        help="Quality of JPEG, WebP and AVIF.",
    ),
    output_option(
        "--compress-level",
        type=IntegerType(0, 9),
        metavar="0-9",
        rare=True,
        show_default="1, for speed",
        help="Compression of PNG: 0 is none, 9 the smallest file.",
    ),
    output_option(
        "--subsampling",
        type=WordType(SUBSAMPLINGS),
        rare=True,
        show_default="the input's",
        help="Color resolution of JPEG.",
    ),
    output_option(
        "--compression",
        type=WordType(COMPRESSIONS),
        rare=True,
        show_default="the input's",
        help="Compression of TIFF.",
    ),
    output_option(
        "--lossless",
        is_flag=True,
        default=None,
        rare=True,
        show_default="as the input",
        help="Write WebP without loss.",
    ),
    OVERWRITE,
)
write_options = option_group(
    "writing",
    _as_write_options,
    *_ENCODING,
    output_option("--skip-existing", is_flag=True, help="Keep existing files and filter the rest."),
    DIGITS,
)
write_one_options = option_group("writing", WriteOptions, *_ENCODING, DIGITS)

SCALE = figure_option(
    "--scale",
    type=WordType(SCALES),
    rare=True,
    show_default="common",
    help="Color scale: one for all tiles (common) or one per tile (own).",
)

_THEME = figure_option(
    "--theme",
    type=WordType(THEMES),
    metavar="NAME",
    default="screen",
    help="Look: screen, slide (16:9, large text), paper (gray print) or dark.",
)
_TITLE = figure_option("--title", metavar="TEXT", help='Heading; "" for none.')
_CMAP = figure_option(
    "--cmap", metavar="NAME", rare=True, help="Colormap of matplotlib, e.g. gray."
)
_WIDTH = figure_option(
    "--width",
    type=NumberType(2, 60),
    metavar="INCHES",
    rare=True,
    show_default="by the theme",
    help="Width of the page; text keeps its size.",
)


def figure_options_at(dpi: float, shown: str | None = None) -> Decorator:
    """Return the decorator of a figure's options, for a command with its own default of --dpi.

    Args:
        dpi: the default.
        shown: what the help page says of it, if more than the number.
    """
    return option_group("figure", FigureOptions, *_figure(dpi, shown))


def _figure(dpi: float = 150.0, shown: str | None = None) -> tuple[OptionDecl, ...]:
    resolution = figure_option(
        "--dpi",
        type=NumberType(20, 1200),
        metavar="N",
        rare=True,
        default=dpi,
        show_default=shown or f"{dpi:g}",
        help="Pixels per inch.",
    )
    return _THEME, _TITLE, _CMAP, resolution, _WIDTH


_LAYOUT = (
    figure_option(
        "--titles",
        type=TITLE_LIST,
        rare=True,
        help='Titles of the panels, e.g. "Original,Transformed".',
    ),
    figure_option(
        "--layout",
        type=WordType(LAYOUTS),
        rare=True,
        show_default="by the figure",
        help="How the panels stand.",
    ),
    figure_option(
        "--no-axes", "axes", is_flag=True, flag_value=False, default=True, show_default=False,
        rare=True, help="Leave out the numbers of rows and columns.",
    ),
    figure_option(
        "--no-bars", "bars", is_flag=True, flag_value=False, default=True, show_default=False,
        rare=True, help="Leave out the color bars.",
    ),
    figure_option(
        "--limits", type=LIMITS, rare=True, help="Values at the ends of all color scales."
    ),
)  # fmt: skip
figure_options = figure_options_at(150.0)


OVERLAY = figure_option(
    "--overlay",
    is_flag=True,
    rare=True,
    help="Draw a signal, its kernel and its result on one axis.",
)


SHOW = figure_option("--show", is_flag=True, rare=True, help="Show the figure in a window.")


def panel_options(
    *usual: str, others: tuple[str, ...] = (), more: tuple[OptionDecl, ...] = ()
) -> Decorator:
    """Return the decorator of the options of a figure with panels.

    Args:
        usual: the panels that are drawn unless the user chooses.
        others: the panels that can be chosen too.
        more: other options of the figure.
    """
    known = (*usual, *others)
    panels = figure_option(
        "--panels",
        type=ParsedType("LIST", partial(parse_panels, known), known),
        show_default=",".join(usual),
        help=f"What is drawn, of {', '.join(known)}.",
    )
    return option_group("figure", FigureOptions, *_figure(), panels, *_LAYOUT, *more)


def check_titles(figure: FigureOptions, *counts: int, one: str = "each panel") -> None:
    """Check --titles before anything is read; see `FigureOptions.check_titles`."""
    try:
        figure.check_titles(*counts, one=one)
    except UsageError as error:
        raise click.UsageError(f"--{error}") from None


def check_sheet_panels(panels: Sequence[Panel] | None) -> None:
    """Raise UsageError where --panels names what a contact sheet does not show."""
    if panels is None:
        return
    elsewhere = {
        "padded": "convcli apply --plot draws it",
        "products": "convcli explain --at draws those of one window",
    }
    for panel in panels:
        if panel in elsewhere:
            raise click.UsageError(
                f"--panels: the panels of a contact sheet are input, kernel and result, and not "
                f"{panel}; {elsewhere[panel]}"
            )
    if "result" not in panels:
        raise click.UsageError("--panels: a contact sheet shows results; add result")


def check_figure_options(
    figure: FigureOptions, *, is_drawn: bool, advice: str, show: bool = False
) -> None:
    """Check, before anything is read, the options of a figure.

    Args:
        figure: their values.
        is_drawn: whether there is a figure.
        advice: the option that writes one.
        show: whether a window is to show it.

    Raises:
        UsageError: an option is on the command line and no figure is drawn, no colormap has the
            name of --cmap, or there is no display.
    """
    if show:
        from convcli.plotting.save import check_display

        check_display(advice)
    if is_drawn:
        if figure.cmap is not None:
            from convcli.plotting.style import check_cmap

            check_cmap(figure.cmap)
        return
    context = click.get_current_context()
    for param in context.command.params:
        is_given = context.get_parameter_source(str(param.name)) is ParameterSource.COMMANDLINE
        if is_given and param.name in FigureOptions._fields and param.name != "digits":
            raise click.UsageError(f"{param.opts[0]} is for figures; draw one with {advice}")
