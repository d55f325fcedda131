"""Frames on disk, for encoders that must know their number first."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from PIL import Image


class SpooledFrames(Image.Image):
    """Frames of one size and mode in a temporary file; Pillow's encoders seek to each in turn."""

    def __init__(self, images: Iterator[Image.Image], file: BinaryIO) -> None:
        super().__init__()
        self._file, self._frame = file, 0
        self.n_frames, self._frame_bytes = 0, 0
        for image in images:
            samples = image.tobytes()
            self._mode, self._size, self._frame_bytes = image.mode, image.size, len(samples)
            file.write(samples)
            self.n_frames += 1
        self.is_animated = self.n_frames > 1
        self._show(0)

    def seek(self, frame: int) -> None:
        """Go to a frame; raise EOFError after the last."""
        if frame >= self.n_frames:
            raise EOFError
        if frame != self._frame:
            self._show(frame)

    def tell(self) -> int:
        """Return the number of the frame that is shown."""
        return self._frame

    def _show(self, frame: int) -> None:
        self._file.seek(frame * self._frame_bytes)
        samples = self._file.read(self._frame_bytes)
        self.im = Image.frombytes(self._mode, self._size, samples).im
        self._frame = frame


@contextmanager
def spooled(images: Iterator[Image.Image]) -> Iterator[SpooledFrames]:
    """Store images of one size and mode in a temporary file while the block runs."""
    from tempfile import TemporaryFile

    with TemporaryFile() as file:
        yield SpooledFrames(images, file)
