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
import rows
from measure import measure
from peers import contestants, is_installed, library_of
from table import Result, header, line, mean, mean_line
from work import Work

GROUPS = [*rows.GROUPS, *commands.GROUPS]
REPEATS, QUICK_REPEATS = 9, 2
QUICK_STEP = 3  # a quick run takes every third row of a group
QUICK_SECONDS = 45  # and begins no row later than this
LIBRARIES = ("numpy", "pillow", "opencv-python-headless", "scipy", "torch")


class Run:
    """One run: what is asked for, what was left out and why."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.only, self.quick = options.only, options.quick
        self.repeats = options.repeats or (QUICK_REPEATS if self.quick else REPEATS)
        self.deadline = time.monotonic() + (QUICK_SECONDS if self.quick else float("inf"))
        self.left_out: dict[str, list[str]] = {}

    def results(self, group: str) -> Iterator[Result]:
        if group in rows.GROUPS:
            yield from self._calls(group)
        else:
            yield from self._commands(group)

    def _calls(self, group: str) -> Iterator[Result]:
        table = rows.GROUPS[group].rows
        for row in self._chosen(group, [(row.work, row) for row in table]):
            if not is_installed(row.peer):
                self._leave_out(group, row.work, f"{library_of(row.peer)} is not installed")
                continue
            work = Work.parse(row.work)
            times = measure(work, contestants(work, row.peer), self.repeats)
            yield Result(
                group, row.work, row.peer, times.seconds, times.one_thread, row.goal, row.call,
                note=row.note, differs=times.differs,
            )  # fmt: skip

    def _commands(self, group: str) -> Iterator[Result]:
        table = commands.GROUPS[group]
        for command in self._chosen(group, [(command.name, command) for command in table]):
            if not is_installed("filter2D"):
                self._leave_out(group, command.name, "cv2 is not installed")
            elif self.quick and command.big:
                self._leave_out(group, command.name, "too big for --quick")
            else:
                with TemporaryDirectory() as folder:
                    yield from commands.measure(group, command, self.repeats, Path(folder))

    def _chosen(self, group: str, table: list[tuple[str, Any]]) -> Iterator[Any]:
        named = [(name, entry) for name, entry in table if self.only.search(name)]
        for number, (name, entry) in enumerate(named):
            if self.quick and group in rows.GROUPS and number % QUICK_STEP:
                self._leave_out(group, name, f"--quick takes one row in {QUICK_STEP}")
            elif time.monotonic() > self.deadline:
                self._leave_out(group, name, "no time left for it in --quick")
            else:
                yield entry

    def _leave_out(self, group: str, row: str, reason: str) -> None:
        self.left_out.setdefault(reason, []).append(f"{group}: {row}")


def main() -> None:
    options = _options()
    before = _ratios(options.compare) if options.compare else {}
    results: dict[str, Any] = {"machine": machine(), "commit": commit(), "rows": [], "means": {}}
    about, run = results["machine"], Run(options)
    print(f"{about['cpu']}, {about['cores']} cores, load {about['load']:.1f}")
    print(", ".join(f"{name} {number or 'missing'}" for name, number in about["versions"].items()))
    print(header(bool(before)))
    try:
        for group in options.groups or GROUPS:
            shown = []
            for result in run.results(group):
                print(line(result, before.get(key(result._asdict()))), flush=True)
                shown.append(result)
                results["rows"].append(result.record())
            if shown and group in rows.GROUPS and (goal := rows.GROUPS[group].mean):
                results["means"][group] = mean(shown, goal)
                print(mean_line(group, results["means"][group]))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    about["load_after"] = os.getloadavg()[0]
    over = sum(not row["ok"] for row in results["rows"])
    print(f"{len(results['rows'])} rows, {over} over; load afterwards {about['load_after']:.1f}")
    for reason, names in run.left_out.items():
        print(f"left out, {reason}: {len(names)} rows, first {names[0]}")
    if options.json:
        results["left_out"] = run.left_out
        options.json.write_text(json.dumps(results, indent=1) + "\n")


def machine() -> dict[str, Any]:
    """Return the processor, its cores, how busy they are, and the versions of the libraries."""
    return {
        "cpu": _cpu_model(),
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
    if listing.exists():
        for text in listing.read_text().splitlines():
            if text.startswith("model name"):
                return text.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _ratios(path: Path) -> dict[tuple[str, ...], float]:
    old = json.loads(path.read_text())
    return {key(row): row["ratio"] for row in old["rows"]}


def key(row: dict[str, Any]) -> tuple[str, ...]:
    return row["group"], row["row"], row["peer"]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "groups", nargs="*", metavar="GROUP", help=f"of {', '.join(GROUPS)}; all by default"
    )
    parser.add_argument("--quick", action="store_true", help="fewer rows and turns, in a minute")
    parser.add_argument(
        "--only", type=re.compile, default=re.compile(""), metavar="PATTERN",
        help="rows whose name a regular expression is found in, as in 'nan.* 3x3'",
    )  # fmt: skip
    parser.add_argument("--repeats", type=int, metavar="N", help=f"turns of each ({REPEATS})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    parser.add_argument(
        "--compare", type=Path, metavar="FILE", help="add the ratios of such a file as 'before'"
    )
    options = parser.parse_args()
    if unknown := set(options.groups) - set(GROUPS):
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    if options.json and not options.json.parent.is_dir():
        parser.error(f"there is no folder {options.json.parent}")
    return options


if __name__ == "__main__":
    main()
