"""The benchmark: one table of convcli beside other libraries and an OpenCV script.

Run it on a machine that does nothing else. ``README.md`` says how to read a row.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy loads: its threads spin
import commands
import numpy as np
from measure import measure
from peers import PEERS, contestants
from rows import GROUPS, MEANS, Row
from table import COMPARED, HEADER, Result, line, mean
from work import Work

TABLE: dict[str, list[Any]] = {**GROUPS, **commands.GROUPS}
START = time.monotonic()
REPEATS, QUICK_REPEATS = 9, 2
QUICK_STEP = 4  # a quick run takes every fourth row of a group
QUICK_SECONDS = 40  # and begins no row later than this
LIBRARIES = ("numpy", "pillow", "opencv-python-headless", "scipy", "torch")


def main() -> None:
    options = _options()
    old = json.loads(options.compare.read_text())["rows"] if options.compare else []
    before = {row["key"]: row for row in old}
    about, left_out = machine(), dict[str, list[str]]()
    simd = about["simd"][-1:]
    print(", ".join([about["cpu"], *simd, f"{about['cores']} cores, load {about['load']:.1f}"]))
    print(", ".join(f"{name} {number or 'missing'}" for name, number in about["versions"].items()))
    print(HEADER + COMPARED * bool(before))
    results: list[Result] = []
    try:
        for group in options.groups or TABLE:
            for result in measure_group(group, options, left_out):
                print(line(result, before.get(result.key)), flush=True)
                results.append(result)
            shown = [result for result in results if result.group == group]
            if group in MEANS and shown:
                print(mean(group, shown, MEANS[group]))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    about["load_after"] = os.getloadavg()[0]
    over = sum(not result.ok for result in results)
    print(f"{len(results)} rows, {over} over; load afterwards {about['load_after']:.1f}")
    for reason, names in left_out.items():
        print(f"left out, {reason}: {', '.join(names) if len(names) < 9 else len(names)}")
    if options.json:
        rows = [result.record() for result in results]
        written = {"machine": about, "commit": commit(), "rows": rows, "left_out": left_out}
        options.json.write_text(json.dumps(written, indent=1) + "\n")


def measure_group(
    group: str, options: argparse.Namespace, left_out: dict[str, list[str]]
) -> Iterator[Result]:
    """Yield the results of a group's rows, and say which are left out."""
    repeats = options.repeats or (QUICK_REPEATS if options.quick else REPEATS)
    for number, row in enumerate(row for row in TABLE[group] if options.only.search(row.name)):
        if reason := _reason_to_leave_out(row, number, options):
            left_out.setdefault(reason, []).append(f"{group}: {row.name}")
        elif isinstance(row, Row):
            work = Work(row.name)
            times = measure(work, contestants(work, (row.peer,)), repeats)
            yield Result(
                group, row.name, row.peer, times.seconds, times.one_thread, row.goal, row.call,
                note=row.note, differs=times.differs,
            )  # fmt: skip
        else:
            with TemporaryDirectory() as folder:
                yield from commands.measure(group, row, repeats, Path(folder))


def _reason_to_leave_out(row: Any, number: int, options: argparse.Namespace) -> str | None:
    peer = PEERS[row.peer if isinstance(row, Row) else "filter2D"]
    if not peer.installed:
        return f"{peer.library} is not installed"
    if not options.quick:
        return None
    if isinstance(row, Row) and number % QUICK_STEP:
        return f"--quick takes one row in {QUICK_STEP}"
    if not isinstance(row, Row) and row.big:
        return "too big for --quick"
    return "no time left in --quick" if time.monotonic() > START + QUICK_SECONDS else None


def machine() -> dict[str, Any]:
    """Return the processor, what numpy uses of it, its load, and the versions of the libraries."""
    return {
        "cpu": _cpu_model(),
        "simd": np.show_config(mode="dicts")["SIMD Extensions"].get("found", []),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in LIBRARIES},
    }


def commit() -> str | None:
    """Return the commit of the source tree, with ``-dirty`` after changes; None without git."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True)
    except OSError:
        return None
    return done.stdout.strip() or None


def _cpu_model() -> str:
    listing = Path("/proc/cpuinfo")
    text = listing.read_text() if listing.exists() else ""
    found = re.search(r"^model name\s*: (.*)", text, re.MULTILINE)
    return found[1] if found else platform.processor() or platform.machine()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    groups = f"of {', '.join(TABLE)}; all by default"
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=groups)
    parser.add_argument("--quick", action="store_true", help="a quarter of the rows, in a minute")
    only = "rows whose name a regular expression is found in, as in 'nan.* 3x3'"
    parser.add_argument(
        "--only", type=re.compile, default=re.compile(""), metavar="PATTERN", help=only
    )
    parser.add_argument("--repeats", type=int, metavar="N", help=f"turns of each ({REPEATS})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    before = "add the ratios of such a file as 'before'"
    parser.add_argument("--compare", type=Path, metavar="FILE", help=before)
    options = parser.parse_args()
    if unknown := set(options.groups) - set(TABLE):
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    if options.json and not options.json.parent.is_dir():
        parser.error(f"there is no folder {options.json.parent}")
    return options


if __name__ == "__main__":
    main()
