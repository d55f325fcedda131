"""Bands of windows on several threads, whose sums do not depend on how many threads there are."""

from collections.abc import Callable
from typing import TypeVar

from convcli.core.threads import MIN_THREADED_SIZE, for_each
from convcli.teaching.learn.windows import Windows

_MOST = 16  # bands; their results are added in one order
Result = TypeVar("Result")


def in_bands(
    work: Callable[[Windows], Result], windows: Windows, threads: int, step: int = 1
) -> list[Result]:
    """Do ``work`` on bands of a multiple of ``step`` rows; return the results in order."""
    height, width = windows.target.shape
    tall = -(-height // (step * _MOST)) * step
    starts = range(0, height, tall)
    results: dict[int, Result] = {}

    def take(start: int) -> None:
        band = windows.part(slice(start, min(start + tall, height)), slice(0, width))
        results[start] = work(band)

    worth = threads if windows.target.size * windows.count >= MIN_THREADED_SIZE else 1
    for_each(take, starts, min(worth, len(starts)))
    return [results[start] for start in starts]
