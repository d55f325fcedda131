"""One figure: the time of every row over OpenCV's."""

from pathlib import Path
from typing import Any

from grid import CHANNELS, KERNELS, SIZES, STEPS, TYPES
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from report import OPENCV, geometric_mean

Record = dict[str, Any]
COLORS = dict(zip(SIZES, ("#fdb863", "#e66101", "#8073ac", "#2d004b"), strict=True))
MARKERS = dict(zip(STEPS, ("o", "^", "s"), strict=True))
WORDS = dict(zip(STEPS, ("stride 1", "stride 2", "dilation 2"), strict=True))
SHIFT = {"gray": -0.2, "RGB": 0.2}
SPREAD = dict(zip(SIZES, (-0.09, -0.03, 0.03, 0.09), strict=True))


def draw(rows: list[Record], machine: Record, target: Path) -> None:
    """Draw the ratios to the faster of OpenCV's two functions, one panel for each pair of types."""
    rows = [row for row in rows if row.get("megapixels") in SIZES and OPENCV in row["ratio"]]
    if not rows:
        raise SystemExit("no row of the grid was measured beside OpenCV: nothing to draw")
    figure = Figure(figsize=(13, 9), layout="constrained")
    panels = figure.subplots(2, 2, sharex=True, sharey=True)
    for panel, types in zip(panels.flat, TYPES, strict=True):
        _panel(panel, types, [row for row in rows if (row["source"], row["target"]) == types])
    ratios = [row["ratio"][OPENCV] for row in rows]
    panels[0, 0].set_ylim(min(*ratios, 1) / 1.3, max(*ratios, 1) * 1.3)
    figure.supylabel("time of convcli / time of the faster of filter2D and sepFilter2D")
    figure.suptitle(f"Below 1, convcli is faster.  {machine['cpu']}, {machine['cores']} cores")
    sizes = [size for size in SIZES if any(row["megapixels"] == size for row in rows)]
    figure.legend(handles=_legend(sizes), loc="outside lower center", ncols=8, frameon=False)
    figure.savefig(target, dpi=110)


def _panel(panel: Axes, types: tuple[str, str], rows: list[Record]) -> None:
    panel.set_yscale("log")
    panel.axhline(1, color="black", linewidth=1)
    for tick in range(0, len(KERNELS), 2):
        panel.axvspan(tick - 0.5, tick + 0.5, color="black", alpha=0.04, linewidth=0)
    for row in rows:
        steps = row["stride"], row["dilation"]
        panel.plot(
            KERNELS.index(row["kernel"]) + SHIFT[row["channels"]] + SPREAD[row["megapixels"]],
            row["ratio"][OPENCV],
            MARKERS[steps],
            color=COLORS[row["megapixels"]],
            fillstyle="full" if steps == (1, 1) else "none",
            markersize=5,
            alpha=0.85,
        )
    title = " to ".join(types)
    if rows:
        title += f": geometric mean {geometric_mean([row['ratio'][OPENCV] for row in rows]):.2f}"
    panel.set_title(title)
    panel.set_xticks(range(len(KERNELS)), KERNELS, rotation=60, ha="right", rotation_mode="anchor")
    panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.yaxis.set_minor_formatter(NullFormatter())
    panel.grid(axis="y", alpha=0.3)
    panel.set_xlim(-0.5, len(KERNELS) - 0.5)


def _legend(sizes: list[float]) -> list[Line2D]:
    marks = [(COLORS[size], "o", "full", f"{size:g} MP") for size in sizes]
    marks += [
        ("gray", MARKERS[steps], "full" if steps == (1, 1) else "none", word)
        for steps, word in WORDS.items()
    ]
    handles = [
        Line2D([], [], color=color, marker=marker, fillstyle=style, linestyle="", label=label)
        for color, marker, style, label in marks
    ]
    sides = f"left of a tick {next(iter(CHANNELS))}, right RGB"
    return [*handles, Line2D([], [], linestyle="", label=sides)]
