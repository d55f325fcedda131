"""Compare results, then time the contestants by turns."""

import gc
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from peers import Contestant, one_thread
from work import SENSIBLE, Array, Work

TURN = 0.01  # seconds; a call that takes less is repeated
BATCH = 5e-5  # seconds; calls that take less are timed several at a time
PAUSE = 0.002  # seconds, in which the threads of the one before stop spinning
SHARE = 2.0  # seconds that a contestant may spend on a row before it misses further turns
RELATIVE = 1e-4  # of the largest value: single precision over many taps


class Times(NamedTuple):
    """Seconds a call of each contestant: all threads by the clock, one thread in processor time.

    ``differs`` tells whether their results differ by more than rounding explains.
    """

    seconds: dict[str, float]
    one_thread: dict[str, float]
    differs: bool


def measure(work: Work, contestants: Mapping[str, Contestant], repeats: int) -> Times:
    """Compare the results of convcli and a peer, and time both."""
    first, results = {}, []
    for who, contestant in contestants.items():
        start = time.perf_counter()
        result = contestant.run()
        first[who] = time.perf_counter() - start
        results.append(contestant.read(result))
    differs = not work.new and not agree(*results, clean=work.is_clean)
    del result, results  # free before timing
    runs = {who: contestant.run for who, contestant in contestants.items()}
    seconds = take_turns(runs, repeats, time.perf_counter, first)
    if max(seconds.values()) > SHARE:
        return Times(seconds, {}, differs)
    with one_thread():
        return Times(seconds, take_turns(runs, repeats, time.thread_time), differs)


def agree(ours: Array, theirs: Array, clean: bool = True) -> bool:
    """Tell whether results differ by no more than rounding explains.

    That is one level of integers, or a part of the largest value. Of damaged images, only windows
    without damage are compared: the peers see 0 in its place.
    """
    if ours.shape != theirs.shape:
        return False
    peak = apart = 0.0
    for row in range(0, len(ours), 64):  # no float copy of a large result
        mine = ours[row : row + 64].astype(np.float64)
        other = theirs[row : row + 64].astype(np.float64)
        if not clean:
            kept = np.abs(mine) < SENSIBLE
            mine, other = mine[kept], other[kept]
        peak = max(peak, np.abs(mine).max(initial=0))
        apart = np.maximum(apart, np.abs(mine - other).max(initial=0))
    return bool(apart <= max(RELATIVE * peak, 1.0 if theirs.dtype.kind in "iu" else 0.0))


def take_turns(
    runs: Mapping[str, Callable[[], Any]],
    repeats: int,
    clock: Callable[[], float],
    first: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """Return the best time of a call of each, A B A B ...; ``first`` has those of first calls."""
    best = dict.fromkeys(runs, math.inf) | dict(first or {})
    spent = dict.fromkeys(runs, 0.0) | dict(first or {})
    with no_garbage_collection():
        for _ in range(repeats):
            for who, run in runs.items():
                if spent[who] < SHARE:
                    time.sleep(PAUSE)
                    seconds, used = _turn(run, clock)
                    best[who] = min(best[who], seconds)
                    spent[who] += used
    return best


def _turn(run: Callable[[], Any], clock: Callable[[], float]) -> tuple[float, float]:
    """Return the best time of a call, and the time of all repetitions."""
    start = first = clock()
    run()
    best = clock() - start
    batch = range(max(1, int(BATCH / max(best, 1e-6))))
    while (start := clock()) - first < TURN:
        for _ in batch:
            run()
        best = min(best, (clock() - start) / len(batch))
    return best, clock() - first


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
