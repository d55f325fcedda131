"""Whole commands: start, decode, filter, encode; wall time and peak memory of the process."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
SAMPLES = HERE.parents[1] / "sample_images"
KERNELS = ("outline", "gaussian:9,sigma=2")
LARGE = (6000, 4000)


def names() -> list[str]:
    """Return the names of the rows."""
    return [f"command {kernel} {file}" for file in FILES for kernel in KERNELS]


def measure_commands(wanted: list[str], repeats: int, folder: Path) -> Iterator[dict[str, Any]]:
    """Yield each command's figures, convcli and the OpenCV script by turns."""
    for file, make in FILES.items():
        chosen = [kernel for kernel in KERNELS if f"command {kernel} {file}" in wanted]
        if chosen:
            make(folder / file)
        for kernel in chosen:
            yield _measure(kernel, folder / file, repeats)


def _measure(kernel: str, source: Path, repeats: int) -> dict[str, Any]:
    targets = {who: source.with_name(f"{who}{source.suffix}") for who in ("convcli", "opencv")}
    ours, theirs = (str(target) for target in targets.values())
    commands = {
        "convcli": ["-m", "convcli", "apply", "-qk", kernel, str(source), "-o", ours],
        "opencv": [str(HERE / "opencv_script.py"), kernel, str(source), theirs],
    }
    runs: dict[str, list[dict[str, Any]]] = {who: [] for who in commands}
    for _ in range(repeats):
        for who, arguments in commands.items():
            targets[who].unlink(missing_ok=True)
            runs[who].append(_launch(arguments))
    seconds = {who: min(run["seconds"] for run in runs[who]) for who in commands}
    peaks = {who: min(run["bytes"] for run in runs[who]) / 2**20 for who in commands}
    return {
        "row": f"command {kernel} {source.name}",
        "seconds": seconds,
        "peak_mib": peaks,
        "ratio": seconds["convcli"] / seconds["opencv"],
        "peak_ratio": peaks["convcli"] / peaks["opencv"],
        "written_bytes": {who: target.stat().st_size for who, target in targets.items()},
        **_difference(*targets.values()),
    }


def _launch(arguments: list[str]) -> dict[str, Any]:
    """Run Python with some arguments through a small process that measures it."""
    command = [sys.executable, "-S", str(HERE / "launch.py"), sys.executable, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    run: dict[str, Any] = json.loads(done.stdout)
    if run["status"]:
        raise RuntimeError(f"failed: {' '.join(arguments)}")
    return run


def _difference(ours: Path, theirs: Path) -> dict[str, Any]:
    """Compare two images: levels at most 1 apart, or as close as JPEG leaves them."""
    with Image.open(ours) as mine, Image.open(theirs) as other:
        first, second = np.asarray(mine), np.asarray(other)
    if first.shape != second.shape:
        return {"difference": None, "agree": False}
    apart = np.maximum(first, second) - np.minimum(first, second)
    lossy = ours.suffix == ".jpg"
    figure = float(apart.mean()) if lossy else float(apart.max())
    return {"difference": figure, "agree": figure <= (2 if lossy else 1)}


def _enlarged(target: Path) -> None:
    """Write a photograph of 24 megapixels: a small one enlarged, with the noise of a sensor."""
    with Image.open(SAMPLES / "rocket.jpg") as image:
        large = np.asarray(image.convert("RGB").resize(LARGE, Image.Resampling.BICUBIC))
    noise = np.random.default_rng(0).normal(0, 3, large.shape[:2]).astype(np.float32)
    noisy = np.clip(np.rint(large + noise[..., np.newaxis]), 0, 255).astype(np.uint8)
    options = {"quality": 95} if target.suffix == ".jpg" else {"compress_level": 1}
    Image.fromarray(noisy).save(target, **options)


def _copied(target: Path) -> None:
    target.write_bytes((SAMPLES / "astronaut.png").read_bytes())


FILES: dict[str, Callable[[Path], None]] = {
    "24MP.jpg": _enlarged,
    "24MP.png": _enlarged,
    "512x512.png": _copied,
}
