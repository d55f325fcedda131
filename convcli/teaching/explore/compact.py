"""Take comments and needless blanks out of the page's script and style sheet; shorten names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from itertools import product
from string import ascii_letters

# `/` begins a regular expression after an operator or `return`; elsewhere it divides.
_STRING = r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'"""
_REGEX = r"(?:(?<=[(,=:!&|?])|(?<=return)) ?/(?![*/])(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\\n])+/"
_COMMENT = r"//.*|/\*[\s\S]*?\*/"
_PART = re.compile(rf"(?P<literal>{_STRING}|{_REGEX})|(?P<comment>{_COMMENT})|\w+|[\s\S]")
_TEMPLATE = re.compile(r"(?:\\.|\$(?!\{)|[^`\\$])*(?:`|\$\{)")  # to its end, or to code within it
_BROWSERS = {"document", "history", "location", "name", "window"}  # names outside of scripts
_HIDDEN = "\0"  # stands for a literal while blanks are taken out
_LINE = "\1"  # and this for a line end that stays


def compact(script: str) -> str:
    """Return a script that does the same, with a line for each declaration of its first column.

    Statements must end with a semicolon or a brace, and a ``++`` or ``--`` must touch its operand.
    Names that are declared get two letters, unless a property has the same name.
    """
    code: list[str] = []
    literals: list[str] = []
    braces: list[str] = []  # those that are open; `${` is one in a template literal
    place = 0
    while match := _PART.match(script, place):
        text, place = match[0], match.end()
        is_literal = match["literal"] is not None
        if text == "`" or (text == "}" and braces.pop() == "${"):
            end = _TEMPLATE.match(script, place)
            if end is None:
                raise ValueError(f"a template literal has no end: {script[place : place + 40]!r}")
            text, place, is_literal = text + end[0], end.end(), True
        if text == "{" or (is_literal and text.endswith("${")):
            braces.append(text[-2:])
        if is_literal:
            literals.append(text.strip())
        if not match["comment"]:
            code.append(_HIDDEN if is_literal else text)
    remaining = iter(literals)
    text = _without_blanks(_shortened("".join(code)))
    return re.sub(_HIDDEN, lambda _: next(remaining), text).strip()


def compact_css(sheet: str) -> str:
    """Return a style sheet without comments and without blanks that do not separate two words."""
    sheet = re.sub(r"/\*[\s\S]*?\*/", "", sheet)
    sheet = re.sub(r"\s*([{};,]) *|(?<=:) ", r"\1", re.sub(r"\s+", " ", sheet))
    return sheet.replace(";}", "}").strip()


def _shortened(code: str) -> str:
    """Give declared names two letters, the same ones wherever they occur, in code without literals.

    Since a name means the same in no two scopes, it is kept if it is a browser's own, or can be a
    property's: after a dot, before a colon in braces, or alone in braces.
    """
    declared = set(re.findall(r"\b(?:const|let|function\*?|class) ([\w$]{3,})", code))
    counts = Counter(re.findall(r"[\w$]+", code))
    renamed = declared - _BROWSERS - set(_property_names(code))
    shorter = dict(zip(sorted(renamed), _free_names(counts), strict=False))
    return re.sub(r"[\w$]+", lambda match: shorter.get(match[0], match[0]), code)


def _property_names(code: str) -> Iterator[str]:
    """Yield the names that can be those of properties."""
    tokens = re.findall(r"\.\.\.|[\w$]+|\S", code)
    brackets = [""]  # those that are open
    for before, token, after in zip(["", *tokens], tokens, [*tokens[1:], ""], strict=False):
        if token in ("(", "[", "{"):
            brackets.append(token)
        elif token in (")", "]", "}"):
            brackets.pop()
        elif before == "." or (
            brackets[-1] == "{" and before in ("{", ",") and after in (":", ",", "}", "=")
        ):
            yield token


def _free_names(used: Collection[str]) -> Iterator[str]:
    """Yield names of two letters that are neither used nor words of JavaScript or HTML."""
    names = ("".join(letters) for letters in product(ascii_letters, repeat=2))
    return (
        name for name in names if name not in used and name not in ("do", "id", "if", "in", "of")
    )


def _without_blanks(code: str) -> str:
    code = re.sub(r"\n(?=[a-z])", _LINE, code)
    code = re.sub(r"\s+", " ", code)
    code = re.sub(r"(?<![\w$+-]) | (?![\w$+-])|(?<=\w) (?=[+-])|(?<=[+-]) (?=\w)", "", code)
    return re.sub(r";(?=})|,(?=[\])}])", "", code).replace(_LINE, "\n")
