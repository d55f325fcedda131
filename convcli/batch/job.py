"""What became of an input: its results, what to tell of them, and what went wrong."""

from typing import Any, NamedTuple

from convcli.batch.outputs import Joint
from convcli.errors import ConvcliError


class Result(NamedTuple):
    """One picture made, or left as it was.

    Attributes:
        kernel: label of the kernel or the set.
        output: the file's name, ``-`` for standard output; None where the result only went into
            joint files.
        data: the bytes for standard output.
        skipped: it existed and was left alone; what follows is then empty.
        input_size, size: (rows, columns) before and after.
        method: how the feature map was computed, in a line.
        minimum, maximum: of the feature map, before the range mapping.
        clipped: share of its values that the mapping clipped, 0 to 1.
    """

    kernel: str
    output: str | None
    data: bytes | None = None
    skipped: bool = False
    input_size: tuple[int, int] = (0, 0)
    size: tuple[int, int] = (0, 0)
    method: str = ""
    minimum: float = 0
    maximum: float = 0
    clipped: float = 0


class Outcome(NamedTuple):
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
    results: tuple[Result, ...] = ()
    joint: tuple[Joint, ...] = ()
    window: Any = None
    notes: tuple[str, ...] = ()
    error: ConvcliError | None = None
    seconds: float = 0.0
