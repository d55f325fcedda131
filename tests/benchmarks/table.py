"""Rows as they are printed, written and compared."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from peers import OURS

WIDTH = 66
HEADER = (
    f"{'row':{WIDTH}} {'ours':>9} {'peer':>9} {'':11} {'ratio':>8} {'goal':>11}     "
    f" {'1 thread':>8}"
)
COMPARED = f" {'before':>8} {'change':>7} {'1 thread':>8} {'change':>7}"


class Result(NamedTuple):
    """What a row has shown.

    Attributes:
        group, row, peer: its names.
        figures: seconds, or bytes, of convcli and of the peer.
        one_thread: processor time of both, on one thread for calls; may be empty.
        goal: of our figure over the peer's.
        call: our seconds that reach the goal whatever the peer takes; 0 for none.
        unit: ``s`` or ``B``.
        note: printed beside the row.
        differs: whether the results differ by more than rounding explains.
    """

    group: str
    row: str
    peer: str
    figures: dict[str, float]
    one_thread: dict[str, float]
    goal: float
    call: float = 0
    unit: str = "s"
    note: str = ""
    differs: bool = False

    @property
    def key(self) -> str:
        return f"{self.group}: {self.row} ({self.peer})"

    @property
    def ratio(self) -> float:
        return self.figures[OURS] / self.figures[self.peer]

    @property
    def one_thread_ratio(self) -> float | None:
        return self.one_thread[OURS] / self.one_thread[self.peer] if self.one_thread else None

    @property
    def ok(self) -> bool:
        return self.ratio <= self.goal or self.figures[OURS] <= self.call

    def record(self) -> dict[str, Any]:
        """Return what goes into the JSON file."""
        judged = {"key": self.key, "ratio": self.ratio, "ok": self.ok}
        return {**self._asdict(), **judged, "one_thread_ratio": self.one_thread_ratio}


def line(result: Result, before: dict[str, Any] | None = None) -> str:
    """Return a row of the table; ``before`` is its record of an older run."""
    alone = result.one_thread_ratio
    then = [before and before["ratio"], before and before["one_thread_ratio"]]
    changes = [
        f" {old:8.2f} {now / old:6.2f}x" if now and old else " " * 17
        for now, old in zip((result.ratio, alone), then, strict=True)
    ]
    goal = f"{result.goal:.3g}" + f" | {result.call * 1e6:.0f} us" * bool(result.call)
    text = (
        f"{f'{result.group}: {result.row}':{WIDTH}}"
        f" {quantity(result.figures[OURS], result.unit):>9}"
        f" {quantity(result.figures[result.peer], result.unit):>9} {result.peer:11}"
        f" {result.ratio:8.2f} {goal:>11} {'ok  ' if result.ok else 'over'}"
        f" {f'{alone:.2f}' if alone else '':>8}{''.join(changes) if before else ''}"
    )
    notes = [result.note, f"DIFFERS from {result.peer}" if result.differs else ""]
    return f"{text} {'; '.join(filter(None, notes))}".rstrip()


def quantity(value: float, unit: str = "s") -> str:
    """Return a time or an amount of memory with its unit."""
    if unit == "B":
        return f"{value / 2**20:.0f} MiB"
    factor, name = (1, "s") if value >= 1 else (1e3, "ms") if value >= 1e-3 else (1e6, "us")
    return f"{value * factor:.3g} {name}"


def mean(group: str, results: Sequence[Result], goal: float) -> str:
    """Return a group's geometric means, beside the goal, and its worst row."""
    ratio = _geometric_mean([result.ratio for result in results])
    alone = _geometric_mean([result.one_thread_ratio or result.ratio for result in results])
    worst = max(results, key=lambda result: result.ratio)
    return (
        f"{group}: geometric mean of {len(results)} rows {ratio:.2f}, goal {goal}, "
        f"{'ok' if ratio <= goal else 'over'}; one thread {alone:.2f}; "
        f"worst {worst.ratio:.2f}: {worst.row}"
    )


def _geometric_mean(values: Sequence[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values))
