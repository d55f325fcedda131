"""The pairs of images that a kernel is learned from: two files, or two folders."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from convcli.core.threads import for_each
from convcli.errors import ImageError, UsageError, shown
from convcli.images.formats import image_suffixes
from convcli.images.image import ImageData
from convcli.teaching.learn.windows import Example

_MATRICES = (".npy", ".csv", ".txt")
_KEPT = 1 << 29  # bytes of images that are read once; others are read each time
_SHOWN = 3  # names in a message


Read = Callable[[str], tuple[ImageData, str]]  # a file's image, and what messages call it


class FilePair(NamedTuple):
    """The names of two images."""

    before: str
    after: str


class Examples:
    """Pairs of images that can be gone through more than once; each has its notes told once.

    Attributes:
        pairs: their names.
    """

    def __init__(self, pairs: list[FilePair], read: Read, tell: Callable[[str], None]) -> None:
        """Read nothing yet.

        Args:
            pairs: the names of the images.
            read: reads an image.
            tell: is given what the user should know of the images.
        """
        self.pairs = pairs
        self._reads, self._tells = read, tell
        self._kept: dict[int, Example] = {}
        self._told: set[int] = set()

    def __iter__(self) -> Iterator[Example]:
        """Yield the pairs in their order."""
        for number, pair in enumerate(self.pairs):
            yield self._kept.get(number) or self._read(number, pair)

    def _read(self, number: int, pair: FilePair) -> Example:
        (before, first), (after, second) = _both(pair, self._reads)
        if number not in self._told:
            self._told.add(number)
            for note in (*_notes(before, first), *_notes(after, second)):
                self._tells(note)
            if before.depth and after.depth and before.depth != after.depth:
                self._tells(
                    f"{second}: has {after.depth} bits, and the image before {before.depth}; "
                    "the numbers are used as they are"
                )
        name = f"{shown(pair.before)} and {shown(pair.after)}" if len(self.pairs) > 1 else ""
        example = Example(before.pixels, after.pixels, after.max_value, before.depth, name)
        held = sum(each.before.nbytes + each.after.nbytes for each in self._kept.values())
        if held + example.before.nbytes + example.after.nbytes <= _KEPT or len(self.pairs) == 1:
            self._kept[number] = example
        return example


def find_pairs(before: str, after: str) -> tuple[list[FilePair], list[str]]:
    """Return the pairs of two files, or of two folders: those of one name, ``_KERNEL`` apart.

    In one and the same folder, no image is paired with itself.

    Returns:
        The pairs, and the names of the images without a partner.

    Raises:
        ImageError: a folder cannot be read.
        UsageError: it is one file and one folder, no two names agree, or several do.
    """
    if before == after == "-":
        raise UsageError("standard input is one image only; name a file for the other")
    folders = [Path(name).is_dir() for name in (before, after)]
    if not any(folders):
        return [FilePair(before, after)], []
    if not all(folders):
        raise UsageError("BEFORE and AFTER are two files or two folders, not one of each")
    same = Path(before).samefile(after)
    pairs, left = _matched(_images(before), _images(after), same=same)
    if not pairs:
        raise UsageError(
            f"no image in {shown(before)} has the name of another and _KERNEL"
            if same
            else f"no image in {shown(after)} has the name of one in {shown(before)}, nor that "
            "name and _KERNEL"
        )
    named = [FilePair(str(Path(before, one)), str(Path(after, two))) for one, two in pairs]
    return named, left


def few(names: list[str]) -> str:
    """Return the first names of some, for a message."""
    return ", ".join(map(shown, names[:_SHOWN])) + ", ..." * (len(names) > _SHOWN)


def _matched(
    firsts: list[str], seconds: list[str], *, same: bool
) -> tuple[list[FilePair], list[str]]:
    """Pair names by their stems, and return those left over."""
    stems = {Path(name).stem: name for name in firsts}
    found: dict[str, list[str]] = {}
    for name in seconds:
        stem = Path(name).stem
        owner = _owner(stem.rpartition("_")[0] if same else stem, stems)
        if owner is not None:
            found.setdefault(owner, []).append(name)
    counts = Counter(Path(name).stem for name in firsts)
    pairs = []
    for stem, results in found.items():
        if counts[stem] > 1:
            raise UsageError(f"two images before are called {shown(stem)}; leave one")
        own = [name for name in results if Path(name).stem == stem] or results
        if len(own) > 1:
            raise UsageError(f"{shown(stems[stem])} has several results: {few(own)}; leave one")
        pairs.append(FilePair(stems[stem], own[0]))
    pairs.sort()
    used = {name for pair in pairs for name in pair}
    return pairs, [name for name in dict.fromkeys((*firsts, *seconds)) if name not in used]


def _owner(stem: str, stems: dict[str, str]) -> str | None:
    """Return the longest name before that a result's name begins with."""
    while stem not in stems:
        stem, underscore, _ = stem.rpartition("_")
        if not underscore:
            return None
    return stem


def _images(folder: str) -> list[str]:
    suffixes = (*image_suffixes(), *_MATRICES)
    try:
        names = [path.name for path in Path(folder).iterdir()]
    except OSError as error:
        raise ImageError(folder, f"cannot be read: {error.strerror or error}") from error
    return sorted(
        name for name in names if not name.startswith(".") and name.lower().endswith(suffixes)
    )


def _both(pair: FilePair, read: Read) -> tuple[tuple[ImageData, str], tuple[ImageData, str]]:
    """Read both at a time; the fault of the first comes first."""
    found: dict[int, tuple[ImageData, str]] = {}
    faults: dict[int, Exception] = {}

    def read_side(side: int) -> None:
        try:
            found[side] = read(pair[side])
        except Exception as fault:  # noqa: BLE001 - raised below
            faults[side] = fault

    for_each(read_side, (0, 1), 2)
    for side in sorted(faults):
        raise faults[side]
    return found[0], found[1]


def _notes(image: ImageData, name: str) -> Iterator[str]:
    alpha = ("alpha is left out",) if image.alpha is not None else ()
    for note in (*image.notes, *alpha):
        yield f"{name}: {note}"
