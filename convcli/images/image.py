"""What is known of an image once it has been read."""

from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True)
class Metadata:
    r"""What a file says about its image, as far as it stays true of the pixels.

    Attributes:
        icc: a color profile whose color space is that of the pixels.
        exif: the descriptive EXIF tags, in Pillow's form (``Exif\0\0`` and a TIFF header);
            neither the orientation, which has been applied, nor how the file was stored.
        dpi: pixels per inch, horizontally and vertically.
        duration: how long a frame shows, in milliseconds.
        loop: how often an animation runs; 0 for ever.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None
    duration: float | None = None
    loop: int | None = None


@dataclass(frozen=True, eq=False)
class ImageData:
    """Pixels, upright, and what came with them.

    Attributes:
        pixels: (H, W) gray, (H, W, 3) RGB, or (H, W, C) from an ``.npy`` file; C-contiguous,
            in the machine's byte order.
        depth: 8 (uint8 pixels), 16 (uint16), or None for plain numbers that have no white.
        alpha: (H, W) of the pixels' type, or None.
        format: Pillow's name of the file's format, or ``npy``, ``csv``, ``txt``.
        metadata: what is carried over to a result.
        notes: sentences that the user should be told.
    """

    pixels: NDArray[Any]
    depth: int | None
    alpha: NDArray[Any] | None = None
    format: str = "npy"
    metadata: Metadata = field(default_factory=Metadata)
    notes: tuple[str, ...] = ()

    @property
    def max_value(self) -> int | None:
        """The greatest pixel value: 255, 65535, or None for plain numbers."""
        return None if self.depth is None else 2**self.depth - 1

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        rows, columns = self.pixels.shape[:2]
        return rows, columns

    @property
    def channels(self) -> int:
        """The number of color channels, alpha not counted."""
        return 1 if self.pixels.ndim == 2 else self.pixels.shape[2]
