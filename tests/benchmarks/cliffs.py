"""Search at random for cliffs: work that takes far longer than the same work by another method.

Each draw is a work (see ``work.py``), timed on one thread beside the fastest peer that can do it,
or, where none can, beside plain work of the same shapes by convcli. A call of 25 microseconds is
never a cliff. The draws depend on the seed alone; ``--case`` times one of them again.
"""

import argparse
import os
import time
from collections.abc import Iterator
from math import prod
from random import Random
from typing import NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy loads: its threads spin
from measure import take_turns
from peers import OPENCV_TYPES, OURS, contestants, one_thread
from rows import CALL
from table import quantity
from work import DAMAGES, KERNELS, Work, ours, shape_of

RATIO = 3.0  # from here on it is a cliff
COST = 1e9  # multiplications of a draw at most
SLOW_COST = 1e8  # where the peers make a pass for each tap
FAR = 512  # pixels that a kernel may span for OpenCV
REPEATS = 2
FAST_PEERS = ("filter2D", "sepFilter2D", "blur", "dilate", "torch", "torch NCHW")
TYPES = ("u1", "u2", "i2", "f4", "f8", "u4", "i4", "i8")
IMAGES = ("photo", "photo", "noise", "sky", "offset")
FLOAT_IMAGES = (*IMAGES, "denormal", *DAMAGES)
NAMED = ("outline", "sharpen", "sobel-x", "laplacian", "log:9", "gaussian:15", "box:5", "box:31")


class Found(NamedTuple):
    """What a draw took, in seconds a call."""

    text: str
    ours: float
    theirs: float
    peer: str
    samples: int  # of the result

    @property
    def ratio(self) -> float:
        return self.ours / max(self.theirs, CALL / RATIO)

    def __str__(self) -> str:
        each = 1e9 / self.samples
        return (
            f"{self.ratio:9.1f} {quantity(self.ours):>9} {quantity(self.theirs):>9} {self.peer:11}"
            f" {self.ours * each:10.3g} {self.theirs * each:10.3g}   {self.text}"
        )


def draws(seed: int) -> Iterator[str]:
    """Yield random works without end."""
    random = Random(seed)
    while True:
        text = random.choice([_plane] * 6 + [_bank] * 2 + [_pool])(random)
        work = Work(text)
        taps = 1 if work.pooling else work.matrix().size
        maps = work.shape if work.pooling or work.matrix().ndim == 2 else work.shape[:2]
        if prod(maps) * taps <= (COST if _has_fast_peer(work) else SLOW_COST):
            yield text


def time_work(text: str) -> Found:
    """Time a work beside the fastest peer."""
    work = Work(text)
    slow = ("ndimage",) if work.span <= FAR else ("numpy take",)
    peers = FAST_PEERS if _has_fast_peer(work) else slow
    runs = {who: contestant.run for who, contestant in contestants(work, peers).items()}
    if len(runs) == 1:
        runs["plain work"] = ours(_plain(work))
    with one_thread():
        start = time.thread_time()
        samples = runs[OURS]().size
        first = time.thread_time() - start
        seconds = take_turns(runs, REPEATS, time.thread_time, {OURS: first})
    peer = min(seconds.keys() - {OURS}, key=lambda who: seconds[who])
    return Found(text, seconds[OURS], seconds[peer], peer, samples)


def _plane(random: Random) -> str:
    dtype, kernel = random.choice(TYPES), random.choice(NAMED)
    if random.random() < 0.8:
        rows, columns = _log_uniform(random, 1, 127), _log_uniform(random, 1, 127)
        shapes = [(rows, rows)] * 4 + [(rows, columns), (1, columns), (rows, 1)]
        kernel = f"{random.choice(tuple(KERNELS))} {'{}x{}'.format(*random.choice(shapes))}"
    dilation = random.choice([1, 1, 1, 2, 4, _log_uniform(random, 1, 5000)])
    return _text(
        f"{_kind(random, dtype)} {dtype} {_shape(random)}",
        kernel,
        f"stride {random.choice([1, 1, 1, 2, 3, 4])}",
        f"dilation {dilation}",
        random.choice(["", "", "to u1" if dtype == "u1" else "to f4"]),
        random.choice(["", "", "zero"]),
        random.choice([""] * 9 + ["new"]),
    )


def _bank(random: Random) -> str:
    """Draw a bank, or at times one filter that sums over the channels."""
    channels, filters = _log_uniform(random, 1, 512), _log_uniform(random, 1, 512)
    rows, columns = (random.choice([1, 3, 3, 3, 5, 7, 11]) for _ in range(2))
    one = f"{channels}x{rows}x{random.choice([rows, rows, columns])}"
    kind = random.choice(["noise", "noise", "photo", "sky", "nan-one"])
    weights = random.choice(["normal32", "normal", "positive", "sparse"])
    return _text(
        f"{kind} {random.choice(['f4', 'f4', 'f8'])} {_shape(random, 256, channels)}",
        f"{weights} {random.choice([f'{filters}x{one}'] * 4 + [one])}",
        f"stride {random.choice([1, 1, 2])}",
        f"dilation {random.choice([1, 1, 2])}",
        "zero",
        random.choice([""] * 9 + ["new"]),
    )


def _pool(random: Random) -> str:
    dtype, shape = random.choice(["u1", "u2", "f4", "f8"]), _shape(random)
    sides = [random.choice([_log_uniform(random, 1, 101), 3, 2]) for _ in range(2)]
    sides = random.choice([sides, sides[:1] * 2])
    rows, columns = map(min, sides, shape_of(shape))
    kernel = f"{random.choice(['max', 'avg'])} {rows}x{columns}"
    image = f"{_kind(random, dtype)} {dtype} {shape}"
    return _text(image, kernel, f"stride {random.choice([1, 1, 2, rows])}")


def _text(image: str, kernel: str, *options: str) -> str:
    options = tuple(one for one in options if one and one not in ("stride 1", "dilation 1"))
    return " | ".join([image, kernel, *[", ".join(options)] * bool(options)])


def _kind(random: Random, dtype: str) -> str:
    return random.choice(FLOAT_IMAGES if dtype[0] == "f" else IMAGES)


def _shape(random: Random, longest: int = 1024, channels: int | None = None) -> str:
    """Draw rows and columns, for color sometimes few of one and many of the other."""
    rows, columns = _log_uniform(random, 1, longest), _log_uniform(random, 1, longest)
    few, many = _log_uniform(random, 1, 100), _log_uniform(random, 1000, 200_000)
    shapes = [(rows, rows), (rows, columns)]
    if not channels:
        many = min(many, 10**6 // few)
        shapes = [*shapes * 2, (few, many), (many, few)]
        channels = random.choice([None, None, 3, 4])
    return "x".join(map(str, (*random.choice(shapes), *[channels] * bool(channels))))


def _log_uniform(random: Random, low: int, high: int) -> int:
    return round(low * (high / low) ** random.random())


def _has_fast_peer(work: Work) -> bool:
    return work.dtype in OPENCV_TYPES and work.span <= FAR


def _plain(work: Work) -> Work:
    """Return a work of the same shapes without difficulties: noise, weights above 0."""
    _, dtype, shape = work.image.split()
    kernel = work.kernel if work.pooling else "positive " + "x".join(map(str, work.matrix().shape))
    options = work.text.split(" | ")[2:]
    return Work(" | ".join([f"noise {dtype} {shape}", kernel, *options]))


def main() -> None:
    options = _options()
    found: list[Found] = []
    end = time.monotonic() + options.seconds
    try:
        for text in options.case or draws(options.seed):
            if time.monotonic() > end:
                break
            found.append(time_work(text))
            if options.verbose:
                print(found[-1], flush=True)
    except KeyboardInterrupt:
        print("interrupted")
    cliffs = sum(one.ratio > RATIO for one in found)
    print(f"seed {options.seed}: {len(found)} draws, {cliffs} over {RATIO:g}; the worst:")
    print(f"{'ratio':>9} {'ours':>9} {'peer':>9} {'':11} {'ours ns':>10} {'peer ns':>10} a sample")
    for one in sorted(found, key=lambda one: -one.ratio)[: options.worst]:
        print(one)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60, metavar="N", help="how long (60)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the draws (0)")
    parser.add_argument("--worst", type=int, default=40, metavar="N", help="rows to print (40)")
    parser.add_argument("--verbose", action="store_true", help="print each draw as it is timed")
    case = "time this instead; repeatable"
    parser.add_argument("--case", action="append", metavar="WORK", help=case)
    return parser.parse_args()


if __name__ == "__main__":
    main()
