"""Rows as they are printed and kept, and what they come to."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

from measure import Measured

Record = dict[str, Any]
OPENCV = "opencv"  # the faster of these
OPENCV_FUNCTIONS = ("filter2d", "sep_filter2d")
WIDTH = 53


def record(name: str, samples: int, measured: Measured, **more: Any) -> Record:
    """Return a row's figures; a ratio is convcli's time over the peer's."""
    ours = measured.seconds["convcli"]
    peers = {who: time for who, time in measured.seconds.items() if who != "convcli"}
    ratio = {who: ours / time for who, time in peers.items()}
    if found := [ratio[who] for who in OPENCV_FUNCTIONS if who in ratio]:
        ratio[OPENCV] = max(found)
    return {
        "row": name,
        **more,
        "samples": samples,
        "ns_per_sample": {who: time / samples * 1e9 for who, time in measured.seconds.items()},
        "ratio": ratio,
        "difference": measured.difference,
        "disagree": measured.disagree,
    }


def header(peers: Sequence[str]) -> str:
    return f"{'ns per sample, and ratio':{WIDTH}} {'convcli':>9}" + "".join(
        f" {peer:>13}" for peer in peers
    )


def line(row: Record, peers: Iterable[str]) -> str:
    """Return a row of the table: ``~`` too slow, ``!`` another result, ``.`` cannot do it."""
    cells = "".join(f" {_cell(row, peer):>13}" for peer in peers)
    return f"{row['row']:{WIDTH}} {row['ns_per_sample']['convcli']:9.2f}{cells}"


def command_line(row: Record) -> str:
    seconds, peak = row["seconds"], row["peak_mib"]
    return (
        f"{row['row']:{WIDTH}} {seconds['convcli']:.2f} s, OpenCV {seconds['opencv']:.2f} s"
        f" ({row['ratio']:.2f}); {peak['convcli']:.0f} MiB, OpenCV {peak['opencv']:.0f} MiB"
        f" ({row['peak_ratio']:.2f}){'' if row['agree'] else ' !'}"
    )


def geometric_mean(values: Sequence[float]) -> float:
    return math.exp(sum(map(math.log, values)) / len(values))


def means(rows: Sequence[Record]) -> Record:
    """Return the geometric mean and the worst ratio to each peer, over several sets of rows."""
    large = [row for row in rows if row.get("megapixels", 0) >= 1]
    sets = {
        "all rows": [row for row in rows if "kernel" in row],
        ">= 1 MP": large,
        ">= 1 MP, integer kernels on uint8": [row for row in large if _is_integer(row)],
        "banks": [row for row in rows if "filters" in row],
        "banks of >= 32": [row for row in rows if row.get("filters", 0) >= 32],
    }
    return {label: figures for label, chosen in sets.items() if (figures := _figures(chosen))}


def summary(rows: Sequence[Record]) -> Iterable[str]:
    """Yield the means and the disagreements as lines."""
    yield "geometric mean of ratios (worst row)"
    for label, figures in means(rows).items():
        yield label
        for peer, figure in figures.items():
            mean, worst, row = figure["mean"], figure["worst"], figure["worst_row"]
            yield f"  {peer:20} {mean:7.3f}  {figure['rows']:4} rows  (worst {worst:.2f}: {row})"
    for row in rows:
        if row["row"].startswith("outline uint8->uint8") and row.get("megapixels") == 0.004:
            yield _overhead(row)
        if row.get("megapixels") == 100:
            yield from _flatness(row, rows)
        for peer in row["disagree"]:
            yield f"DISAGREES: {row['row']}: {peer} by {row['difference'][peer]:.4g}"


def _overhead(row: Record) -> str:
    """Say what a call costs on a small image."""
    spent = {who: figure * row["samples"] / 1000 for who, figure in row["ns_per_sample"].items()}
    calls = ", ".join(f"{who} {figure:.0f} us" for who, figure in spent.items())
    return f"a call on 64x64 pixels: {calls}"


def _flatness(row: Record, rows: Sequence[Record]) -> Iterable[str]:
    """Say what a sample costs in a large image, over what it does at 1 megapixel."""
    name = row["row"].replace(" 100MP", " 1MP")
    for small in rows:
        if small["row"] == name:
            ratio = row["ns_per_sample"]["convcli"] / small["ns_per_sample"]["convcli"]
            yield f"cost per sample over that at 1MP: {ratio:.2f}: {row['row']}"


def _figures(rows: Sequence[Record]) -> Record:
    figures = {}
    for peer in dict.fromkeys(peer for row in rows for peer in row["ratio"]):
        ratios = {row["row"]: row["ratio"][peer] for row in rows if peer in row["ratio"]}
        worst = max(ratios, key=lambda name: ratios[name])
        figures[peer] = {
            "mean": geometric_mean(list(ratios.values())),
            "rows": len(ratios),
            "worst": ratios[worst],
            "worst_row": worst,
        }
    return figures


def _is_integer(row: Record) -> bool:
    return bool(row["integer_kernel"] and row["source"] == row["target"] == "uint8")


def _cell(row: Record, peer: str) -> str:
    if peer in row["left_out"]:
        return "~"
    if peer not in row["ratio"]:
        return "."
    mark = "!" if peer in row["disagree"] else ""
    return f"{row['ns_per_sample'][peer]:.2f} {row['ratio'][peer]:5.2f}{mark}"
