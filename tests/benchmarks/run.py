"""The benchmark: ``python tests/benchmarks/run.py [--quick] [--only PATTERN] ...``.

Times ``convcli.cross_correlate`` beside the libraries that are installed, on one grid of kernels,
types, sizes, strides and dilations; then banks of filters beside torch; with ``--commands`` also
``convcli apply`` beside a script of ten lines that uses OpenCV. It needs convcli installed, and
the peers: opencv-python-headless, scipy, torch. What is missing is left out, and said.
scikit-image is no peer: it has no correlation of its own, and calls scipy.ndimage's.

Run it on a machine that does nothing else: a thread that waits for its core costs milliseconds,
and the JSON keeps the load before and after.

Every row first compares the results (one gray level, or 1e-4 of the largest value), then times the
contestants by turns in one process (A B A B ...) and keeps the best of each, with the threads that
each takes by default. A sample is one channel of one pixel of the input, for banks one pixel; a
ratio is convcli's time over the peer's: below 1, convcli is faster. OpenCV has no strides, so it
computes all results and picks; its dilated kernels are filled with zeros, which it skips. Of a
peer that would take over two seconds for one run, the row has nothing but a ``~``.
The whole grid takes one to two hours, with ``--peers filter2d,sep_filter2d`` less than half.
In the means, ``opencv`` is the faster of its two functions in each row.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import banks
import grid
from commands import measure_commands
from commands import names as command_names
from machine import machine
from measure import contest, measure
from peers import MISSING, PEERS
from report import Record, command_line, header, line, means, record, summary


def main() -> None:
    options = _options()
    results = json.loads(options.load.read_text()) if options.load else _measure_all(options)
    for text in summary(results["rows"]) if results["rows"] else ():
        print(text)
    if options.plot:
        from plot import draw

        draw(results["rows"], results["machine"], options.plot)


def _measure_all(options: argparse.Namespace) -> dict[str, Any]:
    """Measure and print what is asked for; an interrupt ends it, and keeps what there is."""
    results: dict[str, Any] = {"machine": machine(), "rows": [], "commands": [], "means": {}}
    about = results["machine"]
    print(f"{about['cpu']}, {about['cores']} cores, load {about['load']:.1f}")
    print(", ".join(f"{name} {number or 'missing'}" for name, number in about["versions"].items()))
    if MISSING:
        print(f"left out, since they are not installed: {', '.join(MISSING)}")
    try:
        for row in _grid(options):
            results["rows"].append(row)
        for row in _banks(options):
            results["rows"].append(row)
        if options.commands:
            results["commands"] += _commands(options)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    about["load_after"] = os.getloadavg()[0]
    results["means"] = means(results["rows"])
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n")
    return results


def _grid(options: argparse.Namespace) -> Iterator[Record]:
    peers = {name: peer for name, peer in PEERS.items() if name in options.peers}
    chosen = [row for row in grid.rows(options.quick) if options.only.search(row.name)]
    if chosen:
        print(header(list(peers)))
    for row in chosen:
        job = grid.job(row)
        measured, left_out = contest(job, peers, options.repeats)
        about = {**row._asdict(), "integer_kernel": job.kernel.matrix.dtype.kind == "i"}
        result = record(row.name, job.image.size, measured, **about, left_out=left_out)
        print(line(result, peers), flush=True)
        yield result


def _banks(options: argparse.Namespace) -> Iterator[Record]:
    chosen = [bank for bank in banks.banks(options.quick) if options.only.search(bank.name)]
    if not chosen or not {"torch"} & PEERS.keys() & set(options.peers):
        return
    print(header(banks.PEERS))
    for bank in chosen:
        measured = measure(banks.contestants(bank), options.repeats)
        pixels = banks.SHAPE[0] * banks.SHAPE[1]
        result = record(bank.name, pixels, measured, filters=bank.count, left_out={})
        print(line(result, banks.PEERS), flush=True)
        yield result


def _commands(options: argparse.Namespace) -> list[Record]:
    chosen = [name for name in command_names() if options.only.search(name)]
    if not {"filter2d"} & PEERS.keys() or not chosen:
        return []
    print("wall time and peak memory, and ratio")
    results = []
    with TemporaryDirectory() as folder:
        for row in measure_commands(chosen, 2 if options.quick else options.repeats, Path(folder)):
            print(command_line(row), flush=True)
            results.append(row)
    return results


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[2])
    parser.add_argument("--quick", action="store_true", help="a small grid, in a minute or two")
    parser.add_argument(
        "--only", type=re.compile, default=re.compile(""), metavar="PATTERN",
        help="rows whose name a regular expression is found in, as in '^outline .*RGB 1MP$'",
    )  # fmt: skip
    parser.add_argument(
        "--peers", type=lambda text: text.split(","), default=list(PEERS), metavar="A,B",
        help=f"of {', '.join(PEERS)}; all by default",
    )  # fmt: skip
    parser.add_argument("--repeats", type=int, default=5, help="turns of each (default 5)")
    parser.add_argument("--commands", action="store_true", help="whole commands too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the ratios to OpenCV")
    parser.add_argument(
        "--load", type=Path, metavar="FILE", help="measure nothing: sum up and draw such a JSON"
    )
    options = parser.parse_args()
    if unknown := set(options.peers) - PEERS.keys():
        parser.error(f"no such peer, or not installed: {', '.join(sorted(unknown))}")
    for path in (options.json, options.plot):
        if path and not path.parent.is_dir():
            parser.error(f"there is no folder {path.parent}")
    return options


if __name__ == "__main__":
    main()
