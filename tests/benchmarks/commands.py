"""Whole commands: start, decode, filter, encode; each run is a process of its own.

``convcli apply`` and what a user of OpenCV writes in its place take turns. Inputs lie in the page
cache; results are removed before each run.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from peers import OURS
from PIL import Image
from table import Result
from work import SAMPLES

HERE = Path(__file__).parent
APPLY = "-m convcli apply -q -k outline {source}"
FILE = {
    OURS: f"{APPLY} -o {{target}}",
    "OpenCV": f"{HERE}/opencv_script.py {{source}} {{target}}",
}
FOLDER = {
    OURS: f"{APPLY} --out-dir {{target}} -j 2",
    "OpenCV": f"{HERE}/opencv_folder.py {{source}} {{target}} 2",
    "-j1": f"{APPLY} --out-dir {{target}} -j 1",
}
# Variables that slow a Python's start, and the one that run.py sets for itself.
UNWANTED = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "OPENBLAS_NUM_THREADS")
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in UNWANTED}


class Command(NamedTuple):
    """What is run side by side, on which input."""

    name: str
    make: Callable[[Path], Any]  # writes the input: a file or a folder
    source: str  # its name
    contestants: dict[str, str]
    goals: dict[tuple[str, str], float]  # of our figure (seconds, bytes) over a contestant's
    big: bool = True
    repeats: int = 9  # at most; the first run of several is not counted


def photograph(target: Path, size: tuple[int, int], seed: int = 0) -> None:
    """Write an enlarged photograph, turned in one of eight ways, with the noise of a sensor."""
    ways = list(Image.Transpose)
    with Image.open(SAMPLES / "rocket.jpg") as image:
        turned = image.convert("RGB").transpose(ways[seed % len(ways)])
        large = np.asarray(turned.resize(size, Image.Resampling.BICUBIC))
    noise = np.random.default_rng(seed).normal(0, 3, (*large.shape[:2], 1)).astype(np.float32)
    noisy = np.clip(np.rint(large + noise), 0, 255).astype(np.uint8)
    options = {"quality": 95} if target.suffix == ".jpg" else {"compress_level": 1}
    Image.fromarray(noisy).save(target, **options)


def photographs(folder: Path, count: int, size: tuple[int, int], suffix: str) -> None:
    folder.mkdir()
    for number in range(count):
        photograph(folder / f"{number:05}{suffix}", size, number)


def tiny_files(folder: Path, count: int) -> None:
    """Fill a folder with links to eight images of 16x16."""
    photographs(folder, 8, (16, 16), ".png")
    for number in range(8, count):
        os.link(folder / f"{number % 8:05}.png", folder / f"{number:05}.png")


def _sample(target: Path) -> None:
    shutil.copyfile(SAMPLES / "astronaut.png", target)


WALL, PEAK, TWO_JOBS = ("seconds", "OpenCV"), ("bytes", "OpenCV"), ("seconds", "-j1")
GROUPS = {
    "commands": [
        Command(
            "24 Mpx JPEG", partial(photograph, size=(6000, 4000)), "in.jpg", FILE,
            {WALL: 0.95, PEAK: 0.85},
        ),
        Command("512x512 PNG", _sample, "in.png", FILE, {WALL: 1.12}, big=False),
        Command(
            "3000x2000 PNG", partial(photograph, size=(3000, 2000)), "in.png", FILE,
            {WALL: 0.9}, big=False,
        ),
    ],
    "folders": [
        Command(
            "128 JPEGs of 1024x768",
            partial(photographs, count=128, size=(1024, 768), suffix=".jpg"), "in", FOLDER,
            {WALL: 1.0, TWO_JOBS: 1 / 1.8}, repeats=7,
        ),
        Command(
            "32 PNGs of 1024x768",
            partial(photographs, count=32, size=(1024, 768), suffix=".png"), "in", FOLDER,
            {WALL: 1.0, TWO_JOBS: 1 / 1.8}, repeats=7,
        ),
        Command(
            "20,000 PNGs of 16x16", partial(tiny_files, count=20_000), "in",
            {who: FOLDER[who] for who in (OURS, "OpenCV")}, {WALL: 3}, repeats=1,
        ),
    ],
}  # fmt: skip


def measure(group: str, command: Command, repeats: int, place: Path) -> Iterator[Result]:
    """Run the contestants by turns and yield a row for each goal."""
    source = place / command.source
    command.make(source)
    targets = {who: place / f"{who}{source.suffix}" for who in command.contestants}
    runs: dict[str, list[dict[str, float]]] = {who: [] for who in command.contestants}
    turns = min(repeats, command.repeats)
    for _ in range(turns + (turns > 1)):
        for who, arguments in command.contestants.items():
            remove(targets[who])
            words = [word.format(source=source, target=targets[who]) for word in arguments.split()]
            runs[who].append(launch([sys.executable, *words]))
    for (figure, peer), goal in command.goals.items():
        wall = figure == "seconds"
        best = {
            name: {who: min(run[name] for run in runs[who][-turns:]) for who in (OURS, peer)}
            for name in (figure, "cpu")
        }
        yield Result(
            group,
            f"{command.name}, {'wall time' if wall else 'peak memory'}",
            peer,
            best[figure],
            best["cpu"] if wall and source.is_file() else {},
            goal,
            unit="s" if wall else "B",
            differs=not agree(targets[OURS], targets[peer]),
        )


def launch(command: list[str]) -> dict[str, float]:
    """Run a command through a small process that measures it; see ``launch.py``."""
    measured = [sys.executable, "-S", str(HERE / "launch.py"), *command]
    done = subprocess.run(measured, stdout=subprocess.PIPE, check=True, env=ENVIRONMENT)
    run = json.loads(done.stdout)
    if run.pop("status"):
        raise RuntimeError(f"failed: {' '.join(command)}")
    return dict(run)


def remove(target: Path) -> None:
    if target.is_dir():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)


def agree(ours: Path, theirs: Path) -> bool:
    """Tell whether two images, or the first of two folders, are alike as far as formats allow.

    Levels are at most 1 apart; after JPEG, 2 in the mean.
    """
    if ours.is_dir():
        names = [sorted(path.iterdir()) for path in (ours, theirs)]
        return len(names[0]) == len(names[1]) and agree(names[0][0], names[1][0])
    with Image.open(ours) as mine, Image.open(theirs) as other:
        first, second = (np.asarray(image, np.int16) for image in (mine, other))
    if first.shape != second.shape:
        return False
    apart = np.abs(first - second)
    return bool(apart.mean() <= 2 if ours.suffix == ".jpg" else apart.max() <= 1)
