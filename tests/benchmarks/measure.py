"""Check that contestants agree, then time them by turns."""

import math
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from grid import Job
from numpy.typing import NDArray
from peers import Contestant, convcli

Prepare = Callable[[Job], Contestant | None]

TURN = 0.01  # seconds; a call that takes less is repeated
PAUSE = 0.002  # seconds, in which the threads of the one before stop spinning
SHARE = 2.0  # seconds that a contestant may spend on a row before it misses further rounds
CAP = 2.0  # seconds; a peer whose one run would take longer is left out of the row
CORNERS = (128, 512)  # pixels on a side of the corners that this is estimated on
UNCAPPED = ("filter2d", "sep_filter2d")
RELATIVE = 1e-4


class Measured(NamedTuple):
    """What a row has shown.

    Attributes:
        seconds: best time of each contestant.
        difference: greatest difference of each peer's result from the first contestant's.
        disagree: the peers for which it is too great.
    """

    seconds: dict[str, float]
    difference: dict[str, float]
    disagree: list[str]


def contest(job: Job, peers: Mapping[str, Prepare], repeats: int) -> Any:
    """Return the measurements of a job, and the peers left out with the seconds they would take."""
    contestants, left_out = {"convcli": convcli(job)}, {}
    for name, prepare in peers.items():
        seconds = 0.0 if name in UNCAPPED else estimate(job, prepare)
        if seconds > CAP:
            left_out[name] = seconds
        elif (contestant := prepare(job)) is not None:
            contestants[name] = contestant
    return measure(contestants, repeats), left_out


def measure(contestants: dict[str, Contestant], repeats: int) -> Measured:
    """Compare every result with the first contestant's, then time all by turns."""
    best: dict[str, float] = {}
    difference: dict[str, float] = {}
    disagree: list[str] = []
    ours: NDArray[Any] | None = None
    for name, contestant in contestants.items():
        start = time.perf_counter()
        result = contestant.run()
        best[name] = time.perf_counter() - start
        theirs = contestant.read(result)
        if ours is None:
            ours = theirs
            continue
        difference[name], agrees = compare(ours, theirs, contestant.margin)
        if not agrees:
            disagree.append(name)
    ours = result = theirs = None  # free before timing
    spent = dict(best)
    for _ in range(repeats):
        for name, contestant in contestants.items():
            if spent[name] < SHARE:
                seconds, used = _turn(contestant.run)
                best[name] = min(best[name], seconds)
                spent[name] += used
    return Measured(best, difference, disagree)


def compare(ours: NDArray[Any], theirs: NDArray[Any], margin: int = 0) -> tuple[float, bool]:
    """Return the greatest difference, and whether it is no more than rounding explains.

    That is one gray level, or 1e-4 of the largest value: single precision over many taps.
    """
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        return math.inf, False
    if margin:
        inner = np.s_[margin:-margin, margin:-margin]
        ours, theirs = ours[inner], theirs[inner]
    greatest = peak = 0.0
    for row in range(0, len(ours), 64):  # no float copy of a large result
        mine = ours[row : row + 64].astype(np.float64)
        greatest = np.maximum(greatest, np.abs(mine - theirs[row : row + 64]).max())
        peak = max(peak, np.abs(mine).max())
    allowed = max(RELATIVE * peak, 1.0 if ours.dtype.kind in "iu" else 0.0)
    return float(greatest), bool(greatest <= allowed)


def estimate(job: Job, prepare: Prepare) -> float:
    """Return the seconds that a run would take, from some on a corner of the image.

    Where a small corner says that it is too slow, it may have waited for a core: a larger one
    decides.
    """
    seconds = 0.0
    for side in CORNERS:
        corner = np.ascontiguousarray(job.image[:side, :side])
        contestant = prepare(job._replace(image=corner))
        if contestant is None:
            return 0.0
        once = min(_turn(contestant.run, least=0.0)[0] for _ in range(2))
        seconds = once * job.image.size / corner.size
        if seconds <= CAP:
            break
    return seconds


def _turn(run: Callable[[], Any], least: float = TURN) -> tuple[float, float]:
    """Return the best time of a call, and the time of all its repetitions."""
    time.sleep(PAUSE)
    best, first = math.inf, time.perf_counter()
    start = first
    while True:
        run()
        now = time.perf_counter()
        best = min(best, now - start)
        if now - first >= least:
            return best, now - first
        start = now
