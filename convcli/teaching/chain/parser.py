"""Layers read from text, as one string or as words, and built.

What a text may say is the grammar's; see ``grammar.py``.
"""

from __future__ import annotations

import shlex
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from convcli.errors import UsageError, prefix_errors, short_repr, shown
from convcli.teaching.chain.builders import BuiltLayer, as_built
from convcli.teaching.chain.grammar import LAYERS, NETWORK, find_layer, layer_name
from convcli.teaching.chain.syntax import LayerSyntax, OptionSyntax, ValueSyntax

if TYPE_CHECKING:
    from convcli.layers.base import Layer
    from convcli.signals import SampleRange


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
    return [built for each in build_each(layers, stdin, stdin_taken, x) for built in each]


def build_each(
    layers: Iterable[LayerText],
    stdin: BinaryIO | None = None,
    stdin_taken: bool = False,
    x: SampleRange | None = None,
) -> Iterator[list[BuiltLayer]]:
    """Yield what each text builds, as :func:`build_chain`: one layer, or those of a network."""
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
            built = as_built(layer.text, layer.syntax.build(**layer.values, **more))
        yield built


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
