"""Options that commands share, each defined once.

A group of options reaches its command as one object: ``@layout_options`` adds six options and
hands their values on as ``layout=ConvOptions(...)``.
"""

from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

import click

from convcli.cli.types import PaddingValue, PairValue, SizeValue

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

RANGES = ("clip", "abs", "offset", "rescale", "raw")  # those of convcli.images.value_range

Command = Callable[..., Any]
Decorator = Callable[[Command], Command]
OptionDecl = tuple[tuple[str, ...], dict[str, Any]]


def option(*names: str, **attributes: Any) -> OptionDecl:
    """Declare an option for :func:`option_group`; arguments as those of ``click.option``."""
    return names, attributes


def option_group(name: str, build: Callable[..., Any], *options: OptionDecl) -> Decorator:
    """Return a decorator that adds options and passes ``name=build(**their_values)``."""

    def decorate(callback: Command) -> Command:
        keys: list[str] = []

        @wraps(callback)
        def collected(**values: Any) -> Any:
            own = {key: values.pop(key) for key in keys}
            return callback(**values, **{name: build(**own)})

        decorated: Any = collected
        for names, attributes in reversed(options):
            decorated = click.option(*names, **attributes)(decorated)
            keys.append(decorated.__click_params__[-1].name)
        return cast(Command, decorated)

    return decorate


def lazily(module: str, name: str) -> Callable[..., Any]:
    """Return a constructor that imports its class when it is called: not for ``--help``."""

    def construct(**values: Any) -> Any:
        return getattr(import_module(module), name)(**values)

    return construct


class KernelSpecValue(click.ParamType[str]):
    """A kernel SPEC, completed by the catalogue's names."""

    name = "spec"

    def split_envvar_value(self, rv: str) -> list[str]:
        """Read one SPEC a line from an environment variable: a matrix has blanks in it."""
        return [line for line in rv.splitlines() if line.strip()]

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list["CompletionItem"]:
        """Offer kernel names, then files."""
        from click.shell_completion import CompletionItem

        from convcli.kernels.catalogue import complete_kernel

        names = [CompletionItem(name) for name in complete_kernel(incomplete)]
        return names or [CompletionItem(incomplete, type="file")]


class BorderValue(click.Choice[str]):
    """A border mode, or one of its synonyms, which the help leaves out."""

    names = ("edge", "zero", "reflect", "symmetric", "wrap", "constant")
    synonyms = ("replicate", "nearest", "zeros", "mirror", "circular")

    def __init__(self) -> None:
        super().__init__([*self.names, *self.synonyms])

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """Show the modes alone."""
        return "|".join(self.names)


def as_layout(**values: Any) -> Any:
    """Return the layout that the layout options ask for."""
    from convcli.core.options import ConvOptions

    return ConvOptions(**filled(values))


def filled(values: dict[str, Any]) -> dict[str, Any]:
    """Return options with a fill; where none is given it is 0.

    Raises:
        UsageError: one is given, and there is no constant border.
    """
    if values["border"] != "constant" and values["fill"] is not None:
        raise click.UsageError("--fill is the value of --border constant; name both")
    return values | {"fill": values["fill"] or 0}


OPERATION = option(
    "--operation",
    type=click.Choice(["correlate", "convolve"]),
    default="correlate",
    show_default=True,
    help="correlate slides the kernel as it stands, as CNNs do; convolve flips it in both "
    "axes first.",
)
FILL = option(
    "--fill", type=float, metavar="V", help="The value of --border constant.  [default: 0]"
)
STRIDE = option(
    "--stride",
    type=PairValue(),
    default="1",
    show_default=True,
    help="Step between windows: N, or rows,columns.",
)
DILATION = option(
    "--dilation",
    type=PairValue(),
    default="1",
    show_default=True,
    help="Distance between the kernel's taps: N, or rows,columns.",
)

_LAYOUT = (
    OPERATION,
    option(
        "--padding",
        type=PaddingValue(),
        default="same",
        show_default=True,
        help="Pixels added around the image: same keeps its size, valid adds none, full adds "
        "all that a window can touch; or N, rows,columns, or top,bottom,left,right. An even "
        "kernel's extra pixel is at the bottom and the right.",
    ),
    option(
        "--border",
        type=BorderValue(),
        default="edge",
        show_default=True,
        help="What the padding holds; see the images below.",
    ),
    FILL,
    STRIDE,
    DILATION,
)
layout_options = option_group("layout", as_layout, *_LAYOUT)
layout_values = option_group("layout", dict, *_LAYOUT)  # for what varies one of them


_CHANNELS = option(
    "--channels",
    type=click.Choice(["auto", "gray", "rgb", "r", "g", "b"]),
    default="auto",
    show_default=True,
    help="auto keeps gray gray and color RGB; gray is luma; r, g, b pick one channel.",
)
_RESIZE = option(
    "--resize",
    type=SizeValue("WxH"),
    metavar="WxH",
    help="Resize to width x height before filtering.",
)
_FRAMES = option(
    "--frames",
    type=click.Choice(["first", "all"]),
    default="first",
    show_default=True,
    help="Of an animation or a multi-page file.",
)
_MAX_PIXELS = option(
    "--max-pixels",
    type=click.IntRange(min=1),
    default=89_478_485,
    show_default=True,
    help="Refuse images with more pixels before decoding them.",
)
_reading = lazily("convcli.images.options", "ReadOptions")

reading_options = option_group("reading", _reading, _CHANNELS, _RESIZE, _FRAMES, _MAX_PIXELS)
as_stored_options = option_group("reading", _reading, _CHANNELS, _MAX_PIXELS)
one_image_options = option_group("reading", _reading, _CHANNELS, _RESIZE, _MAX_PIXELS)


def _writing(**values: Any) -> Any:
    from convcli.images.options import WriteOptions

    if values["overwrite"] and values["skip_existing"]:
        raise click.UsageError("--overwrite and --skip-existing contradict each other")
    return WriteOptions(**values)


OVERWRITE = option("--overwrite", is_flag=True, help="Replace files that exist.")
overwrite_option = click.option(*OVERWRITE[0], **OVERWRITE[1])
_ENCODING = (
    option(
        "--format",
        metavar="NAME",
        help="Format of the results: png, jpeg, tiff, webp, npy, csv, txt, ...  "
        "[default: the output's suffix, else the input's own format, else PNG]",
    ),
    option(
        "--quality",
        type=click.IntRange(1, 100),
        help="Of JPEG, WebP and AVIF.  [default: 95]",
    ),
    option(
        "--compress-level",
        type=click.IntRange(0, 9),
        help="Of PNG: 0 none to 9 smallest.  [default: 1, for speed]",
    ),
    OVERWRITE,
)

writing_options = option_group(
    "writing",
    _writing,
    *_ENCODING,
    option("--skip-existing", is_flag=True, help="Leave files that exist, and go on."),
)
one_writing_options = option_group(
    "writing", lazily("convcli.images.options", "WriteOptions"), *_ENCODING
)
