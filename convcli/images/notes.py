"""Notes for the user, and their kinds. A note of no kind is plain text, which is always shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

_HARMLESS = "Palette images with Transparency"  # Pillow's advice to programs


class Detail(str):
    """A note that is shown with ``-v`` only."""

    __slots__ = ()


class Damage(str):
    """A note on an image that is damaged, although it could be decoded."""

    __slots__ = ()


class Notes:
    """A collection of notes that keeps each once, in the order in which they came.

    Frames of a sequence repeat their notes; what is kept does not grow with their number.

    >>> notes = Notes()
    >>> notes.add("alpha left out", "scaled to 8 bits")
    >>> notes.add("alpha left out")
    >>> list(notes)
    ['alpha left out', 'scaled to 8 bits']
    """

    def __init__(self) -> None:
        self._notes: dict[str, None] = {}

    def add(self, *notes: str) -> None:
        """Add notes unless they are there."""
        self._notes.update(dict.fromkeys(notes))

    def __iter__(self) -> Iterator[str]:
        return iter(self._notes)


def nan_note(count: int, maps: str) -> str:
    """Return a note on NaN values that became black pixels.

    >>> nan_note(1, "the feature map")
    '1 NaN value of the feature map became black'
    >>> nan_note(1234, "all feature maps")
    '1,234 NaN values of all feature maps became black'
    """
    return f"{count:,} NaN value{'s' * (count > 1)} of {maps} became black"


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
