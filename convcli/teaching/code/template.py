"""The templates of programs: text with placeholders and named alternatives.

A placeholder is ``$name``. A line ``@if name`` begins an alternative that is printed if the fact of
that name is true, ``@if not name`` one that is printed if it is not, ``@else`` the other one, and
``@end`` ends both. ``@include name`` stands for another template. Other lines are printed. Nothing
is computed in a template: facts come from :mod:`convcli.teaching.code.program`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources import files
from string import Template


def render(name: str, facts: Mapping[str, object]) -> str:
    """Return a template's text for some facts.

    Args:
        name: of a file beside this one, without its suffix ``.txt``.
        facts: what placeholders stand for and which alternatives hold; a name that is missing is
            a mistake in the template.

    Raises:
        KeyError: a name is missing.
    """
    lines: list[str] = []
    holds: list[bool] = []  # the alternatives around a line
    for line in _lines(name):
        word, _, rest = line.strip().partition(" ")
        match word:
            case "@if":
                negation, _, fact = rest.rpartition(" ")
                holds.append(bool(facts[fact]) is not bool(negation))
            case "@else":
                holds[-1] = not holds[-1]
            case "@end":
                holds.pop()
            case "@include" if all(holds):
                lines.append(render(rest, facts))
            case _ if all(holds):
                lines.append(Template(line).substitute(facts))
    return "".join(lines)


def template_texts(names: Iterable[str]) -> dict[str, str]:
    """Return the texts of templates and of all that they include, by name."""
    texts: dict[str, str] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        lines = _lines(name)
        texts[name] = "".join(lines)
        words = [line.split() for line in lines if line.startswith("@include ")]
        waiting += [included for _, included in words if included not in texts]
    return texts


def _lines(name: str) -> list[str]:
    file = files("convcli.teaching.code").joinpath(f"{name}.txt")
    return file.read_text(encoding="utf-8").splitlines(keepends=True)
