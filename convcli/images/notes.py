"""Kinds of notes for the user. Any other note is plain text, which is always shown."""

from collections.abc import Iterable

_HARMLESS = "Palette images with Transparency"  # Pillow's advice to programs


class Detail(str):
    """A note that is shown with ``-v`` only."""

    __slots__ = ()


class Damage(str):
    """A note on an image that is damaged, although it could be decoded."""

    __slots__ = ()


def notes_on_messages(messages: Iterable[str]) -> list[str]:
    """Turn what decoders printed or warned of into notes: warnings are details, others damage.

    >>> notes_on_messages(["TIFFReadDirectory: Warning, unknown tag", "LZWDecode: bad code"])
    ['TIFFReadDirectory: Warning, unknown tag', 'damaged: LZWDecode: bad code']
    """
    notes: list[str] = []
    faults: list[str] = []
    for message in dict.fromkeys(messages):
        if "Warning" in message:
            notes.append(Detail(message))
        elif not message.startswith(_HARMLESS):
            faults.append(message)
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        notes.append(Damage(f"damaged: {faults[0]}{more}"))
    return notes


def visible(notes: Iterable[str], *, verbose: bool = False, quiet: bool = False) -> list[str]:
    """Return the notes to show.

    >>> visible(["scaled to 8 bits", Detail("text was left out")])
    ['scaled to 8 bits']
    """
    if quiet:
        return []
    return [note for note in notes if verbose or not isinstance(note, Detail)]
