"""What is done to every input: frozen data that can travel to another process."""

from typing import Literal, NamedTuple

from convcli.filtering import Filter
from convcli.images.options import ReadOptions, WriteOptions


class ExecutionOptions(NamedTuple):
    """Who does the work, and how long it may take.

    Attributes:
        jobs: images at a time; None for one a processor.
        timeout: seconds that an image may take; None for any.
        max_memory: bytes that the images under way may take together, or a share of what is
            available now.
        fail_fast: whether the first fault ends the run.
        scheduler: the address of a Dask cluster's scheduler; None for processes of this machine.
    """

    jobs: int | None = None
    timeout: float | None = None
    max_memory: int | float = 0.8
    fail_fast: bool = False
    scheduler: str | None = None


class Limits(NamedTuple):
    """What images may take: bytes for all workers together, seconds for each."""

    memory: int
    timeout: float | None = None


class JobOptions(NamedTuple):
    """The kernels, and how images are read and written.

    ``scale`` is of contact sheets: ``common`` colors for plain numbers, or each tile's ``own``.
    """

    specs: tuple[Filter, ...]
    reading: ReadOptions = ReadOptions()
    writing: WriteOptions = WriteOptions()
    show: bool = False
    scale: Literal["common", "own"] = "common"

    def single_threaded(self) -> "JobOptions":
        """Return the same work on one compute thread, unless more were asked for."""
        specs = (spec._replace(threads=spec.threads or 1) for spec in self.specs)
        return self._replace(specs=tuple(specs))

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
