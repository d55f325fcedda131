"""The pairs of image files to learn from: two files, or the files of two folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from convcli.errors import ImageError, UsageError, list_text, shown
from convcli.images.formats import image_suffixes
from convcli.images.image import ImageData
from convcli.images.notes import visible
from convcli.teaching.learn.windows import Example

_MATRICES = (".npy", ".csv", ".txt")
_MAX_CACHED = 1 << 29  # bytes of images that are read only once; more are read each time
_MAX_NAMES = 3  # in a message

Read = Callable[[str], tuple[ImageData, str]]  # file name -> image, and its name in messages


class FilePair(NamedTuple):
    """The names of two image files."""

    before: str
    after: str


class Examples:
    """Pairs of images that can be iterated over several times; notes are reported once."""

    def __init__(
        self,
        pairs: list[FilePair],
        read: Read,
        report: Callable[[str], None],
        check: Callable[[str, Example], None],
    ) -> None:
        """Keep the names of the files, how to read one, and what to call with notes and pairs.

        ``check`` gets the name of the image before, and may refuse the pair.
        """
        self.pairs, self._read_file, self._report, self._check = pairs, read, report, check
        self._cached: dict[int, Example] = {}
        self._cached_bytes = 0
        self._reported: set[int] = set()

    def __iter__(self) -> Iterator[Example]:
        """Yield the pairs in their order."""
        for number, pair in enumerate(self.pairs):
            example = self._cached.get(number)
            if example is None:
                example = self._read(number, pair)
                size = example.before.nbytes + example.after.nbytes
                if len(self.pairs) == 1 or self._cached_bytes + size <= _MAX_CACHED:
                    self._cached[number] = example
                    self._cached_bytes += size
            yield example

    def _read(self, number: int, pair: FilePair) -> Example:
        with ThreadPoolExecutor(2) as pool:
            try:
                images = pool.map(self._read_file, pair)
            except RuntimeError:  # the system has no threads
                images = map(self._read_file, pair)
            (before, before_name), (after, after_name) = images
        if number not in self._reported:
            self._reported.add(number)
            for image, name in ((before, before_name), (after, after_name)):
                for note in (
                    *visible(image.notes),
                    *["alpha is ignored"] * (image.alpha is not None),
                ):
                    self._report(f"{name}: {note}")
            if before.depth and after.depth and before.depth != after.depth:
                self._report(
                    f"{after_name}: has {after.depth} bits, but the image before has "
                    f"{before.depth}; the numbers are used unchanged"
                )
        name = f"{shown(pair.before)} and {shown(pair.after)}" if len(self.pairs) > 1 else ""
        example = Example(before.pixels, after.pixels, after.max_value, before.depth, name)
        self._check(before_name, example)
        return example


def find_pairs(before: str, after: str) -> tuple[list[FilePair], list[str]]:
    """Pair two files, or the files of two folders whose names differ at most by ``_KERNEL``.

    If both folders are the same one, no file is paired with itself.

    Returns:
        The pairs, and the names of the images without a partner.

    Raises:
        ImageError: a folder cannot be read.
        UsageError: one is a file and the other a folder, no names match, or several match one.
    """
    if before == after == "-":
        raise UsageError("standard input ('-') can be one image only; name a file for the other")
    folders = [Path(name).is_dir() for name in (before, after)]
    if not any(folders):
        return [FilePair(before, after)], []
    if not all(folders):
        raise UsageError("BEFORE and AFTER must be two files or two folders, not one of each")
    same = Path(before).samefile(after)
    pairs, left = _match_names(_image_names(before), _image_names(after), same=same)
    if not pairs:
        raise UsageError(
            f"{shown(before)}: no image is named like another one followed by _KERNEL"
            if same
            else f"{shown(after)}: no image is named like one in {shown(before)}, with or without "
            "_KERNEL"
        )
    named = [FilePair(str(Path(before, one)), str(Path(after, two))) for one, two in pairs]
    return named, left


def few(names: list[str]) -> str:
    """Return the first few names, for a message."""
    return list_text([*map(shown, names)], _MAX_NAMES)


def _match_names(
    before_names: list[str], after_names: list[str], *, same: bool
) -> tuple[list[FilePair], list[str]]:
    """Pair names by their stems; return the pairs and the names without a partner."""
    stems = {Path(name).stem: name for name in before_names}
    results: dict[str, list[str]] = {}
    for name in after_names:
        stem = Path(name).stem
        owner = _source_stem(stem.rpartition("_")[0] if same else stem, stems)
        if owner is not None:
            results.setdefault(owner, []).append(name)
    counts = Counter(Path(name).stem for name in before_names)
    pairs = []
    for stem, names in results.items():
        if counts[stem] > 1:
            raise UsageError(f"two images before are named {shown(stem)}; remove one")
        own = [name for name in names if Path(name).stem == stem] or names
        if len(own) > 1:
            raise UsageError(f"{shown(stems[stem])} has several results: {few(own)}; remove some")
        pairs.append(FilePair(stems[stem], own[0]))
    pairs.sort()
    used = {name for pair in pairs for name in pair}
    return pairs, [
        name for name in dict.fromkeys((*before_names, *after_names)) if name not in used
    ]


def _source_stem(stem: str, stems: dict[str, str]) -> str | None:
    """Return the longest stem that a result's name begins with, up to an underscore."""
    while stem not in stems:
        stem, underscore, _ = stem.rpartition("_")
        if not underscore:
            return None
    return stem


def _image_names(folder: str) -> list[str]:
    suffixes = (*image_suffixes(), *_MATRICES)
    try:
        names = [path.name for path in Path(folder).iterdir()]
    except OSError as error:
        raise ImageError(folder, f"cannot be read: {error.strerror or error}") from error
    return sorted(
        name for name in names if not name.startswith(".") and name.lower().endswith(suffixes)
    )
