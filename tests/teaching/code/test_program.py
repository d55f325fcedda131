"""Programs for other libraries have the pixels of ``apply``."""

import importlib
import random
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from convcli.choices import LIBRARIES
from convcli.cli.main import root

MODULES = {"opencv": "cv2"}  # others have the library's name
NEAR_TIE = 1e-5  # of the largest value


@pytest.fixture(params=LIBRARIES, scope="module")
def library(request):
    pytest.importorskip(MODULES.get(request.param, request.param))
    return request.param


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Three images of random pixels: 8-bit gray, 8-bit RGB and 16-bit gray."""
    made, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(4)
    for name, shape, kind in (
        ("gray", (33, 31), np.uint8),
        ("color", (29, 36, 3), np.uint8),
        ("deep", (31, 28), np.uint16),
    ):
        pixels = rng.integers(0, np.iinfo(kind).max, shape, kind, endpoint=True)
        Image.fromarray(pixels).save(made / f"{name}.png")
    return made


def convcli(*args):
    result = CliRunner().invoke(root, args)
    assert result.exit_code == 0, result.output
    return result.stdout


def run(program, source, target):
    """Run a program in this process, which saves a second; return its variables."""
    arguments, variables = sys.argv, {"__name__": "__main__"}
    sys.argv = ["filter.py", str(source), str(target)]
    try:
        exec(compile(program, "filter.py", "exec"), variables)
    finally:
        sys.argv = arguments
    return variables


def read(path):
    return np.load(path) if path.suffix == ".npy" else np.asarray(Image.open(path))


def compare(library, folder, name, options):
    """Check that a program's pixels are those of apply.

    Where weights have fractions, a pixel may differ by one if its value is near a tie.
    """
    suffix = ".npy" if "raw" in options else ".png"
    ours, theirs, source = folder / f"ours{suffix}", folder / f"theirs{suffix}", f"{name}.png"
    convcli("apply", *options, str(folder / source), "-o", str(ours), "--overwrite")
    found = run(convcli("code", *options, "--for", library), folder / source, theirs)
    values, expected, actual = found["values"], read(ours), read(theirs)
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    near = NEAR_TIE * max(np.abs(values).max(), found["white"])
    if "raw" in options:
        np.testing.assert_allclose(actual, expected, rtol=0, atol=near)
    elif options[1] in FRACTIONS:
        values = values[..., ::-1] if library == "opencv" and actual.ndim == 3 else values
        distance = np.abs(values - np.floor(values) - 0.5).reshape(actual.shape)
        differs = actual != expected
        assert (np.abs(actual.astype(int) - expected)[differs] == 1).all()
        assert (distance[differs] <= near).all()
    else:
        np.testing.assert_array_equal(actual, expected)


INTEGERS = [
    "blur",
    "emboss",
    "outline",
    "sharpen",
    "sobel-x",
    "1 2",
    "1 2; 3 4",
    "1; -2; 4; 1",
    "-1 0 2 0 1; 3 1 0 2 2",
]
FRACTIONS = ["farid-x", "gaussian:5", "gaussian:9x4,sigma=2", "log:9", "0.1 0.2; 0.3 -0.7"]
FAMILIES = ["kirsch", "prewitt", "sobel"]


def random_options(random_):
    """Return options that make sense together."""
    choose = random_.choice
    kernel = choose(INTEGERS * 2 + FRACTIONS + FAMILIES)
    options = ["-k", kernel]
    if kernel in FAMILIES and random_.random() < 0.5:
        options += ["--combine", choose(["magnitude", "max", "mean", "sum"])]
    for flag, words in (
        ("--operation", ["correlate", "convolve"]),
        ("--padding", ["same", "same", "valid", "full", "2", "1,3", "0,1,2,3"]),
        ("--border", ["edge", "zero", "reflect", "symmetric", "wrap", "constant"]),
        ("--stride", ["1", "1", "2", "3,1"]),
        ("--dilation", ["1", "1", "2", "1,3"]),
        ("--range", ["clip", "clip", "abs", "offset", "rescale", "percentile", "raw"]),
        ("--channels", ["auto", "auto", "gray", "rgb"]),
        ("--divisor", ["1", "1", "16", "3"]),
        ("--bias", ["0", "0", "7", "-2.5"]),
    ):
        if random_.random() < 0.6:
            options += [flag, choose(words)]
    if "constant" in options and random_.random() < 0.7:
        options += ["--fill", choose(["200", "-3", "7.5"])]
    return options


@pytest.mark.parametrize("seed", range(15))
def test_random_settings_give_the_pixels_of_apply(library, folder, seed):
    random_ = random.Random(seed)
    for _ in range(5):
        options = random_options(random_)
        name = random_.choice(["gray", "color", "deep"])
        is_deep_color = name == "deep" and "rgb" in options  # PNG holds it, but not for Pillow
        compare(library, folder, "gray" if is_deep_color else name, options)


SEVERAL = ["-k", "blur", "-k", "1 2; 3 4", "-k", "2 0 0 1", "--combine", "sum"]


@pytest.mark.parametrize(
    "options",
    [
        ["-k", "blur", "--channels", "b", "--stride", "2"],
        ["-k", "luma", "--border", "wrap"],
        ["-k", "luma", "--padding", "1", "--range", "raw"],
        ["-k", "outline", "--channels", "r"],
        [*SEVERAL, "--dilation", "2"],
        [*SEVERAL, "--operation", "convolve"],
    ],
    ids=lambda options: " ".join(options[1:3]) + f" {len(options)}",
)
def test_planes_sums_over_channels_and_kernels_of_several_sizes(library, folder, options):
    compare(library, folder, "color", options)


def test_large_integer_kernels_are_exact(library, folder):
    """OpenCV sums them by Fourier transforms."""
    weights = "; ".join([" ".join(str(n % 7 - 3) for n in range(11))] * 11)
    compare(library, folder, "deep", ["-k", weights, "--divisor", "2"])


@pytest.mark.slow
def test_a_program_runs_as_a_user_runs_it(library, folder, tmp_path):
    options = ["-k", "sobel", "--border", "reflect", "--stride", "2", "--channels", "gray"]
    program, source = tmp_path / "filter.py", folder / "color.png"
    program.write_text(convcli("code", *options, "--for", library))
    theirs, ours = tmp_path / "theirs.png", tmp_path / "ours.png"
    command = [sys.executable, "-W", "error", str(program), str(source), str(theirs)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    convcli("apply", *options, str(source), "-o", str(ours))
    assert np.array_equal(read(theirs), read(ours))


def test_a_snippet_is_the_kernel_and_the_call(library):
    snippet = convcli("code", "-k", "1 2 1", "--padding", "valid", "--for", library, "--snippet")
    assert snippet.startswith("kernel = np.array([\n    [1, 2, 1],\n]")
    assert not {"import ", "sys.argv"} & set(snippet.split())
    image = np.arange(12, dtype=np.uint8).reshape(2, 6)
    modules: dict[str, Any] = {"np": np, "image": image}
    for name in ("cv2", "torch", "scipy.ndimage", "scipy.signal", "torch.nn.functional"):
        if name.partition(".")[0] == MODULES.get(library, library):
            short = "F" if name == "torch.nn.functional" else name.rpartition(".")[2]
            modules[short] = importlib.import_module(name)
    exec(snippet, modules)
    assert modules["values"].reshape(2, 4).tolist() == [[4, 8, 12, 16], [28, 32, 36, 40]]


def test_the_program_names_the_command():
    options = ["-k", "0 1; 1 0", "--stride", "2", "--padding", "1,2,3,4", "--bias", "2.5"]
    program = convcli("code", *options, "--border", "edge", "--for", "numpy")
    given = "convcli apply -k '0 1; 1 0' --bias 2.5 --padding 1,2,3,4 --border edge --stride 2"
    assert program.startswith(f'"""The pixels of `{given}`, with NumPy.')


def test_a_bank_gives_one_kernel(tmp_path):
    bank = np.arange(24.0).reshape(2, 3, 2, 2)
    np.save(tmp_path / "bank.npy", bank)
    spec = str(tmp_path / "bank.npy")
    program = convcli("code", "-k", spec, "--filter", "2", "--for", "numpy")
    assert "[12, 13]," in program
    assert "[0, 1]," not in program


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-k", "blur"], "Missing option '--for'"),
        (["-k", "blur", "--for", "cv"], "'cv' is not one of 'numpy'"),
        (["-k", "blur", "-k", "outline", "--for", "numpy"], "choose one with --filter N"),
        (
            ["-k", "luma", "-k", "blur", "--combine", "sum", "--for", "numpy"],
            "code combines kernels that all sum over channels, or none that does",
        ),
        (
            ["-k", "1 2", "-k", "blur", "--combine", "sum", "--padding", "2", "--for", "numpy"],
            "the kernels' maps have different sizes and cannot be combined; use --padding same",
        ),
    ],
)
def test_what_has_no_program_is_refused(options, message):
    result = CliRunner().invoke(root, ["code", *options])
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""
