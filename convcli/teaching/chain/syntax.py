"""How a layer is written: the values, arguments and options after its name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from convcli.layers.base import Layer
    from convcli.teaching.chain.builders import BuiltLayer


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
        examples: layers as text, which :func:`convcli.teaching.chain.parser.parse_layers` reads.
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
        return f"{option.flag}={word}" if option and is_number(word) else word


def is_number(text: str) -> bool:
    """Tell whether a text is a number, finite or not."""
    try:
        float(text)
    except ValueError:
        return False
    return True
