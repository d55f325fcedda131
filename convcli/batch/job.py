"""What became of an input: its results, what to tell of them, and what went wrong."""

from typing import Any, NamedTuple

from convcli.batch.outputs import SummaryFile
from convcli.errors import ConvcliError


class OutputResult(NamedTuple):
    """One image made, or left as it was.

    Attributes:
        kernel: label of the kernel or the set.
        output: the file's name, ``-`` for standard output; None where the result only went into
            joint files.
        data: the bytes for standard output.
        skipped: it existed and was left alone; what follows is then empty.
        input_shape, shape: (rows, columns) before and after.
        method: how the feature map was computed, in a line.
        minimum, maximum: of the feature map, before the range mapping.
        clipped: share of its values that the mapping clipped, 0 to 1.
    """

    kernel: str
    output: str | None
    data: bytes | None = None
    skipped: bool = False
    input_shape: tuple[int, int] = (0, 0)
    shape: tuple[int, int] = (0, 0)
    method: str = ""
    minimum: float = 0
    maximum: float = 0
    clipped: float = 0


class JobResult(NamedTuple):
    """What one input came to.

    Attributes:
        path: the input.
        results: what was made, also before a fault.
        joint: the files made of all results.
        window: a figure to be shown in a window.
        notes: what the user should know.
        error: what stopped it.
        seconds: wall time.
    """

    path: str
    results: tuple[OutputResult, ...] = ()
    joint: tuple[SummaryFile, ...] = ()
    window: Any = None
    notes: tuple[str, ...] = ()
    error: ConvcliError | None = None
    seconds: float = 0.0
