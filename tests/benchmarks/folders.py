"""The benchmark of folders: ``python tests/benchmarks/folders.py [--quick] [--only PATTERN] ...``.

Rows ``folder JPEG`` and ``folder PNG`` time whole commands on 256 photographs of 1024x768 under the
kernel outline: ``convcli apply -j 2``, a script with OpenCV in two processes
(``opencv_folder.py``), and ImageMagick's mogrify with its own threads, if it is installed. All
write JPEG of quality 95, or PNG as each does by default. ``jobs JPEG`` and ``jobs PNG`` time
``-j 1`` against ``-j 2``. ``tiny N`` is a folder of N images of 16x16: the peak memory of the
parent process alone, the time per image, and the time until the first name is on stdout.

All contestants take turns in one run (A B A B ...), and medians are compared. The inputs lie in
the page cache, the results are written to the same file system (TMPDIR names another) and removed
after each turn, and the start of the processes counts. A round before the first is not counted.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from commands import SAMPLES, _difference
from machine import machine
from PIL import Image

SCRIPT = Path(__file__).with_name("opencv_folder.py")
JOBS = 2
SUFFIXES = {"JPEG": ".jpg", "PNG": ".png"}
ASKED = {"opencv": 1.0, "mogrify": 0.25}
TEXTS = {
    "faster": "{:.2f} times as fast (asked 1.85)",
    "peak_mib": "peak of the parent {:.1f} MiB",
    "each_ms": "{:.3f} ms an image after the first",
    "whole_ms": "{:.3f} from the start",
    "first": "first name after {:.2f} s (asked 0.5)",
    "peak_ratio": "peak {:.2f} times as much (asked 1.2)",
    "each_ratio": "an image {:.2f} times as long (asked 1)",
}
KERNEL = "3x3: -1,-1,-1 -1,8,-1 -1,-1,-1"
MEBI = 2**20
SLOW = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED")  # they slow a Python's start
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in SLOW}

Record = dict[str, Any]
Command = list[str]


class Scale(NamedTuple):
    """How many images, of which (width, height), in how many turns."""

    images: int = 256
    size: tuple[int, int] = (1024, 768)
    repeats: int = 5
    tiny: tuple[int, ...] = (1_000, 100_000)
    tiny_repeats: int = 3


FULL, QUICK = Scale(), Scale(images=32, repeats=3, tiny=(200, 2_000))


def main() -> None:
    options = _options()
    scale = QUICK if options.quick else FULL
    if options.repeats:
        scale = scale._replace(repeats=options.repeats, tiny_repeats=options.repeats)
    about, mogrify = machine(), find_mogrify()
    print(f"{about['cpu']}, {about['cores']} cores, load {about['load']:.1f}")
    print(", ".join(f"{name} {number or 'missing'}" for name, number in about["versions"].items()))
    print(" ".join(mogrify) or "left out, since it is not installed: ImageMagick's mogrify")
    rows: list[Record] = []
    try:
        with TemporaryDirectory() as place:
            for row in measure(options.convcli, mogrify, scale, options.only, Path(place)):
                print(line(row), flush=True)
                rows.append(row)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
    about["load_after"] = os.getloadavg()[0]
    print(f"load afterwards {about['load_after']:.1f}")
    if options.json:
        results = {"machine": about, "scale": scale._asdict(), "rows": rows}
        options.json.write_text(json.dumps(results, indent=1) + "\n")


def measure(
    convcli: Command, mogrify: Command, scale: Scale, only: re.Pattern[str], place: Path
) -> Iterator[Record]:
    """Yield the rows whose names a pattern is found in, and those that share their runs."""
    for form in SUFFIXES:
        if only.search(f"folder {form}") or only.search(f"jobs {form}"):
            yield from _folders(convcli, mogrify, scale, place / form)
    counts = [count for count in scale.tiny if only.search(f"tiny {count}")]
    yield from _tiny(convcli, counts, scale.tiny_repeats, place)


def line(row: Record) -> str:
    """Return a row as it is printed."""
    return f"{row['row']:15}{', '.join(_cells(row))}{'' if row.get('agree', True) else ' !'}"


def _cells(row: Record) -> Iterator[str]:
    for who, seconds in row.get("seconds", {}).items():
        yield f"{who} {seconds:.2f} s"
    for who, ratio in row.get("ratio", {}).items():
        yield f"{ratio:.2f} of {who} (asked {ASKED[who]})"
    if "written_mib" in row:
        yield "/".join(f"{size:.0f}" for size in row["written_mib"].values()) + " MiB written"
    for figure, text in TEXTS.items():
        if figure in row:
            yield text.format(row[figure])


def find_mogrify() -> Command:
    """Return ImageMagick's command; nothing where it is missing, or something else by its name."""
    for command in (["mogrify"], ["magick", "mogrify"]):
        if shutil.which(command[0]):
            version = subprocess.run([*command, "-version"], capture_output=True).stdout
            if version.startswith(b"Version: ImageMagick"):
                return command
    return []


def _folders(convcli: Command, mogrify: Command, scale: Scale, place: Path) -> Iterator[Record]:
    """Time one format; the rows ``folder`` and ``jobs`` share convcli's turns on two processes."""
    form, folder, out = place.name, place / "in", place / "out"
    make_photographs(folder, SUFFIXES[form], scale)
    apply = [*convcli, "apply", "-k", "outline", str(folder), "--out-dir", str(out), "-j"]
    contestants = {
        "convcli": [*apply, str(JOBS)],
        "opencv": [sys.executable, str(SCRIPT), str(folder), str(out), str(JOBS)],
        "-j 1": [*apply, "1"],
    }
    if mogrify:
        options = ["-path", str(out), "-morphology", "Convolve", KERNEL]
        options += ["-quality", "95"] if form == "JPEG" else []
        contestants["mogrify"] = [*mogrify, *options, *map(str, sorted(folder.iterdir()))]
    runs, written, agree = _turns(contestants, folder, out, scale.repeats)
    seconds = {who: median(times) for who, times in runs.items()}
    ours, alone = seconds["convcli"], seconds.pop("-j 1")
    ratio = {who: ours / seconds[who] for who in seconds if who != "convcli"}
    about = {"written_mib": written, "agree": agree, "runs": runs}
    yield {"row": f"folder {form}", "seconds": seconds, "ratio": ratio, **about}
    pair = {"-j 1": alone, f"-j {JOBS}": ours}
    yield {"row": f"jobs {form}", "seconds": pair, "faster": alone / ours}


def _turns(
    contestants: dict[str, Command], folder: Path, out: Path, repeats: int
) -> tuple[dict[str, list[float]], dict[str, float], bool]:
    """Return each contestant's times, its MiB written, and whether the results agree."""
    runs: dict[str, list[float]] = {who: [] for who in contestants}
    written, samples = {}, {}
    for turn in range(repeats + 1):
        for who, command in contestants.items():
            out.mkdir()
            start = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=ENVIRONMENT)
            seconds = time.perf_counter() - start
            results = sorted(out.iterdir())
            if len(results) != len(list(folder.iterdir())):
                raise RuntimeError(f"{who} wrote {len(results)} images")
            if turn == 0:  # also warms up
                written[who] = sum(path.stat().st_size for path in results) / MEBI
                samples[who] = folder.with_name(f"{who} {results[0].name}")
                results[0].rename(samples[who])
            else:
                runs[who].append(seconds)
            shutil.rmtree(out)
    ours, *others = samples.values()
    return runs, written, all(_difference(ours, other)["agree"] for other in others)


def _tiny(convcli: Command, counts: list[int], repeats: int, place: Path) -> Iterator[Record]:
    """Watch convcli on folders of tiny images, by turns, and compare the largest and the least.

    What the start costs is measured apart, so an image's time is that after the first name.
    """
    folders = {count: place / f"tiny{count}" for count in counts}
    for count, folder in folders.items():
        make_tiny(folder, count)
    out = place / "tiny-out"
    runs: dict[int, list[dict[str, float]]] = {count: [] for count in counts}
    for _ in range(repeats):
        for count, folder in folders.items():
            command = [*convcli, "apply", "-k", "outline", str(folder), "--out-dir", str(out)]
            runs[count].append(_watched(command))
            shutil.rmtree(out)
    rows = {count: _tiny_row(count, watched) for count, watched in runs.items()}
    yield from rows.values()
    if len(rows) > 1:
        few, many = rows[min(rows)], rows[max(rows)]
        yield {
            "row": "tiny, many/few",
            "peak_ratio": many["peak_mib"] / few["peak_mib"],
            "each_ratio": many["each_ms"] / few["each_ms"],
        }


def _tiny_row(count: int, runs: list[dict[str, float]]) -> Record:
    return {
        "row": f"tiny {count}",
        "peak_mib": median(run["peak_mib"] for run in runs),
        "each_ms": median(run["seconds"] - run["first"] for run in runs) / (count - 1) * 1000,
        "whole_ms": median(run["seconds"] for run in runs) / count * 1000,
        "first": median(run["first"] for run in runs),
        "runs": runs,
    }


def _watched(command: Command) -> dict[str, float]:
    """Run a command; its peak memory is its own, without that of the processes it starts."""
    start, peak = time.perf_counter(), 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=ENVIRONMENT) as child:
        assert child.stdout is not None
        pipe = child.stdout.fileno()
        data = os.read(pipe, 1)
        first = time.perf_counter() - start
        while data:
            peak = max(peak, _high_water(child.pid))
            time.sleep(0.01)  # not to take the workers' time at every name
            data = os.read(pipe, 1 << 16)
    if child.returncode:
        raise RuntimeError(f"failed: {' '.join(command)}")
    return {"seconds": time.perf_counter() - start, "first": first, "peak_mib": peak / MEBI}


def _high_water(pid: int) -> int:
    """Return the most memory that a process has had, in bytes; 0 where the system has no /proc."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s*(\d+) kB", status)
    return int(found[1]) * 1024 if found else 0


def make_photographs(folder: Path, suffix: str, scale: Scale) -> None:
    """Write crops of an enlarged photograph, turned and with the noise of a sensor."""
    folder.mkdir(parents=True)
    width, height = scale.size
    with Image.open(SAMPLES / "rocket.jpg") as image:
        large = image.convert("RGB").resize((2 * width, 2 * height), Image.Resampling.BICUBIC)
    pixels = np.asarray(large)
    options = {"quality": 95} if suffix == ".jpg" else {"compress_level": 1}
    for number in range(scale.images):
        random = np.random.default_rng(number)
        top, left = random.integers(height), random.integers(width)
        crop = pixels[top : top + height, left : left + width, :][:, :: (-1) ** number]
        noise = random.normal(0, 3, (height, width, 1)).astype(np.float32)
        noisy = np.clip(np.rint(crop + noise), 0, 255).astype(np.uint8)
        Image.fromarray(noisy).save(folder / f"{number:03}{suffix}", **options)


def make_tiny(folder: Path, count: int) -> None:
    """Fill a folder with links to a few images of 16x16."""
    folder.mkdir()
    few = [folder.with_name(f"{folder.name}-{number}.png") for number in range(8)]
    for number, path in enumerate(few):
        pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3), np.uint8)
        Image.fromarray(pixels).save(path)
    for number in range(count):
        os.link(few[number % len(few)], folder / f"{number:06}.png")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[2])
    parser.add_argument("--quick", action="store_true", help="fewer images, in a minute")
    parser.add_argument(
        "--only", type=re.compile, default=re.compile(""), metavar="PATTERN",
        help="rows whose name a regular expression is found in, as in '^folder|^jobs PNG'",
    )  # fmt: skip
    parser.add_argument("--repeats", type=int, metavar="N", help="turns of each")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    parser.add_argument(
        "--convcli", type=lambda file: [file], default=[sys.executable, "-m", "convcli"],
        metavar="FILE", help="the command to time; this Python's convcli by default",
    )  # fmt: skip
    options = parser.parse_args()
    if options.json and not options.json.parent.is_dir():
        parser.error(f"there is no folder {options.json.parent}")
    return options


if __name__ == "__main__":
    main()
