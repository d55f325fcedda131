"""The grammar of layers: a table of their names, arguments, options, help lines and examples.

``convcli chain`` builds its commands from :data:`LAYERS`; :func:`parse_layers` reads layers from
text. Both build a layer with :attr:`LayerSyntax.build`, which is the first step that loads numpy.
"""

from __future__ import annotations

import math
import shlex
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from importlib import import_module
from itertools import count
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from convcli.choices import (
    ANCHORS,
    BORDER_SYNONYMS,
    BORDERS,
    CHANNEL_ORDERS,
    COMBINATIONS,
    METHOD_SYNONYMS,
    METHODS,
    OPERATIONS,
    PADDINGS,
    POOLINGS,
    UPSAMPLINGS,
    ChannelOrder,
)
from convcli.errors import UsageError, prefix_errors, short_repr, shown
from convcli.geometry import ConvOptions, fill_value, parse_anchor, parse_padding, parse_pair
from convcli.kernels.models.spec import ModelSpec, parse_model

if TYPE_CHECKING:
    from convcli.layers.base import Layer
    from convcli.signals import SampleRange


class ValueSyntax(NamedTuple):
    """How one value is written.

    Attributes:
        metavar: the form that the help shows, such as ``N|V,H``.
        parse: converts the text; raises a ValueError whose message is for the user.
        words: the words that can be completed, if the value is one of them.
    """

    metavar: str
    parse: Callable[[str], Any]
    words: tuple[str, ...] = ()


class ArgumentSyntax(NamedTuple):
    """A required value after a layer's name; ``name`` is a parameter of the layer's ``build``."""

    name: str
    value: ValueSyntax


class OptionSyntax(NamedTuple):
    """An option of a layer.

    Attributes:
        flag: what is typed, such as ``--stride``.
        help: one or two lines.
        value: how its value is written; None for a switch.
        default: the text of the default value, or a switch's bool.
        group: its group on the help page.
        shown_default: what the help shows as the default where ``default`` is None.
        short: a short flag.
        off: the flag that turns a switch off.
        required: whether the option must be given.
        multiple: whether the option can be repeated.
        bare: whether its value, a number, may stand without the flag: an optional argument.
    """

    flag: str
    help: str
    value: ValueSyntax | None = None
    default: Any = None
    group: str = "Layer"
    shown_default: str = ""
    short: str = ""
    off: str = ""
    required: bool = False
    multiple: bool = False
    bare: bool = False

    @property
    def name(self) -> str:
        """The parameter of the layer's ``build`` that gets the value."""
        return self.flag[2:].replace("-", "_")

    @property
    def given_twice(self) -> str:
        """What is wrong with a second value of an option that is ``bare``."""
        metavar = self.value.metavar if self.value else ""
        return f"{metavar} is given twice; give it once, with {self.flag} or without"


class LayerSyntax(NamedTuple):
    """A kind of layer.

    Attributes:
        name: the word that begins the layer.
        summary: one line of help.
        build: makes the layer, or those of a network, from parsed values, given by keyword: one
            for each argument and each option.
        examples: layers as text, which :func:`parse_layers` reads.
        arguments: in order.
        options: in the order of the help page.
        details: the rest of the help.
    """

    name: str
    summary: str
    build: Callable[..., Layer | list[BuiltLayer]]
    examples: tuple[str, ...]
    arguments: tuple[ArgumentSyntax, ...] = ()
    options: tuple[OptionSyntax, ...] = ()
    details: str = ""

    @property
    def bare_option(self) -> OptionSyntax | None:
        """The option whose number may stand without the flag, if the layer has one."""
        return next((option for option in self.options if option.bare), None)

    @property
    def metavars(self) -> list[str]:
        """The arguments as the help shows them, such as ``SIZE``, or ``[SLOPE]`` if optional."""
        optional = [
            f"[{option.value.metavar}]" for option in self.options if option.bare and option.value
        ]
        return [*(argument.value.metavar for argument in self.arguments), *optional]

    def with_flag(self, word: str) -> str:
        """Put the flag before a number that stands without it; return other words as they are."""
        option = self.bare_option
        return f"{option.flag}={word}" if option and _is_number(word) else word


def find_layer(name: str) -> LayerSyntax:
    """Return the kind of layer with this name, or that of networks for a model's file.

    Raises:
        UsageError: there is none; the message suggests a similar name, or lists all.
    """
    if name in LAYERS:
        return LAYERS[name]
    if parse_model(name):
        return NETWORK
    if name[:1].isdecimal():
        raise UsageError(
            f"{name} is no layer: a number follows an option, or a layer that takes one, such as "
            "maxpool 2 --stride 1"
        )
    close = get_close_matches(name, LAYERS, n=1)
    hint = f"did you mean {close[0]}?" if close else f"the layers are {', '.join(LAYERS)}"
    raise UsageError(f"No such layer {name!r}: {hint}")


def parse_layers(text: str | Iterable[str]) -> list[Layer]:
    """Read layers from text.

    Args:
        text: layers as after ``convcli chain INPUT``, as one string or as words. A string is
            split like a shell's; ``|`` may separate its layers.

    Raises:
        UsageError: the text is not a sequence of layers; the message names the layer by its
            number.

    >>> [layer.label for layer in parse_layers("conv -k sobel-x | relu | maxpool 2 --stride 1")]
    ['conv sobel-x', 'relu', 'maxpool 2x2 stride 1']
    """
    return build_layers(split_chain(text))


class BuiltLayer(NamedTuple):
    """A layer, and its text in figures.

    Attributes:
        text: as it was typed; the label of a layer that a network's file holds.
        layers: the layer; before the first of a network its input, if this changes no values.
    """

    text: str
    layers: tuple[Layer, ...]


def as_built(text: str, built: Layer | list[BuiltLayer]) -> list[BuiltLayer]:
    """Return what :attr:`LayerSyntax.build` makes of a text: one layer, or those of a network."""
    return built if isinstance(built, list) else [BuiltLayer(text, (built,))]


def layer_name(syntax: LayerSyntax, values: dict[str, Any]) -> str:
    """Return the name of a layer in messages, that of the file for a network."""
    return shown(values["model"].path) if syntax is NETWORK else syntax.name


class LayerText(NamedTuple):
    """A layer that is read and not yet built.

    Attributes:
        number: counted from 1, for messages.
        text: what was read.
        syntax: the kind of layer.
        values: of its arguments and options, by the names of ``build``'s parameters.
    """

    number: int
    text: str
    syntax: LayerSyntax
    values: dict[str, Any]

    @property
    def name(self) -> str:
        """The name in messages."""
        return layer_name(self.syntax, self.values)

    @property
    def kernels(self) -> tuple[str, ...]:
        """The SPECs of its kernels."""
        return tuple(self.values.get("kernel", ()))


def split_chain(text: str | Iterable[str], first: int = 1) -> list[LayerText]:
    """Read layers as :func:`parse_layers`, without building them; ``first`` is the first's number.

    >>> [layer.text for layer in split_chain("conv -k '1 2 1' relu")]
    ["conv -k '1 2 1'", 'relu']
    """
    words = deque(_split(text) if isinstance(text, str) else text)
    layers: list[LayerText] = []
    while words:
        if words[0] == "|":
            words.popleft()
            continue
        before = list(words)
        layer = _take_layer(words, len(layers) + first)
        layers.append(layer._replace(text=shlex.join(before[: len(before) - len(words)])))
    return layers


def parse_layer_texts(
    texts: Iterable[str], numbers: Iterable[int] | None = None
) -> list[LayerText]:
    """Read layers from texts, exactly one from each.

    Args:
        texts: the layers.
        numbers: of the layers; None to count them from 1.

    Raises:
        UsageError: a text is not one layer; the message names the layer by its number.

    >>> [layer.syntax.name for layer in parse_layer_texts(["conv -k sobel-x", "maxpool 2"])]
    ['conv', 'maxpool']
    """
    layers: list[LayerText] = []
    for number, text in zip(numbers or count(1), texts, strict=False):
        words = deque(_split(text))
        if not words:
            raise UsageError(f"layer {number} is empty: the layers are {', '.join(LAYERS)}")
        layers.append(_take_layer(words, number)._replace(text=text))
        if words:
            raise UsageError(
                f"layer {number}: {text!r} is more than the layer {layers[-1].syntax.name}: "
                f"{words[0]!r} follows; give each layer its own text"
            )
    return layers


def parse_given_layers(layers: str | Iterable[str], first: int = 1) -> list[LayerText]:
    """Read layers as Python callers give them: a text of each, or one text with all of them.

    Args:
        layers: the texts.
        first: the number of the first layer.

    Raises:
        UsageError: a text is not one layer, or something is not a text.
    """
    if isinstance(layers, str):
        return split_chain(layers, first)
    given: Any = layers
    texts = list(given) if isinstance(given, Iterable) else [given]
    for text in texts:
        if not isinstance(text, str):
            raise UsageError(
                "layers must be the text of each layer, such as 'conv -k outline', "
                f"not {short_repr(text)}"
            )
    return parse_layer_texts(texts, count(first))


def build_chain(
    layers: Sequence[LayerText],
    stdin: BinaryIO | None = None,
    *,
    stdin_taken: bool = False,
    x: SampleRange | None = None,
) -> list[BuiltLayer]:
    """Build layers, which reads their kernels; of a network, all of its layers, with their texts.

    Args:
        layers: the layers.
        stdin: the stream that the SPEC ``-`` of one kernel may read.
        stdin_taken: whether the image is read from it.
        x: where kernels that are signals are sampled.

    Raises:
        UsageError: a layer cannot be built; the message names it by its number.
    """
    built: list[BuiltLayer] = []
    for layer in layers:
        more: dict[str, Any] = {} if x is None or not layer.kernels else {"x": x}
        with prefix_errors(f"layer {layer.number} ({layer.name})"):
            if stdin is not None and any(spec.strip() == "-" for spec in layer.kernels):
                if stdin_taken:
                    raise UsageError(
                        "standard input ('-') can be used once only: as a kernel or as the image"
                    )
                stdin_taken = True
                more["stdin"] = stdin
            built += as_built(layer.text, layer.syntax.build(**layer.values, **more))
    return built


def build_layers(
    layers: Sequence[LayerText],
    stdin: BinaryIO | None = None,
    *,
    x: SampleRange | None = None,
) -> list[Layer]:
    """Build layers as :func:`build_chain`, without their texts."""
    return [layer for built in build_chain(layers, stdin, x=x) for layer in built.layers]


def _take_layer(words: deque[str], number: int) -> LayerText:
    """Take the words of a layer from the left of ``words``."""
    name = words.popleft()
    syntax = find_layer(name)
    if syntax is NETWORK:
        words.appendleft(name)  # its argument
    with prefix_errors(f"layer {number} ({shown(name)})"):
        return LayerText(number, "", syntax, _take_values(syntax, words))


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{text!r}: {error}") from error


def _take_values(syntax: LayerSyntax, words: deque[str]) -> dict[str, Any]:
    """Take one layer's words from the left of ``words``; return the value of each parameter."""
    options = {
        flag: option
        for option in syntax.options
        for flag in (option.flag, option.short, option.off)
        if flag
    }
    arguments = deque(syntax.arguments)
    values: dict[str, Any] = {}
    while words:
        word = words[0] = syntax.with_flag(words[0])
        if len(word) > 1 and word.startswith("-"):
            words.popleft()
            _take_option(options, word, words, values)
        elif arguments and word != "|":
            argument = arguments.popleft()
            values[argument.name] = _parse(argument.value, words.popleft(), argument.value.metavar)
        else:
            break
    if arguments:
        raise UsageError(f"Missing argument {arguments[0].value.metavar!r}")
    for option in syntax.options:
        if option.required and option.name not in values:
            raise UsageError(f"Missing option {option.flag!r}")
        if option.name not in values:
            default = option.default
            parsed = option.value.parse(default) if option.value and default else default
            values[option.name] = parsed
    return values


def _take_option(
    options: dict[str, OptionSyntax], word: str, words: deque[str], values: dict[str, Any]
) -> None:
    """Add the value of the option that ``word`` begins."""
    flag, equals, text = word.partition("=") if word.startswith("--") else (word[:2], "", word[2:])
    option = options.get(flag)
    if option is None:
        raise UsageError(f"No such option {flag!r}")
    if option.value is None:
        if equals or text:
            raise UsageError(f"Option {flag!r} takes no value")
        values[option.name] = flag != option.off
        return
    if option.bare and option.name in values:
        raise UsageError(option.given_twice)
    if not (equals or text):
        if not words:
            raise UsageError(f"Option {flag!r} requires an argument")
        text = words.popleft()
    value = _parse(option.value, text, flag)
    values[option.name] = (*values.get(option.name, ()), value) if option.multiple else value


def _parse(syntax: ValueSyntax, text: str, name: str) -> Any:
    try:
        return syntax.parse(text)
    except ValueError as error:
        raise UsageError(f"Invalid value for {name!r}: {error}") from error


def _words(words: Sequence[str], synonyms: Iterable[str] = ()) -> ValueSyntax:
    """Return the syntax of one of several words; synonyms are not shown."""
    known = (*words, *synonyms)

    def parse(text: str) -> str:
        if text not in known:
            raise UsageError(f"{text!r} is not one of {', '.join(map(repr, known))}")
        return text

    return ValueSyntax("|".join(words), parse, known)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _parse_finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise UsageError(f"{text!r} is not a finite number")
    return number


def _parse_positive(text: str) -> float:
    number = _parse_finite(text)
    if number <= 0:
        raise UsageError(f"{text!r} is not greater than 0")
    return number


def _parse_count(text: str) -> int:
    if not text.strip().isdecimal() or int(text) < 1:
        raise UsageError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _parse_pads(text: str) -> tuple[int, ...]:
    """Read padding in numbers."""
    padding = parse_padding(text)
    if isinstance(padding, str):
        raise UsageError(f"{text!r} is a rule; give numbers: N, V,H or T,B,L,R")
    return padding


def _parse_ratio(text: str) -> float:
    """Read a finite number or a quotient, such as ``1/255``."""
    over, slash, under = text.partition("/")
    divisor = _parse_finite(under) if slash else 1.0
    if not divisor:
        raise UsageError(f"{text!r} divides by 0")
    return _parse_finite(over) / divisor


def _parse_numbers(text: str) -> tuple[float, ...]:
    """Read numbers with commas between."""
    return tuple(map(_parse_finite, text.split(",")))


def _parse_network(text: str) -> ModelSpec:
    model = parse_model(text)
    if model is None:
        raise UsageError(f"{text!r} is not the name of an .onnx file")
    return model


def _parse_bias(text: str) -> float | str:
    """Return a number, or the name of a file of numbers."""
    if not text.strip():
        raise UsageError("it is empty: give a number, or a file of numbers")
    return _parse_finite(text) if _is_number(text) else text


def _lazy(module: str, class_name: str, **fixed: Any) -> Callable[..., Layer]:
    """Return a ``build`` that imports a class of :mod:`convcli.layers` when it is called."""
    return lambda **values: getattr(import_module(f"convcli.layers.{module}"), class_name)(
        **fixed, **values
    )


def _activation(name: str, summary: str) -> LayerSyntax:
    build = _lazy("activations", "Activation", name=name)
    return LayerSyntax(
        name, summary, build, (f"conv -k sobel-x {name}", f"conv -k outline {name} maxpool 2")
    )


def _build_conv(
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
    from convcli.filtering import Filter, check_method
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


def _build_conv_transpose(
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
    """Build a convtranspose layer; ``stdin`` and ``x`` as for :func:`_build_conv`."""
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


def _build_batchnorm(*, eps: float, **numbers: float | str | None) -> Layer:
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


SPEC = ValueSyntax("SPEC", str)
_PAIR = ValueSyntax("N|V,H", parse_pair)
_SIDES = ValueSyntax("|".join((*PADDINGS, "N", "V,H", "T,B,L,R")), parse_padding, PADDINGS)
_SIZE = ArgumentSyntax("window", ValueSyntax("SIZE", parse_pair))
_SIZE_DETAILS = "SIZE is N, rows,columns, or WIDTHxHEIGHT."
_KIND = ArgumentSyntax("kind", _words(POOLINGS)._replace(metavar="KIND"))
_KIND_DETAILS = "KIND is max, min, or avg for the mean."

_CONV_OPTIONS = (
    OptionSyntax(
        "--kernel",
        'Name, matrix ("0 1 0; 1 -4 1; 0 1 0"), file (a bank: 4-D .npy), or -. Repeatable.',
        SPEC, group="Kernel", short="-k", required=True, multiple=True,
    ),
    OptionSyntax(
        "--combine", "Combine the kernels' maps into one.",
        _words([word for word in COMBINATIONS if word != "direction"]), group="Kernel"
    ),
    OptionSyntax("--normalize", "Divide by the sum of the weights.", default=False, group="Kernel"),
    OptionSyntax(
        "--divisor", "Divide by D instead of the kernel's own divisor.",
        ValueSyntax("D", _parse_finite), group="Kernel",
    ),
    OptionSyntax(
        "--channel-order", "Channels of the kernel (Caffe: bgr).",
        _words(CHANNEL_ORDERS), "rgb", "Kernel",
    ),
    OptionSyntax(
        "--bias", "Add B to every map, or one number to each map from a file or MODEL:NAME.",
        ValueSyntax("B|FILE", _parse_bias), group="Kernel", shown_default="the kernel's own",
    ),
    OptionSyntax(
        "--groups", "Runs of maps with kernels of their own (N, C/G, kh, kw), as in torch.",
        ValueSyntax("G", _parse_count), "1", "Convolution",
    ),
    OptionSyntax(
        "--operation", "convolve flips the kernel.",
        _words(OPERATIONS), "correlate", "Convolution",
    ),
    OptionSyntax(
        "--padding", "Pixels added around each map.",
        _SIDES, "same", "Convolution",
    ),
    OptionSyntax(
        "--border", "What the padding holds.", _words(BORDERS, BORDER_SYNONYMS), "edge",
        "Convolution",
    ),
    OptionSyntax(
        "--fill", "Value of --border constant.", ValueSyntax("V", float), group="Convolution",
        shown_default="0",
    ),
    OptionSyntax(
        "--stride", "Step between windows: N, or rows,columns.", _PAIR, "1", "Convolution"
    ),
    OptionSyntax(
        "--dilation", "Distance between the kernel's taps: N, or rows,columns.", _PAIR, "1",
        "Convolution",
    ),
    OptionSyntax(
        "--anchor", "Which place of a window, even in size, its value stands for.",
        ValueSyntax("before|after|ROW,COL", parse_anchor, ANCHORS), "before", "Convolution",
    ),
    OptionSyntax(
        "--method", "How sums are computed.",
        _words(METHODS, METHOD_SYNONYMS), "auto", "Speed",
    ),
    OptionSyntax(
        "--threads", "Threads for one image; the result does not depend on it.",
        ValueSyntax("N", _parse_count), group="Speed", shown_default="one per processor",
    ),
)  # fmt: skip
_PAIR_FROM_0 = ValueSyntax("N|V,H", lambda text: parse_pair(text, least=0))
_CONV_TRANSPOSE_OPTIONS = (
    OptionSyntax(
        "--kernel",
        "Name, matrix, file (a bank: 4-D .npy of (C, N/G, kh, kw)), or -.",
        SPEC, group="Kernel", short="-k", required=True, multiple=True,
    ),
    *(option for option in _CONV_OPTIONS if option.flag in ("--normalize", "--divisor", "--bias")),
    OptionSyntax(
        "--groups", "Runs of maps with kernels of their own (C, N/G, kh, kw), as in torch.",
        ValueSyntax("G", _parse_count), "1", "Convolution",
    ),
    OptionSyntax(
        "--stride", "Distance between what neighbors add: N, or rows,columns.", _PAIR, "1",
        "Convolution",
    ),
    OptionSyntax(
        "--padding", "Pixels cut off around each map of the output.",
        ValueSyntax("N|V,H|T,B,L,R", _parse_pads), "0", "Convolution",
    ),
    OptionSyntax(
        "--output-padding", "Rows and columns added at the bottom and at the right.",
        _PAIR_FROM_0, "0", "Convolution",
    ),
    *(option for option in _CONV_OPTIONS if option.flag in ("--dilation", "--threads")),
)  # fmt: skip
_STRIDE = OptionSyntax("--stride", "Step between windows.", _PAIR, shown_default="SIZE")
_PADDING = OptionSyntax(
    "--padding",
    "Pixels added around each map: ignored by a maximum or minimum, 0 in a mean.",
    _SIDES,
    "0",
)
_DILATION = OptionSyntax(
    "--dilation", "Distance between the pixels of a window: N, or rows,columns.", _PAIR, "1"
)
_COUNT_PADDING = OptionSyntax(
    "--count-padding",
    "Whether a mean divides by the whole window or only by its image pixels.",
    default=True,
    off="--no-count-padding",
)
_CEIL = OptionSyntax(
    "--ceil", "Keep the last window even if part of it lies outside the map.", default=False
)
_SLOPE = OptionSyntax(
    "--slope",
    "Factor of negative values; the flag can be left out.",
    ValueSyntax("SLOPE", _parse_finite),
    "0.01",
    bare=True,
)
_EPS = OptionSyntax(
    "--eps",
    "Added to the variance; it avoids division by 0 on a constant map.",
    ValueSyntax("E", _parse_positive),
    "1e-5",
)

_NUMBERS = ValueSyntax("X|FILE", _parse_bias)
_BATCHNORM_OPTIONS = (
    OptionSyntax("--mean", "Mean: a number, or a file with one for each map.", _NUMBERS,
                 required=True),
    OptionSyntax("--var", "Variance, likewise.", _NUMBERS, required=True),
    OptionSyntax("--weight", "What the result is multiplied by.", _NUMBERS, shown_default="1"),
    OptionSyntax("--bias", "What is added after it.", _NUMBERS, shown_default="0"),
    _EPS._replace(help="Added to the variance."),
)  # fmt: skip

_TABLE = (
    LayerSyntax(
        "conv",
        "Filter with kernels: one for every map, or a bank.",
        _build_conv,
        (
            "conv -k sobel-x relu",
            "conv -k bank.npy --bias b.npy --border zero",
            "conv -k sobel-x -k sobel-y --combine max",
            "conv -k depthwise.npy --groups 3",
        ),
        options=_CONV_OPTIONS,
        details="A 2-D kernel filters every map on its own. A 3-D kernel (C, kh, kw) sums over C "
        "maps to one map. A bank (N, C, kh, kw), the layout of torch and ONNX, makes N maps. "
        "With --groups G, maps and kernels are divided into G runs; kernels read their run alone. "
        "Depthwise means as many groups as maps, separable a depthwise layer and then one of 1x1. "
        "Values are not rounded or clipped. By default the border repeats the edge and the size "
        "stays, as with apply; for a torch layer with padding=1, write --padding 1 --border zero.",
    ),
    LayerSyntax(
        "convtranspose",
        "Enlarge maps: each value adds a kernel to the result.",
        _build_conv_transpose,
        (
            "convtranspose -k '1 1; 1 1' --stride 2",
            "convtranspose -k up.npy --stride 2",
        ),
        options=_CONV_TRANSPOSE_OPTIONS,
        details="The transpose of a convolution. A value at row i adds its product with the kernel "
        "from row i*stride - padding on; what overlaps is added up. A 2-D kernel enlarges every "
        "map on its own. A bank is (C, N/groups, kh, kw), the layout of torch and ONNX: of every "
        "input map, one kernel for each output map. The size is (n - 1)*stride - padding before "
        "and after + dilation*(k - 1) + output padding + 1.",
    ),
    _activation("relu", "Replace negative values by 0."),
    LayerSyntax(
        "leaky-relu",
        "Multiply negative values by a small slope.",
        _lazy("activations", "LeakyRelu"),
        ("conv -k outline leaky-relu", "conv -k outline leaky-relu 0.2"),
        options=(_SLOPE,),
    ),
    _activation("sigmoid", "Squash values to between 0 and 1: 1 / (1 + exp(-x))."),
    _activation("tanh", "Squash values to between -1 and 1."),
    _activation("abs", "Take absolute values."),
    LayerSyntax(
        "softmax",
        "Turn the maps into shares that add up to 1.",
        _lazy("activations", "Softmax"),
        ("globalpool avg softmax", "conv -k bank.npy softmax"),
        details="exp(x) / sum(exp(x)) over the maps, at each position.",
    ),
    LayerSyntax(
        "maxpool",
        "Take the maximum of each window.",
        _lazy("pooling", "Pool", kind="max"),
        ("maxpool 2", "maxpool 3 --stride 2 --padding 1", "maxpool 3 --stride 1 --dilation 2"),
        (_SIZE,),
        (_STRIDE, _PADDING, _DILATION, _CEIL),
        _SIZE_DETAILS,
    ),
    LayerSyntax(
        "minpool",
        "Take the minimum of each window.",
        _lazy("pooling", "Pool", kind="min"),
        ("minpool 2", "minpool 3 --stride 1 --padding same"),
        (_SIZE,),
        (_STRIDE, _PADDING, _DILATION, _CEIL),
        _SIZE_DETAILS,
    ),
    LayerSyntax(
        "avgpool",
        "Take the mean of each window.",
        _lazy("pooling", "Pool", kind="avg"),
        ("avgpool 2", "avgpool 3 --padding 1 --no-count-padding"),
        (_SIZE,),
        (_STRIDE, _PADDING, _DILATION, _COUNT_PADDING, _CEIL),
        _SIZE_DETAILS,
    ),
    LayerSyntax(
        "globalpool",
        "Reduce each map to one value.",
        _lazy("pooling", "GlobalPool"),
        ("globalpool max", "conv -k bank.npy relu globalpool avg"),
        (_KIND,),
        details=_KIND_DETAILS,
    ),
    LayerSyntax(
        "channelpool",
        "Reduce the maps to one, value by value.",
        _lazy("pooling", "ChannelPool"),
        ("channelpool avg", "conv -k bank.npy relu channelpool max"),
        (_KIND,),
        details=_KIND_DETAILS,
    ),
    LayerSyntax(
        "upsample",
        "Enlarge maps by a factor.",
        _lazy("upsample", "Upsample"),
        ("upsample 2", "maxpool 4 upsample 4 --mode bilinear"),
        (ArgumentSyntax("factor", ValueSyntax("FACTOR", parse_pair)),),
        (
            OptionSyntax(
                "--mode",
                "Repeat values, or take values between them.",
                _words(UPSAMPLINGS),
                "nearest",
            ),
            OptionSyntax(
                "--align-corners",
                "With bilinear: corners fall on corners, as in torch.",
                default=False,
            ),
        ),
        "FACTOR is N, rows,columns, or WIDTHxHEIGHT. Without --align-corners pixels are squares, "
        "whose centers are compared: the default of torch and ONNX, and that of image programs.",
    ),
    LayerSyntax(
        "flatten",
        "Turn each value into a map of its own.",
        _lazy("flatten", "Flatten"),
        ("maxpool 4 flatten", "maxpool 4 flatten conv -k dense.npy softmax"),
        details="Values follow each other map by map, then row by row, as in torch and ONNX. A "
        "dense layer after it is a conv with a bank (N, VALUES, 1, 1).",
    ),
    LayerSyntax(
        "normalize",
        "Scale each map to mean 0 and standard deviation 1.",
        _lazy("pooling", "Normalize"),
        ("conv -k outline normalize", "conv -k outline normalize --eps 0.001"),
        options=(_EPS,),
        details="(x - mean) / sqrt(variance + eps) over all positions of a map, as instance "
        "normalization does.",
    ),
    LayerSyntax(
        "batchnorm",
        "Normalize maps by the numbers of a trained network.",
        _build_batchnorm,
        (
            "batchnorm --mean 128 --var 3000",
            "batchnorm --mean mean.npy --var var.npy",
        ),
        options=_BATCHNORM_OPTIONS,
        details="(x - mean) / sqrt(var + eps) * weight + bias of each map, as torch and ONNX have "
        "it. A file is a .npy array, a text file, or a tensor of a model, MODEL:NAME.",
    ),
)
LAYERS = {layer.name: layer for layer in _TABLE}
# In place of a name it has that of a file.
NETWORK = LayerSyntax(
    "network",
    "Run the network of an .onnx file.",
    build_network,
    ("net.onnx", "net.onnx:conv3 relu", "net.onnx --mean 124,116,104 --std 58,57,57"),
    (ArgumentSyntax("model", ValueSyntax("MODEL[:UNTIL]", _parse_network)),),
    (
        OptionSyntax(
            "--input-scale", "What pixels are multiplied by, e.g. 1/255.",
            ValueSyntax("S", _parse_ratio), "1", "Input",
        ),
        OptionSyntax(
            "--mean", "What is subtracted then: one number, or one for each channel.",
            ValueSyntax("R,G,B", _parse_numbers), "0", "Input",
        ),
        OptionSyntax(
            "--std", "What the result is divided by, likewise.",
            ValueSyntax("R,G,B", _parse_numbers), "1", "Input",
        ),
        OptionSyntax(
            "--channel-order", "Channels that the network takes (Caffe: bgr).",
            _words(CHANNEL_ORDERS), "rgb", "Input",
        ),
    ),
    "Its nodes become layers, up to UNTIL: the name of a node or of an output, or the number of a "
    "layer. Without UNTIL all must be layers of chain that follow each other; the error names the "
    "last node that can be shown. Pixels enter as numbers from 0 to 255, or 65535; a network of "
    "one channel takes gray.",
)  # fmt: skip
