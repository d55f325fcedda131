"""What is done to every input: frozen data that can travel to another process."""

from typing import NamedTuple

from convcli.filtering import FilterSpec
from convcli.images.reading import DEFAULT_MAX_PIXELS


class Reading(NamedTuple):
    """How inputs are read; ``resize`` is (rows, columns)."""

    channels: str = "auto"
    resize: tuple[int, int] | None = None
    frames: str = "first"
    max_pixels: int = DEFAULT_MAX_PIXELS


class Writing(NamedTuple):
    """How results are written."""

    format: str | None = None
    quality: int | None = None
    compress_level: int | None = None
    overwrite: bool = False
    skip_existing: bool = False


class Work(NamedTuple):
    """The kernels, and how pictures are read and written."""

    specs: tuple[FilterSpec, ...]
    reading: Reading = Reading()
    writing: Writing = Writing()
    show: bool = False

    @property
    def labels(self) -> list[str]:
        """The kernels' names, one for each result of an input."""
        return [spec.label for spec in self.specs]

    @property
    def raw(self) -> bool:
        """Whether the values are written as they are."""
        return any(spec.range == "raw" for spec in self.specs)

    @property
    def all_frames(self) -> bool:
        """Whether every frame of an input is filtered."""
        return self.reading.frames == "all"
