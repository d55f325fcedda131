"""Which format and depth a result has, and its bytes into a file or onto standard output."""

import io
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from convcli.atomic import atomic_write, is_stream
from convcli.batch.options import JobOptions
from convcli.batch.outputs import STDOUT
from convcli.errors import UsageError
from convcli.filtering import Filter
from convcli.images.formats import Format, choose_format, named_format
from convcli.images.image import ImageData
from convcli.images.options import WriteOptions

MATRICES = ("npy", "csv", "txt")
EIGHT_BITS = (
    "plain numbers were rounded and cut to 8-bit pixels; --range rescale spreads them, "
    "and .npy, .csv and .tif keep them"
)


class Encode(Protocol):
    """Writes an image, or several, to an open file and returns what the user should know."""

    def __call__(
        self, file: BinaryIO, form: Format, /, *, quality: int | None, compress_level: int | None
    ) -> tuple[str, ...]:
        """Encode; ``quality`` and ``compress_level`` as on the command line."""


class Target(NamedTuple):
    """Where a result goes, in which format, and with how many bits; None for plain numbers."""

    output: str
    format: Format
    depth: int | None
    notes: tuple[str, ...]


def choose_target(image: ImageData, spec: Filter, output: str, work: JobOptions) -> Target:
    """Choose the format and the depth of a result.

    Raises:
        UsageError: the named format cannot hold it.
    """
    requested = work.writing.format
    channels, depth = image.channels, image.depth
    if spec.combine == "direction":
        _check_hues(output, requested)
        channels, depth = 3, 8
    elif spec.kernels[0].matrix.ndim == 3:
        channels = 1
    return target_for(
        image.format,
        output,
        requested,
        channels=channels,
        depth=depth,
        range=spec.range,
        frames=work.all_frames,
    )


def target_for(
    input_format: str,
    output: str,
    requested: str | None,
    *,
    channels: int,
    depth: int | None,
    range: str,  # noqa: A002 - the option's name
    frames: bool = False,
) -> Target:
    """Choose the format and the depth of a result of so many channels; see :func:`choose_target`.

    Raises:
        UsageError: the format named by ``requested``, or by the output's suffix, cannot hold it.
    """
    path = _telling(output)
    if output == STDOUT and requested is None and channels == 1 and input_format in MATRICES:
        requested = "txt"  # a matrix is printed
    named = named_format(path, requested)
    notes = _misnamed(path, requested)
    if range == "raw":
        depth = None
    elif depth is None and named is not None and not named.holds(channels, None):
        depth = 8
        notes += () if range == "rescale" else (EIGHT_BITS,)
    form = choose_format(named, input_format, channels=channels, depth=depth, frames=frames)
    return Target(output, form, depth, notes)


def write_result(
    target: Target, encode: Encode, writing: WriteOptions
) -> tuple[bytes | None, tuple[str, ...]]:
    """Encode a result into its file, or into the bytes for standard output; return also the notes.

    Raises:
        ConvcliError: the result cannot be encoded, or the file not be written.
    """
    quality, level = writing.quality, writing.compress_level
    if target.output == STDOUT:
        memory = io.BytesIO()
        notes = encode(memory, target.format, quality=quality, compress_level=level)
        return memory.getvalue(), notes
    with atomic_write(Path(target.output), overwrite=writing.overwrite) as file:
        notes = encode(file, target.format, quality=quality, compress_level=level)
    return None, notes


def _telling(output: str) -> Path | None:
    """Return a path whose suffix tells the format; a device's name says nothing of it."""
    path = Path(output)
    return None if output == STDOUT or (is_stream(path) and not path.suffix) else path


def _check_hues(output: str, requested: str | None) -> None:
    """See that a named format holds colors."""
    named = named_format(_telling(output), requested)
    if named is not None and not named.holds(3, 8):
        raise UsageError(
            f"--combine direction makes colors, which {named.suffix} cannot hold: --format png can"
        )


def _misnamed(path: Path | None, requested: str | None) -> tuple[str, ...]:
    """Say so where ``--format`` and the suffix name different formats."""
    if path is None or requested is None or not path.suffix:
        return ()
    asked = named_format(None, requested)
    if asked is None or path.suffix.lower() in asked.suffixes:
        return ()
    return (f"is written as {asked.name} under a {path.suffix} name",)
