"""The checks that every input must pass, however damaged, for hypothesis and for atheris.

A reader returns a valid result, or refuses the input in one line. Any other exception reaches the
caller with its traceback. Warnings count as errors, since they would appear on stderr.
"""

import io
import math
import shlex
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

from convcli.choices import CHANNELS
from convcli.errors import ConvcliError, ImageError, KernelError, UsageError, shown
from convcli.images.image import ImageData
from convcli.images.options import ReadOptions
from convcli.images.reading import read_frames, read_image
from convcli.kernels.kernel import MAX_WEIGHT, Kernel
from convcli.kernels.spec import KernelSet, get_kernel, read_spec
from convcli.layers.network import plan_network
from convcli.teaching.chain.parser import parse_layers
from convcli.teaching.kernels.model_text import list_model

MAX_PIXELS = 10**6
MAX_FRAMES = 40
SECONDS = 10  # for one small file: a hundred times what it takes, so that only hanging is caught
LONGEST = 2000  # characters of a message
MOST_LISTED = 200_000  # characters of a list of layers
ESCAPE = len(r"\U0010ffff")  # the most that a character of a name takes there
SMALL = 64  # pixels a side: of larger kernels the rank takes long
WHITES = {8: np.uint8, 16: np.uint16}


class OverdueError(BaseException):
    """An input takes too long. ``except Exception`` does not catch this."""


def judge_image(source: Path | BinaryIO, name: str = "it", **options: Any) -> bool:
    """Read an image, and all its frames; return whether it could be read.

    Args:
        source: what is read.
        name: what messages are to begin with.
        options: those of :class:`ReadOptions`; ``max_pixels`` is small unless given.
    """
    reading = ReadOptions(**{"max_pixels": MAX_PIXELS, **options})
    # An open file sets room aside for any length that it is asked to read; BytesIO does not.
    may_run_out = isinstance(source, Path)
    with _bounded():
        first, frames = (
            _read(reader, name, reading, may_run_out)
            for reader in (
                lambda: [read_image(source, name=name, options=reading)],
                lambda: list(islice(read_frames(source, name=name, options=reading), MAX_FRAMES)),
            )
        )
    for image in (*first, *frames):
        check_image(image, reading.max_pixels)
    return bool(first)


def judge_spec(text: str, stdin: bytes = b"") -> bool:
    """Read a SPEC; return whether it could be read."""
    with _bounded():
        try:
            found = read_spec(text, io.BytesIO(stdin))
        except ConvcliError as error:
            _check_message(error, KernelError, ESCAPE * len(text))
            found = None
        if text.strip().startswith("-"):  # standard input, which was read
            return found is not None
        try:
            one = get_kernel(text)
        except ConvcliError as error:
            _check_message(error, KernelError, ESCAPE * len(text))
            assert found is None or len(found.kernels) > 1
        else:
            assert found is not None
            np.testing.assert_array_equal(one.matrix, found.kernels[0].matrix)
        if found is not None:
            _check_set(found)
    return found is not None


def judge_model(path: Path, data: bytes, layer: str = "") -> bool:
    """Write the file of a network, list it and read a layer; return whether this could be read.

    Args:
        path: whose suffix names the format.
        data: its bytes.
        layer: nothing, or a colon and the name of a layer.
    """
    path.write_bytes(data)
    with _bounded():
        try:
            text = list_model(str(path))
        except ConvcliError as error:
            _check_message(error, KernelError, ESCAPE * len(str(path)))
            text = ""
        assert text.replace("\n", "").isprintable()
        assert len(text) <= MOST_LISTED
    if path.suffix == ".onnx":
        judge_network(f"{path}{layer}")
    return judge_spec(f"{path}{layer}")


def judge_network(text: str) -> None:
    """Read the layers of a network, and plan them for a small image."""
    with _bounded():
        try:
            plan_network(parse_layers(shlex.quote(text)), (5, 5, 3))
        except ConvcliError as error:
            _check_message(error, UsageError, ESCAPE * len(text))


def check_image(image: ImageData, max_pixels: int) -> None:
    """Check that an image matches the description of ``ImageData``."""
    pixels, alpha = image.pixels, image.alpha
    assert pixels.ndim in (2, 3)
    assert 1 <= math.prod(pixels.shape[:2]) <= max_pixels
    assert pixels.size >= 1
    assert pixels.dtype.kind in "iuf"
    assert pixels.dtype.isnative
    assert pixels.flags.c_contiguous
    if image.depth is not None:
        assert pixels.dtype == WHITES[image.depth]
    if alpha is not None:
        assert (alpha.shape, alpha.dtype) == (pixels.shape[:2], pixels.dtype)
    _check_metadata(image)


def check_kernel(kernel: Kernel) -> None:
    """Check that a kernel can be applied and described."""
    assert kernel.matrix.ndim in (2, 3, 4)
    assert kernel.matrix.dtype in (np.int64, np.float64)
    assert not kernel.matrix.flags.writeable
    assert np.isfinite(kernel.weights).all()
    assert np.abs(kernel.weights).max() <= MAX_WEIGHT
    assert math.isfinite(kernel.sum)
    assert all(math.isfinite(end) for end in kernel.output_range())
    assert kernel.slug == Path(kernel.slug).name
    assert kernel.slug.isprintable()
    assert kernel.name.isprintable()
    assert kernel.symmetry in ("symmetric", "antisymmetric", "none")
    if max(kernel.shape) <= SMALL:
        assert kernel.separable is None or kernel.rank == 1


def _read(
    reader: Callable[[], list[ImageData]], name: str, options: ReadOptions, may_run_out: bool
) -> list[ImageData]:
    """Return the reader's result, or nothing if it refuses the input with a proper message."""
    try:
        return reader()
    except UsageError as error:
        refusal: ConvcliError = error
        sound = _is_senseless(options)
    except ImageError as error:
        refusal = error
        sound = may_run_out or "memory" not in error.problem
        sound = sound and str(error).startswith(f"{shown(name)}: ")
    _check_message(refusal, ConvcliError)
    assert sound, repr(refusal)
    return []


def _is_senseless(options: ReadOptions) -> bool:
    """Return whether the options are wrong for any image."""
    rows, columns = options.resize or (1, 1)
    fits = min(rows, columns) >= 1 and rows * columns <= options.max_pixels
    return not fits or options.channels not in CHANNELS


def _check_message(error: ConvcliError, kind: type[ConvcliError], room: int = 0) -> None:
    """Check that a message is one line, and that it quotes little of the input besides its name."""
    assert isinstance(error, kind), repr(error)
    message = str(error)
    assert message.isprintable(), ascii(message)
    assert message.strip() == message != ""
    assert len(message) <= LONGEST + room, len(message)


def _check_metadata(image: ImageData) -> None:
    metadata = image.metadata
    assert image.format
    for note in image.notes:
        assert note.isprintable(), ascii(note)
    assert metadata.xmp is None or "\0" not in metadata.xmp.decode()
    for data in (metadata.icc, metadata.exif, metadata.comment):
        assert data is None or isinstance(data, bytes)
    for number in metadata.dpi or ():
        assert math.isfinite(number)
        assert number > 0


def _check_set(found: KernelSet) -> None:
    assert found.kernels
    assert found.label.isprintable()
    assert found.combine in (None, "magnitude", "max")
    for kernel in found.kernels:
        check_kernel(kernel)


@contextmanager
def _bounded() -> Iterator[None]:
    """Take warnings for errors, end what hangs, and see that global settings come back."""
    before = warnings.showwarning, Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings(), _on_time():
        warnings.simplefilter("error")
        filters = list(warnings.filters)
        yield
        assert warnings.filters == filters
    assert (warnings.showwarning, Image.MAX_IMAGE_PIXELS) == before


@contextmanager
def _on_time() -> Iterator[None]:
    """Raise where a block takes far too long; without the signal, on Windows, it may."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def late(*_: object) -> None:
        raise OverdueError(f"over {SECONDS} seconds")

    old = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
