"""Kinds of notes for the user. Any other note is plain text, which is always shown."""

from collections.abc import Iterable


class Detail(str):
    """A note that is shown with ``-v`` only."""

    __slots__ = ()


class Damage(str):
    """A note on an image that is damaged, although it could be decoded."""

    __slots__ = ()


def visible(notes: Iterable[str], *, verbose: bool = False, quiet: bool = False) -> list[str]:
    """Return the notes to show.

    >>> visible(["scaled to 8 bits", Detail("text was left out")])
    ['scaled to 8 bits']
    """
    if quiet:
        return []
    return [note for note in notes if verbose or not isinstance(note, Detail)]
