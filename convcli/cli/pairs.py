"""The pairs of pictures that a kernel is learned from: two files, or two folders."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click

from convcli.batch.settings import Reading
from convcli.cli.files import read_quietly
from convcli.core.threads import for_each
from convcli.errors import PictureError, UsageError, shown
from convcli.images.formats import picture_suffixes
from convcli.images.picture import Picture
from convcli.lessons.windows import Example

_MATRICES = (".npy", ".csv", ".txt")
_KEPT = 1 << 29  # bytes of pictures that are read once; others are read each time
_SHOWN = 3  # names in a message


class Pair(NamedTuple):
    """The names of two pictures."""

    before: str
    after: str


class Examples:
    """Pairs of pictures that can be gone through more than once; each has its notes told once.

    Attributes:
        pairs: their names.
    """

    def __init__(self, pairs: list[Pair], reading: Reading) -> None:
        """Read nothing yet."""
        self.pairs = pairs
        self._reading = reading
        self._kept: dict[int, Example] = {}
        self._told: set[int] = set()

    def __iter__(self) -> Iterator[Example]:
        """Yield the pairs in their order."""
        for number, pair in enumerate(self.pairs):
            yield self._kept.get(number) or self._read(number, pair)

    def _read(self, number: int, pair: Pair) -> Example:
        before, after = _both(pair, self._reading)
        if number not in self._told:
            self._told.add(number)
            self._tell(number, before, after)
        name = f"{shown(pair.before)} and {shown(pair.after)}" if len(self.pairs) > 1 else ""
        example = Example(before.pixels, after.pixels, after.white, before.depth, name)
        held = sum(each.before.nbytes + each.after.nbytes for each in self._kept.values())
        if held + example.before.nbytes + example.after.nbytes <= _KEPT or len(self.pairs) == 1:
            self._kept[number] = example
        return example

    def _tell(self, number: int, before: Picture, after: Picture) -> None:
        for name, picture in zip(self.pairs[number], (before, after), strict=True):
            alpha = ("alpha is left out",) if picture.alpha is not None else ()
            for note in (*picture.notes, *alpha):
                click.echo(f"{_called(name)}: {note}", err=True)
        if before.depth and after.depth and before.depth != after.depth:
            click.echo(
                f"{_called(self.pairs[number].after)}: has {after.depth} bits, and the picture "
                f"before {before.depth}; the numbers are used as they are",
                err=True,
            )


def find_pairs(before: str, after: str) -> list[Pair]:
    """Return the pairs of two files, or of two folders: those of one name, ``_KERNEL`` apart.

    What has no partner is named on stderr.

    Raises:
        PictureError: a folder cannot be read.
        UsageError: it is one file and one folder, no two names agree, or several do.
    """
    if before == after == "-":
        raise UsageError("standard input is one picture only; name a file for the other")
    folders = [Path(name).is_dir() for name in (before, after)]
    if not any(folders):
        return [Pair(before, after)]
    if not all(folders):
        raise UsageError("BEFORE and AFTER are two files or two folders, not one of each")
    firsts, seconds = _pictures(before), _pictures(after)
    pairs, left = _matched(firsts, seconds)
    if not pairs:
        raise UsageError(
            f"no picture in {shown(after)} has the name of one in {shown(before)}, nor that name "
            "and _KERNEL"
        )
    if left:
        names = ", ".join(map(shown, left[:_SHOWN])) + ", ..." * (len(left) > _SHOWN)
        click.echo(f"{len(left)} without a partner left out: {names}", err=True)
    return [Pair(str(Path(before, first)), str(Path(after, second))) for first, second in pairs]


def _matched(firsts: list[str], seconds: list[str]) -> tuple[list[Pair], list[str]]:
    """Pair names by their stems, and return those left over."""
    stems = {Path(name).stem: name for name in firsts}
    double = [
        stem for stem, count in Counter(Path(name).stem for name in firsts).items() if count > 1
    ]
    if double:
        raise UsageError(f"two pictures before are called {shown(double[0])}; leave one")
    found: dict[str, list[str]] = {}
    for name in seconds:
        owner = _owner(Path(name).stem, stems)
        if owner is not None:
            found.setdefault(owner, []).append(name)
    pairs = []
    for stem, results in found.items():
        own = [name for name in results if Path(name).stem == stem] or results
        if len(own) > 1:
            names = ", ".join(map(shown, own[:_SHOWN])) + ", ..." * (len(own) > _SHOWN)
            raise UsageError(f"{shown(stems[stem])} has several results: {names}; leave one")
        pairs.append(Pair(stems[stem], own[0]))
    pairs.sort()
    used = {name for pair in pairs for name in pair}
    return pairs, [name for name in (*firsts, *seconds) if name not in used]


def _owner(stem: str, stems: dict[str, str]) -> str | None:
    """Return the longest name before that a result's name begins with."""
    while stem not in stems:
        stem, underscore, _ = stem.rpartition("_")
        if not underscore:
            return None
    return stem


def _pictures(folder: str) -> list[str]:
    suffixes = (*picture_suffixes(), *_MATRICES)
    try:
        names = [path.name for path in Path(folder).iterdir()]
    except OSError as error:
        raise PictureError(folder, f"cannot be read: {error.strerror or error}") from error
    return sorted(
        name for name in names if not name.startswith(".") and name.lower().endswith(suffixes)
    )


def _both(pair: Pair, reading: Reading) -> tuple[Picture, Picture]:
    """Read both at a time; the fault of the first comes first."""
    found: dict[int, Picture] = {}
    faults: dict[int, Exception] = {}

    def read(side: int) -> None:
        try:
            found[side], _ = read_quietly(pair[side], reading)
        except Exception as fault:  # noqa: BLE001 - raised below
            faults[side] = fault

    for_each(read, (0, 1), 2)
    for side in sorted(faults):
        raise faults[side]
    return found[0], found[1]


def _called(name: str) -> str:
    return "standard input" if name == "-" else shown(name)
