"""Rows as they are printed, written and compared."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from peers import OURS

WIDTH = 66


class Result(NamedTuple):
    """What a row has shown.

    Attributes:
        group, row, peer: its names.
        figures: seconds, or bytes, of convcli and of the peer.
        one_thread: the same on one thread; may be empty.
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
        judged = {"ratio": self.ratio, "ok": self.ok}
        return {**self._asdict(), **judged, "one_thread_ratio": self.one_thread_ratio}


def header(comparing: bool) -> str:
    more = f" {'before':>8} {'change':>7}" * comparing
    return (
        f"{'row':{WIDTH}} {'ours':>9} {'peer':>9} {'':11} {'ratio':>8} {'goal':>11}     "
        f" {'1 thread':>8}{more}"
    )


def line(result: Result, before: float | None = None) -> str:
    """Return a row of the table; ``before`` is its ratio in an older run."""
    goal = f"{result.goal:.3g}" + f" | {result.call * 1e6:.0f} us" * bool(result.call)
    cells = [
        f"{f'{result.group}: {result.row}':{WIDTH}}",
        f"{quantity(result.figures[OURS], result.unit):>9}",
        f"{quantity(result.figures[result.peer], result.unit):>9}",
        f"{result.peer:11}",
        f"{result.ratio:8.2f}",
        f"{goal:>11}",
        "ok  " if result.ok else "over",
        f"{result.one_thread_ratio:8.2f}" if result.one_thread_ratio else f"{'':8}",
    ]
    if before:
        cells.append(f"{before:8.2f} {result.ratio / before:6.2f}x")
    notes = [result.note] * bool(result.note)
    notes += [f"DIFFERS from {result.peer}"] * result.differs
    return " ".join(cells).rstrip() + f"  ({'; '.join(notes)})" * bool(notes)


def quantity(value: float, unit: str) -> str:
    """Return a time or an amount of memory with its unit."""
    if unit == "B":
        return f"{value / 2**20:.0f} MiB"
    for factor, name in ((1, "s"), (1e3, "ms")):
        if value * factor >= 1:
            return f"{value * factor:.3g} {name}"
    return f"{value * 1e6:.3g} us"


def mean(results: Sequence[Result], goal: float) -> dict[str, Any]:
    """Return a group's geometric means, beside the goal, and its worst row."""
    ratios = [result.ratio for result in results]
    alone = [result.one_thread_ratio for result in results if result.one_thread_ratio]
    worst = max(results, key=lambda result: result.ratio)
    return {
        "rows": len(results),
        "mean": geometric_mean(ratios),
        "goal": goal,
        "one_thread_mean": geometric_mean(alone) if alone else None,
        "worst": worst.ratio,
        "worst_row": worst.row,
    }


def mean_line(group: str, mean: dict[str, Any]) -> str:
    judged = "ok" if mean["mean"] <= mean["goal"] else "over"
    alone = f"; one thread {mean['one_thread_mean']:.2f}" if mean["one_thread_mean"] else ""
    return (
        f"{group}: geometric mean of {mean['rows']} rows {mean['mean']:.2f}, "
        f"goal {mean['goal']}, {judged}{alone}; worst {mean['worst']:.2f}: {mean['worst_row']}"
    )


def geometric_mean(values: Sequence[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values))
