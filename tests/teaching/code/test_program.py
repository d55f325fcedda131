"""Programs for other libraries have the pixels of ``apply``."""

import ast
import itertools
import os
import random
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pkgutil import resolve_name
from shutil import which
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from convcli.choices import LIBRARIES
from convcli.cli.main import root
from convcli.kernels.spec import read_spec

MODULES = {"opencv": "cv2", "pillow": "PIL"}  # others have the library's name
PROGRAMS = {
    "imagemagick": "convert",
    "vips": "vips",
    "ffmpeg": "ffmpeg",
    "octave": "octave",
    "c": "cc",
    "javascript": "node",
}
NETPBM = ("c", "javascript")  # read and write PGM and PPM
NEAR = 1e-6  # of white times the sum of the magnitudes of weights, as programs say
ANYTHING = ("numpy", "scipy", "opencv", "torch", "skimage", "keras")  # can write every filter
BACKENDS = ("jax", "torch", "tensorflow")  # of Keras
# Keras on PyTorch asks NumPy for copies in an old way.
KERAS_WARNING = "ignore:__array__ implementation:DeprecationWarning"
pytestmark = pytest.mark.filterwarnings(KERAS_WARNING)


def is_installed(library):
    if library == "keras" and not any(map(find_spec, BACKENDS)):
        return False
    if library not in PROGRAMS:
        return find_spec(MODULES.get(library, library)) is not None
    program = which(PROGRAMS[library])
    if program is None:
        return False
    if library in NETPBM:
        return True
    option = "-version" if library == "ffmpeg" else "--version"
    said = subprocess.run([program, option], capture_output=True, text=True).stdout
    return library in said.lower().replace(" ", "")


@pytest.fixture(params=LIBRARIES, scope="module")
def library(request):
    if not is_installed(request.param):
        pytest.skip(f"{request.param} is not installed")
    if request.param == "keras":
        os.environ.setdefault("KERAS_BACKEND", next(filter(find_spec, BACKENDS)))
    return request.param


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Images of random pixels: 8-bit gray, two of them rows, 8-bit RGB, and 16-bit gray."""
    made, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(4)
    for name, shape, kind in (
        ("gray", (33, 31), np.uint8),
        ("row", (1, 4), np.uint8),
        ("pair", (1, 2), np.uint8),
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
    """Run a program; Python in this process, which saves a second. Return its variables."""
    if not program.startswith('"""'):
        assert run_command(command_of(program, target.parent), source, target) == (0, [])
        return {}
    return run_python(program, source, target)


def run_python(program, *arguments):
    given, variables = sys.argv, {"__name__": "__main__"}
    sys.argv = ["filter.py", *map(str, arguments)]
    try:
        exec(compile(program, "filter.py", "exec"), variables)
    finally:
        sys.argv = given
    return variables


def command_of(program, folder):
    """Write a program that is not in Python to a folder, and return what runs it."""
    if program.startswith("#!/bin/sh"):
        name, runner = "filter.sh", ["sh"]
    elif program.startswith("%"):
        name, runner = "filter.m", ["octave", "--no-gui", "--quiet"]
    elif "#include" in program:
        name, runner = "filter.c", []
    else:
        name, runner = "filter.mjs", ["node"]
    code = folder / name
    code.write_text(program)
    if runner:
        return [*runner, code]
    warnings = ["-std=c99", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["cc", *warnings, "-O2", "-o", folder / "filter", code, "-lm"], check=True)
    return [folder / "filter"]


def run_command(command, *arguments):
    """Return the exit code and the lines that were printed."""
    done = subprocess.run([*command, *arguments], capture_output=True, text=True)
    # Octave tells that it finds no screen, and trips over itself on leaving.
    said = [line for line in done.stderr.splitlines() if not re.search("X11|GUI|to exit", line)]
    return done.returncode, done.stdout.splitlines() + said


def words_of_failure(program, folder, *arguments):
    """Return the only line that a program prints before it ends with exit code 1.

    A script for the shell may print lines of the library's own commands.
    """
    if program.startswith('"""'):
        with pytest.raises(SystemExit) as ended:
            run_python(program, *arguments)
        assert isinstance(ended.value.code, str)  # printed, with exit code 1
        lines = ended.value.code.splitlines()
    else:
        code, lines = run_command(command_of(program, folder), *arguments)
        assert code == 1
    assert len(lines) == 1 or program.startswith("#!/bin/sh")
    return lines[-1]


def as_netpbm(source):
    """Return a copy of an image that programs without a library can read."""
    pixels, copy = np.asarray(Image.open(source)), source.with_suffix(".pnm")
    height, width = pixels.shape[:2]
    kind, white = "6" if pixels.ndim == 3 else "5", np.iinfo(pixels.dtype).max
    header = f"P{kind}\n# a comment\n{width} {height}\n{white}\n"
    copy.write_bytes(header.encode() + pixels.astype(pixels.dtype.newbyteorder(">")).tobytes())
    return copy


def exact_values(options, source, folder):
    """Return the values before they are rounded, as NumPy has them, and how near `apply` comes."""
    program = convcli("code", *options, "--for", "numpy")
    found = run(program, source, folder / f"exact{'.npy' if 'raw' in options else '.png'}")
    weights = found["kernels" if "kernels" in found else "kernel"]
    if division := re.search("^(?:values = values|maps = maps) / (.*)", program, re.MULTILINE):
        divisors = np.ravel(eval(division[1], found))
        weights = weights / divisors.reshape(-1, *[1] * (weights.ndim - 1))
    white = np.abs(found["planes"]).max()
    near = NEAR * white * np.abs(weights).sum()
    if "low" in found and found["high"] > found["low"]:
        near *= found["white"] / (found["high"] - found["low"])
    return found["values"], near


def read(path):
    if path.suffix == ".npy":
        return np.load(path)
    image = Image.open(path)
    pixels = np.asarray(image)
    return pixels.astype(np.uint16) if (image.format, image.mode) == ("PPM", "I") else pixels


def compare(library, folder, name, options):
    """Check that a program's pixels are those of apply.

    If the program says so, a pixel may differ by one where its value is near a tie.
    """
    suffix = ".npy" if "raw" in options else ".png"
    ours, theirs, source = folder / f"ours{suffix}", folder / f"theirs{suffix}", f"{name}.png"
    convcli("apply", *options, str(folder / source), "-o", str(ours), "--overwrite")
    theirs.unlink(missing_ok=True)
    program = convcli("code", *options, "--for", library)
    given = as_netpbm(folder / source) if library in NETPBM else folder / source
    theirs = theirs.with_suffix(".pnm") if library in NETPBM else theirs
    run(program, given, theirs)
    expected, actual = read(ours), read(theirs)
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    if "raw" in options:
        _, near = exact_values(options, folder / source, folder)
        np.testing.assert_allclose(actual, expected, rtol=0, atol=near)
    elif "may differ by 1" in program:
        values, near = exact_values(options, folder / source, folder)
        values = values.reshape(actual.shape)
        distance = np.abs(values - np.floor(values) - 0.5)
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
        ("--anchor", ["after", "before", "0,0"]),
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
    if "--anchor" not in options and random_.random() < 0.4:
        options += ["--padding", choose(["causal", "same-lower", "same-upper"])]
    if "constant" in options and random_.random() < 0.7:
        options += ["--fill", choose(["200", "-3", "7.5"])]
    return options


def is_refused(library, options):
    """Tell whether there is no program; the message must name a library that has one."""
    result = CliRunner().invoke(root, ["code", *options, "--for", library])
    if result.exit_code == 0:
        return False
    assert result.exit_code == 2
    other = re.search(r"; --for (\w+) writes", result.stderr)[1]
    assert other in ANYTHING
    assert library not in ANYTHING
    convcli("code", *options, "--for", other)
    return True


@pytest.mark.parametrize("seed", range(14))
def test_random_settings_give_the_pixels_of_apply(library, folder, seed):
    random_, compared = random.Random(seed), 0
    while compared < (2 if library in PROGRAMS else 4):  # some start a process for every step
        options = random_options(random_)
        if is_refused(library, options):
            continue
        name = random_.choice(["gray", "color", "deep"])
        if name == "deep" and ("rgb" in options or is_for_8_bits(library, options)):
            name = "gray"  # Pillow neither writes RGB of 16 bits nor filters all gray of 16
        compare(library, folder, name, options)
        compared += 1


def is_for_8_bits(library, options):
    program = convcli("code", *options, "--for", library)
    return library == "pillow" and "16-bit" not in program


@pytest.mark.parametrize("kernel", ["blur", "outline"])
@pytest.mark.parametrize("range_", ["abs", "clip", "offset"])
def test_integer_weights_are_exact(kernel, range_):
    program = convcli("code", "-k", kernel, "--range", range_, "--for", "numpy")
    assert "may differ" not in program
    assert "may differ" in convcli("code", "-k", "0.1 0.2", "--for", "numpy")


def test_a_fraction_around_the_image_is_not_exact(folder):
    """Apply adds it in float32."""
    border = ["--border", "constant", "--padding", "9", "--fill", "0.499999"]
    compare("numpy", folder, "deep", ["-k", "1 2 1", *border])
    compare("numpy", folder, "deep", ["-k", "1 2 1", *border[:-1], "3"])


SEVERAL = ["-k", "blur", "-k", "1 2; 3 4", "-k", "2 0 0 1", "--combine", "sum"]


@pytest.mark.parametrize(
    "options",
    [
        ["-k", "blur", "--channels", "b", "--stride", "2"],
        ["-k", "luma", "--border", "wrap"],
        ["-k", "luma", "--padding", "1", "--range", "raw"],
        ["-k", "outline", "--channels", "r"],
        [*SEVERAL, "--anchor", "after"],
        [*SEVERAL, "--dilation", "2"],
        [*SEVERAL, "--operation", "convolve"],
        [*SEVERAL, "--padding", "same-lower"],
        [*SEVERAL, "--padding", "causal", "--dilation", "2,1"],
        [*SEVERAL, "--like", "tensorflow", "--stride", "3,2", "--dilation", "1,2"],
    ],
    ids=lambda options: " ".join(options[1:3]) + f" {len(options)}",
)
def test_planes_sums_over_channels_and_kernels_of_several_sizes(library, folder, options):
    if not is_refused(library, options):
        compare(library, folder, "color", options)


@pytest.mark.parametrize("shape", [(20, 21), (20, 21, 3)], ids=["gray", "color"])
def test_images_of_black_and_white_keep_their_levels(library, folder, shape):
    """Octave reads them as logical."""
    pixels = np.random.default_rng(5).integers(0, 2, shape, np.uint8) * 255
    Image.fromarray(pixels).save(folder / "two-levels.png")
    compare(library, folder, "two-levels", ["-k", "1 0 1; 0 1 0; 0 -2 0", "--border", "edge"])


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["-k", "luma"], "the image has not as many channels as the kernel"),
        (["-k", "outline", "--channels", "r"], "the image has no channel red"),
        (["-k", "1 1 -1" + 40 * " 0", "--padding", "valid"], "kernel is larger than the padded"),
        (["-k", "1;" * 40 + "-39", "--padding", "0,0,9,9"], "kernel is larger than the padded"),
    ],
    ids=["channels", "channel", "columns", "rows"],
)
def test_images_that_apply_refuses_have_no_result(library, folder, options, reason, tmp_path):
    options = [*options, "--border", "edge"]
    if is_refused(library, options):
        return
    source, target = folder / "gray.png", folder / "none.png"
    source = as_netpbm(source) if library in NETPBM else source
    target.unlink(missing_ok=True)
    program = convcli("code", *options, "--for", library)
    said = words_of_failure(program, tmp_path, source, target)
    assert reason in said
    assert not target.exists()


COLORS_OF_ALL = {  # libraries that read the colors of a palette, or of one bit
    "opencv": ("P", "1"),
    "vips": ("P", "1"),
    "octave": ("1",),
    "ffmpeg": ("1",),
}


@pytest.mark.parametrize("mode", ["P", "RGBA", "1"])
def test_images_with_a_palette_or_alpha_have_no_result(library, mode, folder, tmp_path):
    """Indices of a palette and alpha would be filtered as if they were colors."""
    if library in NETPBM:
        return
    source, target = tmp_path / "image.png", tmp_path / "none.png"
    Image.open(folder / "color.png").convert(mode).save(source)
    program = convcli("code", "-k", "outline", "--border", "edge", "--for", library)
    if mode in COLORS_OF_ALL.get(library, ()):
        run(program, source, target)
        convcli("apply", "-k", "outline", str(source), "-o", str(tmp_path / "ours.png"))
        assert np.array_equal(read(target), np.asarray(Image.open(tmp_path / "ours.png")))
        return
    words = words_of_failure(program, tmp_path, source, target)
    assert re.match(rf".*image.png (cannot be read, or )?has .*(alpha|mode {mode}).*;", words)
    assert not target.exists()


@pytest.mark.parametrize("library", NETPBM)
@pytest.mark.parametrize("header", ["P5 2 1 255#w\n", "P5 2 1 255", "P5 2 1 254 ", "P5 2 x 255\n"])
def test_headers_that_are_not_of_netpbm_are_refused(library, header, tmp_path):
    """The pixels would begin at another byte."""
    if not is_installed(library):
        pytest.skip(f"{library} is not installed")
    source, target = tmp_path / "image.pgm", tmp_path / "none.pgm"
    source.write_bytes(header.encode() + b"AB" * 9)
    program = convcli("code", "-k", "1", "--for", library)
    assert "reads PGM" in words_of_failure(program, tmp_path, source, target) or library != "c"
    assert not target.exists()


@pytest.mark.skipif(not is_installed("c"), reason="no C compiler is installed")
@pytest.mark.parametrize("range_", ["rescale", "percentile"])
@pytest.mark.parametrize("options", ["-k blur", "-k luma", "-k blur -k 1,2 --combine magnitude"])
def test_compilers_warn_of_nothing(range_, options, tmp_path):
    words = [*options.split(), "--border", "reflect", "--range", range_, "--for", "c"]
    command_of(convcli("code", *words), tmp_path)


@pytest.mark.parametrize("name", ["gray", "color", "deep"])
def test_a_transparent_color_is_alpha(library, name, folder, tmp_path):
    """OpenCV alone does not see that of a gray image."""
    if library in NETPBM or (library == "opencv" and name != "color"):
        return
    source, target = tmp_path / "image.png", tmp_path / "none.png"
    Image.open(folder / f"{name}.png").save(source, transparency=(7,) * 3 if name == "color" else 7)
    program = convcli("code", "-k", "outline", "--border", "edge", "--for", library)
    words = words_of_failure(program, tmp_path, source, target)
    assert re.search("alpha.*; convert it", words)
    assert not target.exists()


def test_no_placeholder_is_left_to_work_out(library):
    words = ["-k", "1 2 1; 0 1 0; 0 0 1", "--border", "edge", "--dilation", "2"]
    if not is_refused(library, words):
        program = convcli("code", *words, "--for", library)
        assert "shape[:-2]" not in program
        assert program.count("atleast_3d") <= 1


@pytest.mark.parametrize("name", sorted(PROGRAMS))
@pytest.mark.parametrize(
    "options",
    [
        "",
        "--like vips",
        "--border edge --padding valid --dilation 1,2",
        "--border zero --stride 2,1",
        "--border edge --stride 1,3 --padding same-upper",
        "--border zero --stride 2 --padding same-lower --dilation 2,1",
    ],
)
def test_sums_of_numbers_are_worked_out(name, options):
    words = ["-k", "sobel-x", *options.split()]
    if not is_refused(name, words):
        program = convcli("code", *words, "--for", name)
        assert not re.search(r"[*/] 1\b|\b1:1:|(^|[(+-] ?)\d+ [+-] \d|\+ -", program)


@pytest.mark.parametrize("options", ["", "--border zero", "--border edge --padding valid"])
def test_vips_takes_only_the_steps_that_a_filter_needs(options):
    words = ["-k", "sobel-x", *options.split(), "--for", "vips", "--snippet"]
    steps = re.findall(r"^vips (\w+)", convcli("code", *words), re.MULTILINE)
    needed = {"--border zero": ["embed", "conv", "crop"], "": ["conv"]}
    assert steps == needed.get(options, ["conv", "crop"])


def test_a_program_fails_in_one_line(library, folder, tmp_path):
    suffix = ".pgm" if library in NETPBM else ".png"
    image, text, out = (tmp_path / name for name in (f"image{suffix}", "text.png", f"out{suffix}"))
    Image.open(folder / "gray.png").save(image)
    text.write_text("no image\n")
    program = convcli("code", "-k", "outline", "--border", "edge", "--for", library)
    assert "usage: " in words_of_failure(program, tmp_path, image)
    for source, target, name in (
        (tmp_path / f"missing{suffix}", out, "missing"),
        (text, out, "text"),
        (image, tmp_path / "none" / out.name, out.name),
    ):
        words = words_of_failure(program, tmp_path, source, target)
        assert library == "c" or name in words or "#!/bin/sh" in program
        assert not out.exists()


@pytest.mark.parametrize("name", sorted({*LIBRARIES} - {*PROGRAMS}))
@pytest.mark.parametrize("options", ["--border edge", "--border wrap --stride 2 --padding same"])
def test_a_program_says_which_packages_it_needs(name, options):
    words = ["-k", "1 2 1", *options.split(), "--for", name]
    if name == "pillow":
        words += ["--divisor", "1"]
    tree = ast.parse(convcli("code", *words))
    imported = {
        (node.module if isinstance(node, ast.ImportFrom) else alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    named = re.search("pip install (.*?)(   |\n)", ast.get_docstring(tree))[1].split()
    packages = {"cv2": "opencv-python-headless", "PIL": "pillow", "skimage": "scikit-image"}
    needed = {packages.get(module, module) for module in imported - sys.stdlib_module_names}
    assert {*named} == needed | ({"jax"} if name == "keras" else set())


@pytest.mark.parametrize("library", ["numpy", "pillow", "torch"])
def test_pillow_writes_no_colors_of_16_bits(library, folder, tmp_path):
    if not is_installed(library):
        pytest.skip(f"{library} is not installed")
    words = ["-k", "outline", "--border", "edge", "--channels", "rgb", "--for"]
    arguments = folder / "deep.png", tmp_path / "out.png"
    said = words_of_failure(convcli("code", *words, library), tmp_path, *arguments)
    assert said == "Pillow writes no colors of 16 bits; a program for OpenCV does"


LARGE = "; ".join([" ".join(str(n % 7 - 3) for n in range(11))] * 11)


@pytest.mark.parametrize(
    "options", [["-k", LARGE, "--divisor", "2"], ["-k", "outline", "--dilation", "5"]]
)
def test_large_windows_of_integer_weights_are_exact(library, folder, options):
    """OpenCV sums them by Fourier transforms."""
    if not is_refused(library, options):
        compare(library, folder, "deep", options)


@pytest.mark.parametrize("border", ["reflect", "wrap"])
def test_padding_may_exceed_the_image(library, folder, border):
    options = ["-k", "1 -2 4", "--border", border, "--padding", "70,33,0,80"]
    if not is_refused(library, options):
        compare(library, folder, "gray", options)


@pytest.mark.parametrize("border", ["reflect", "wrap"])
def test_an_image_may_be_smaller_than_the_kernel(library, folder, border):
    options = ["-k", "1 2 0 -1 3; 2 1 1 0 1; 1 0 1 2 4", "--border", border]
    if not is_refused(library, options):
        compare(library, folder, "row", options)


def test_a_symmetric_border_may_repeat_the_image_many_times(library, folder):
    """SciPy 1.17.1 reflects wrongly from 4 times the image's side on."""
    options = ["-k", "box:17x1", "--border", "symmetric"]
    if not is_refused(library, options):
        compare(library, folder, "pair", options)


@pytest.mark.parametrize("reach", [7, 8])
def test_scipy_reflects_where_it_is_right_for_every_image(reach):
    kernel = f"box:{2 * reach + 1}x1"
    program = convcli("code", "-k", kernel, "--border", "symmetric", "--for", "scipy")
    assert ("ndimage.correlate(planes" in program) == (reach < 8)
    assert ("np.pad" in program) == (reach == 8)
    program = convcli("code", "-k", kernel, "--border", "reflect", "--for", "scipy")
    assert "ndimage.correlate(planes" in program


@pytest.mark.parametrize(
    ("image", "options"),
    [
        ("gray", "--border zero --padding same-upper --stride 2"),
        ("row", "--border edge --padding same-lower --stride 1,3"),
        ("gray", "--like tensorflow --stride 2,5 --dilation 3,2"),
    ],
)
def test_pads_of_same_upper_follow_the_size_of_the_image(library, folder, image, options):
    words = ["-k", "1 -2 4; 0 3 1", *options.split()]
    if not is_refused(library, words):
        compare(library, folder, image, words)


@pytest.mark.parametrize("padding", ["same-upper", "same-lower"])
@pytest.mark.parametrize("combine", ["max", "sum"])
@pytest.mark.parametrize("options", ["--stride 2", "--stride 1,3 --dilation 2,1", "--stride 4,2"])
def test_kernels_of_several_sizes_have_pads_of_their_own(padding, combine, options):
    matrices = ["1 2 3; 4 5 6; 7 8 9", "3 -1", "1; -2; 4; 1; 5", "2"]
    words = [word for matrix in matrices for word in ("-k", matrix)]
    words += ["--combine", combine, "--padding", padding, "--border", "wrap", *options.split()]
    program = compile(convcli("code", *words, "--for", "numpy", "--snippet"), "filter.py", "exec")
    pairs = dict(zip(options.split()[::2], options.split()[1::2], strict=True))
    stride, dilation = (
        [int(part) for part in (pairs.get(name, "1").split(",") * 2)[:2]]
        for name in ("--stride", "--dilation")
    )
    for size in itertools.product(range(1, 8), (1, 4, 5)):
        image = np.random.default_rng(size).integers(0, 256, size)
        maps = [
            fitted_map(image, read_spec(matrix).kernels[0].matrix, padding, stride, dilation)
            for matrix in matrices
        ]
        names = {"np": np, "image": image}
        exec(program, names)
        np.testing.assert_array_equal(names["values"][..., 0], getattr(np, combine)(maps, axis=0))


def fitted_map(image, matrix, padding, stride, dilation):
    """Sum the windows of a kernel by TensorFlow's definition of SAME, on an image that wraps."""
    starts, counts = [], []
    for size, taps, step, gap in zip(image.shape, matrix.shape, stride, dilation, strict=True):
        counts.append(-(-size // step))
        total = max((counts[-1] - 1) * step + (taps - 1) * gap + 1 - size, 0)
        starts.append(total // 2 if padding == "same-upper" else total - total // 2)
    result = np.zeros(counts, int)
    for place in np.ndindex(*counts):
        for tap in np.ndindex(*matrix.shape):
            pixel = np.multiply(place, stride) + np.multiply(tap, dilation) - starts
            result[place] += matrix[tap] * image[tuple(pixel % image.shape)]
    return result


@pytest.mark.slow
def test_a_program_runs_as_a_user_runs_it(library, folder, tmp_path):
    options = ["-k", "sobel-x", "--border", "edge"]
    if library in ANYTHING:
        options += ["--stride", "2", "--channels", "gray", "--border", "reflect"]
    program, source = tmp_path / "filter", folder / "color.png"
    program.write_text(convcli("code", *options, "--for", library))
    theirs, ours = tmp_path / "theirs.png", tmp_path / "ours.png"
    if library in NETPBM:
        run(program.read_text(), as_netpbm(source), theirs.with_suffix(".pnm"))
        convcli("apply", *options, str(source), "-o", str(ours))
        assert np.array_equal(read(theirs.with_suffix(".pnm")), read(ours))
        return
    if library in PROGRAMS:
        run(program.read_text(), source, theirs)
    else:
        warnings = ["-W", "error", "-W", KERAS_WARNING]
        command = [sys.executable, *warnings, program, source, theirs]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    convcli("apply", *options, str(source), "-o", str(ours))
    assert np.array_equal(read(theirs), read(ours))


NAMES = {  # of the modules that snippets use
    "opencv": {"cv2": "cv2"},
    "onnx": {
        "helper": "onnx.helper",
        "numpy_helper": "onnx.numpy_helper",
        "TensorProto": "onnx.TensorProto",
        "ReferenceEvaluator": "onnx.reference.ReferenceEvaluator",
    },
    "pillow": {"Image": "PIL.Image", "ImageFilter": "PIL.ImageFilter"},
    "scipy": {"ndimage": "scipy.ndimage", "signal": "scipy.signal"},
    "skimage": {"correlate_sparse": "skimage.filters.correlate_sparse"},
    "torch": {"torch": "torch", "F": "torch.nn.functional"},
    "keras": {"keras": "keras"},
}


def test_a_snippet_is_the_kernel_and_the_call(library):
    snippet = convcli("code", "-k", "1 -1 1", "--padding", "valid", "--for", library, "--snippet")
    assert not {"import ", "sys.argv", "#!/bin/sh"} & set(snippet.split())
    if library in NETPBM:
        assert "filter(" in snippet
        assert "[1, -1, 1]" in snippet.replace("{", "[").replace("}", "]")
        return
    if library == "octave":
        assert "conv2(planes(:, :, c), rot90(kernel, 2)" in snippet
        return
    if library in PROGRAMS:
        assert f"{PROGRAMS[library]} " in snippet
        return
    image = np.arange(12, dtype=np.uint8).reshape(2, 6)
    names = {name: resolve_name(path) for name, path in NAMES.get(library, {}).items()}
    variables: dict[str, Any] = {"np": np, "image": image, **names}
    exec(snippet, variables)
    result = variables["pixels" if library == "pillow" else "values"]
    assert result.reshape(2, 4).tolist() == [[1, 2, 3, 4], [7, 8, 9, 10]]


def test_the_program_names_the_command():
    options = ["-k", "0 1; 1 0", "--stride", "2", "--padding", "1,2,3,4", "--bias", "2.5"]
    options += ["--border", "edge", "--anchor", "1,1"]
    program = convcli("code", *options, "--for", "numpy")
    given = "convcli apply -k '0 1; 1 0' --bias 2.5 --padding 1,2,3,4 --border edge --stride 2"
    given += " --anchor 1,1"
    assert program.startswith(f'"""The pixels of `{given}`, with NumPy.')


@pytest.mark.parametrize("name", LIBRARIES)
def test_weights_on_several_lines_stay_in_one_comment(name):
    program = convcli("code", "-k", "1 2\n3 -6\n", "--border", "edge", "--for", name)
    assert "`convcli apply -k '1 2; 3 -6' --border edge`" in program
    assert program == convcli("code", "-k", "1 2; 3 -6", "--border", "edge", "--for", name)


@pytest.mark.parametrize("name", ['a"""b.txt', r"a\nb\.txt", '"""".txt'])
def test_names_of_files_cannot_end_a_docstring(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text("1 2\n3 4\n")
    program = convcli("code", "-k", name, "--for", "numpy")
    said = ast.get_docstring(ast.parse(program))
    assert f"`convcli apply -k {shlex.quote(name)}`" in said


def test_a_bank_gives_one_kernel(tmp_path):
    bank = np.arange(24.0).reshape(2, 3, 2, 2)
    np.save(tmp_path / "bank.npy", bank)
    spec = str(tmp_path / "bank.npy")
    program = convcli("code", "-k", spec, "--filter", "2", "--for", "numpy")
    assert "[12, 13]," in program
    assert f"`convcli apply -k {spec}  # filter 2 alone`" in program
    assert "[0, 1]," not in program


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-k", "blur"], "Missing option '--for'"),
        (["-k", "blur", "--for", "cv"], "'cv' is not one of 'numpy'"),
        (["-k", "blur", "-k", "outline", "--for", "numpy"], "choose one with --filter N"),
        (
            ["-k", "blur", "--for", "pillow"],
            "Pillow rounds half up, not to even, and sums divided by 16 have halves; "
            "--for numpy writes this filter",
        ),
        (
            ["-k", "blur", "-k", "box:9", "--combine", "sum", "--for", "pillow"],
            "programs for Pillow do not combine kernels; --for numpy writes this filter",
        ),
        (
            ["-k", "1 2", "--border", "constant", "--fill", "nan", "--for", "numpy"],
            "code writes no border of nan; give --fill a finite number",
        ),
        (
            [
                *["-k", "1 2", "-k", "blur", "--combine", "sum", "--padding", "same-upper"],
                *["--stride", "2", "--for", "onnx"],
            ],
            "--for onnx does not combine kernels of different sizes with padding same-upper and a "
            "stride; --for numpy writes this filter",
        ),
        (
            ["-k", "outline", "--border", "reflect", "--for", "vips"],
            "programs for vips have no border 'reflect'; --for numpy writes this filter",
        ),
        (
            ["-k", "1 2", "--for", "ffmpeg"],
            "programs for FFmpeg divide by the sum of the weights; --for numpy writes this filter",
        ),
        (
            ["-k", "outline", "--border", "zero", "--for", "ffmpeg"],
            "programs for FFmpeg have no border 'zero'; --for numpy writes this filter",
        ),
        (
            ["-k", "box:5", "--padding", "valid", "--anchor", "0,0", "--for", "pillow"],
            "Pillow has the anchor in the middle of a 5x5 kernel, and this one reaches 4 pixels",
        ),
        (
            ["-k", "outline", "--channels", "r", "--for", "imagemagick"],
            "programs for ImageMagick have no --channels r; --for numpy writes this filter",
        ),
        (
            ["-k", "blur", "--range", "raw", "--for", "c"],
            "PGM and PPM hold no --range raw; --for numpy writes this filter",
        ),
        (
            ["-k", "blur", "--range", "raw", "--for", "octave"],
            "Octave writes no .npy of --range raw; --for numpy writes this filter",
        ),
        (
            ["-k", "luma", "-k", "blur", "--combine", "sum", "--for", "numpy"],
            "code combines kernels that all sum over channels, or none that does",
        ),
        (
            ["-k", "1 2", "-k", "blur", "--combine", "sum", "--padding", "2", "--for", "numpy"],
            "code combines kernels of different sizes with --padding same, same-upper, ",
        ),
    ],
)
def test_what_has_no_program_is_refused(options, message):
    result = CliRunner().invoke(root, ["code", *options])
    assert result.exit_code == 2
    assert message in result.stderr
    assert result.stdout == ""


@pytest.mark.skipif(not is_installed("ffmpeg"), reason="FFmpeg is not installed")
def test_padding_that_ffmpeg_does_not_repeat_ends_the_program(folder, tmp_path):
    script, target = tmp_path / "filter.sh", tmp_path / "none.png"
    options = ["-k", "outline", "--border", "wrap", "--padding", "40"]
    script.write_text(convcli("code", *options, "--for", "ffmpeg"))
    done = subprocess.run(["sh", script, folder / "gray.png", target], capture_output=True)
    assert done.returncode == 1
    assert b"smaller than its padding" in done.stderr
    assert not target.exists()


GROUPED = [
    ["--border", "zero"],
    ["--stride", "2", "--dilation", "1,2", "--border", "reflect", "--divisor", "3", "--bias", "9"],
    ["--operation", "convolve", "--padding", "1,2,0,3", "--border", "constant", "--fill", "200"],
]


@pytest.fixture(scope="module")
def banks(folder):
    """Files of a depthwise bank over three channels, and of one of six kernels."""
    rng = np.random.default_rng(8)
    for count in (3, 6):
        np.save(folder / f"bank-{count}.npy", rng.integers(-2, 3, (count, 1, 2, 3)))
    return folder


@pytest.mark.parametrize("options", GROUPED, ids=" ".join)
@pytest.mark.parametrize("library", ["torch", "onnx"])
def test_programs_with_groups_have_the_pixels_of_a_chain(library, options, banks, tmp_path):
    if not is_installed(library):
        pytest.skip(f"{library} is not installed")
    source, words = banks / "color.png", ["-k", str(banks / "bank-3.npy"), *options]
    program = convcli("code", *words, "--groups", "3", "--for", library)
    run(program, source, tmp_path / "theirs.png")
    chain = ["conv", *words, "--groups", "3", "-o", str(tmp_path / "ours.png")]
    convcli("chain", str(source), *chain)
    ours, theirs = (np.asarray(Image.open(tmp_path / f"{name}.png")) for name in ("ours", "theirs"))
    assert theirs.tolist() == ours.tolist()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-k", "bank-3.npy", "--for", "numpy"], "--groups is written for torch and onnx"),
        (
            ["-k", "bank-6.npy", "--for", "torch"],
            "6 maps are no image; write them with --range raw",
        ),
        (["-k", "sobel-x", "--for", "torch"], "--groups 3 takes a bank (N, C/groups, kh, kw)"),
        (["-k", "bank-3.npy", "-k", "bank-6.npy", "-k", "blur", "--for", "onnx"], "takes a bank"),
        (["-k", "bank-3.npy", "--for", "torch", "--filter", "1"], "takes a whole bank"),
        (["-k", "bank-3.npy", "--for", "torch", "--combine", "max"], "takes a whole bank"),
    ],
)
def test_groups_that_make_no_sense_are_refused(words, message, banks, monkeypatch):
    monkeypatch.chdir(banks)
    result = CliRunner().invoke(root, ["code", *words, "--groups", "3"])
    assert result.exit_code == 2
    assert message in result.stderr


def test_snippets_with_groups_take_any_number_of_channels_and_maps(banks):
    snippet = convcli(
        "code", "-k", str(banks / "bank-6.npy"), "--groups", "6", "--for", "torch", "--snippet"
    )
    assert "F.conv2d(planes, weight, groups=6)" in snippet
    assert "weight = torch.from_numpy(kernel)  # (N, C/groups, kh, kw)" in snippet
