"""Join the page's ES modules into one script, since a page opened from disk can import none.

A module imports by name from modules beside it, and exports declarations. Joined, they share one
scope: imports and the word ``export`` are left out, and each top-level name must occur once.
"""

from __future__ import annotations

import base64
import re
import zlib
from collections import Counter
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.mjs";\n', re.MULTILINE)
_COMMENT = re.compile(r"^ *(?:/\*\*.*?\*/|//[^\n]*)\n", re.MULTILINE | re.DOTALL)
_DECLARATION = re.compile(
    r"^(?:export )?(?:async )?(?:function\*? |class |const |let )(?:(\w+)|[{[])", re.MULTILINE
)


def module_order(entry: str = "start") -> list[str]:
    """Return the names of a module and of all that it needs, each after those that it imports."""
    ordered: list[str] = []

    def visit(name: str) -> None:
        if name not in ordered:
            for other in _IMPORT.findall(_source(name)):
                visit(other)
            ordered.append(name)

    visit(entry)
    return ordered


def joined_script(entry: str = "start") -> str:
    """Return the modules as one script, without comments on lines of their own: a fifth of a page.

    Raises:
        ValueError: two modules declare the same top-level name.
    """
    names = module_order(entry)
    declared = Counter(name for module in names for name in _DECLARATION.findall(_source(module)))
    twice = [name for name, count in declared.items() if count > 1 or not name]
    if twice:
        raise ValueError(f"declared in two modules of the page, or not by name: {twice}")
    text = "\n".join(_IMPORT.sub("", _source(module)) for module in names)
    return _COMMENT.sub("", re.sub(r"^export (?!default)", "", text, flags=re.MULTILINE))


def packed(script: str) -> str:
    """Return a script as page.html unpacks it: deflated (RFC 1950), in base64.

    It takes a third of the letters. Other versions of zlib may give others, of the same script.
    """
    return base64.b64encode(zlib.compress(script.encode(), 9)).decode()


@cache
def _source(name: str) -> str:
    return (FOLDER / f"{name}.mjs").read_text(encoding="utf-8")
