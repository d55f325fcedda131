"""Every kernel that has a name: which there are, finding one, completing one.

Numpy is not imported here: names are listed and completed without it.
"""

from collections.abc import Iterable

from convcli.errors import KernelError, quoted
from convcli.kernels.data import basics, computed, edges
from convcli.kernels.entries import ComputedKernel, Entry


def _index(entries: Iterable[Entry]) -> dict[str, Entry]:
    return {entry.name: entry for entry in entries}


CATALOGUE: dict[str, Entry] = _index(
    (
        *basics.SIMPLE,
        *basics.SMOOTHING,
        *computed.SMOOTHING_RECIPES,
        *basics.SHARPENING,
        *computed.SHARPENING_RECIPES,
        *edges.GRADIENTS,
        *edges.COMPASSES,
        *basics.LAPLACIANS,
        *computed.DIFFERENCE_RECIPES,
        *basics.PILLOW_KERNELS,
    )
)


def groups() -> dict[str, list[Entry]]:
    """Return the entries by group, in the order of the catalogue."""
    found: dict[str, list[Entry]] = {}
    for entry in CATALOGUE.values():
        found.setdefault(entry.group, []).append(entry)
    return found


def find_entry(name: str) -> Entry:
    """Return the entry called ``name``.

    Raises:
        KernelError: there is none; the message suggests the nearest names.

    >>> find_entry("sharpen").summary
    'adds the difference from the four neighbors'
    """
    if name in CATALOGUE:
        return CATALOGUE[name]
    raise no_such_name(name)


def no_such_name(name: str) -> KernelError:
    """Return the error for a name that is not in the catalogue; it suggests the nearest."""
    return KernelError(f"no kernel is named {quoted(name)}; {_advice(name)}")


def complete_kernel(incomplete: str) -> list[str]:
    """Return what a half-typed SPEC may become: names, or after a colon a recipe's arguments.

    >>> complete_kernel("box:")
    ['box:size=']
    """
    name, colon, arguments = incomplete.partition(":")
    if not colon:
        return [known for known in CATALOGUE if known.startswith(incomplete)]
    entry = CATALOGUE.get(name)
    if not isinstance(entry, ComputedKernel):
        return []
    done, comma, last = arguments.rpartition(",")
    given = {piece.partition("=")[0] for piece in done.split(",")}
    return [
        f"{name}:{done}{comma}{parameter.name}="
        for parameter in entry.parameters
        if parameter.name not in given and parameter.name.startswith(last)
    ]


def _advice(name: str) -> str:
    """Suggest the names nearest to a mistyped one."""
    from difflib import get_close_matches

    typed = name.lower().replace("_", "-").replace(" ", "-")[:80]
    near = get_close_matches(typed, CATALOGUE, n=3)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return "'convcli kernels list' shows the names"
