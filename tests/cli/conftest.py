"""Commands as a user runs them, and the images that they run on."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from convcli.cli.main import root

SCIPY_MODES = {
    "edge": "nearest",
    "zero": "constant",
    "reflect": "mirror",
    "symmetric": "reflect",
    "wrap": "wrap",
}


@dataclass(frozen=True)
class Ran:
    """What a command left: its exit code, the bytes of stdout and the text of stderr."""

    code: int
    out: bytes
    err: str

    @property
    def names(self):
        """The names printed, one a line."""
        return os.fsdecode(self.out).splitlines()

    @property
    def errors(self):
        return [line for line in self.err.splitlines() if line.startswith("Error: ")]

    def fails(self, code, *said):
        """See that it failed with one line that says so, and nothing on stdout."""
        assert (self.code, self.out) == (code, b""), self
        assert self.err.startswith("Error: "), self
        assert self.err.count("\n") == 1, self
        assert "internal error" not in self.err, self
        assert "Traceback" not in self.err, self
        for words in said:
            assert words in self.err, self
        return self


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def convcli(here):
    """Run a command inside this process."""

    def run(*arguments, stdin=None, **env):
        done = CliRunner().invoke(
            root, [str(each) for each in arguments], input=stdin, env=env, prog_name="convcli"
        )
        return Ran(done.exit_code, done.stdout_bytes, done.stderr)

    return run


@pytest.fixture
def apply(convcli):
    """Run ``convcli apply`` inside this process."""
    return lambda *arguments, **extra: convcli("apply", *arguments, **extra)


@pytest.fixture
def program(here):
    """The program as a command line to start."""
    return [sys.executable, "-m", "convcli"]


@pytest.fixture
def process(program):
    """Run a command as a process of its own."""

    def run(*arguments, stdin=b"", env=None, timeout=60, **options):
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        done = subprocess.run(
            [*program, *map(os.fspath, arguments)],
            input=stdin,
            env=os.environ | (env or {}),
            timeout=timeout,
            **options,
        )
        return Ran(done.returncode, done.stdout or b"", (done.stderr or b"").decode())

    return run


@pytest.fixture
def rng():
    return np.random.default_rng(2)


def write(name, array, **options):
    """Write an array as an image or a matrix, by numpy or Pillow, and return its path."""
    path = Path(os.fsdecode(name))
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, array)
    elif path.suffix in (".txt", ".csv"):
        delimiter = "," if path.suffix == ".csv" else " "
        np.savetxt(path, np.atleast_2d(array), fmt="%.17g", delimiter=delimiter)
    else:
        Image.fromarray(np.asarray(array)).save(path, **options)
    return path


def read(name):
    """Read an image or a matrix, by numpy or Pillow."""
    path = Path(os.fsdecode(name))
    if path.suffix == ".npy":
        return np.load(path)
    if path.suffix in (".txt", ".csv"):
        return np.loadtxt(path, delimiter="," if path.suffix == ".csv" else None, ndmin=2)
    with Image.open(path) as image:
        return np.array(image)


@pytest.fixture
def save(here):
    return write


@pytest.fixture
def load(here):
    return read


@pytest.fixture
def photo(save, rng):
    """A small color image, ``photo.png``, and its pixels."""
    pixels = rng.integers(0, 256, (13, 17, 3), np.uint8)
    save("photo.png", pixels)
    return pixels


@pytest.fixture
def gray(save, rng):
    """A small gray image, ``gray.png``, and its pixels."""
    pixels = rng.integers(0, 256, (11, 14), np.uint8)
    save("gray.png", pixels)
    return pixels


@pytest.fixture(scope="session")
def samples():
    return Path(__file__).parents[2] / "sample_images"


@pytest.fixture(scope="session")
def to_pixels():
    """Round half to even and cut at black and white."""
    return lambda values, max_value=255: np.clip(np.rint(values), 0, max_value)


@pytest.fixture(scope="session")
def by_scipy():
    """Filter each channel with scipy in float64; ``options`` as on the command line."""
    return filtered


def filtered(image, kernel, *, border="edge", fill=0, operation="correlate", stride=1, dilation=1):
    from scipy import ndimage

    kernel = np.asarray(kernel, float)
    if operation == "convolve":
        kernel = kernel[::-1, ::-1]
    apart = np.zeros([dilation * (side - 1) + 1 for side in kernel.shape])
    apart[::dilation, ::dilation] = kernel
    mode = "constant" if border == "constant" else SCIPY_MODES[border]
    planes = image[..., np.newaxis] if image.ndim == 2 else image
    maps = [
        ndimage.correlate(planes[..., channel].astype(float), apart, mode=mode, cval=fill)
        for channel in range(planes.shape[2])
    ]
    out = np.stack(maps, axis=-1)[::stride, ::stride]
    return out[..., 0] if image.ndim == 2 else out


def listing(folder="."):
    """Every file below a folder, as bytes, and its content."""
    return {
        os.fsencode(path.relative_to(folder)): path.read_bytes()
        for path in Path(folder).rglob("*")
        if path.is_file()
    }


@pytest.fixture
def contents(here):
    """Take the state of the folder: names and bytes of all files."""
    return listing


@pytest.fixture
def tree(save):
    """Images in folders, among other files."""
    for name in ("in/a.png", "in/b.jpg", "in/sub/a.png", "in/sub/deep/c.tif"):
        save(name, np.arange(20, dtype=np.uint8).reshape(4, 5))
    for name in ("in/notes.txt", "in/data.csv", "in/array.npy", "in/readme", "in/.hidden.png"):
        Path(name).write_text("no image")
