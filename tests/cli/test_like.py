"""``--like`` gives the values of the libraries' own functions, even kernels included."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from scipy import ndimage, signal

import convcli
from convcli import choices
from convcli.cli.main import root
from convcli.conventions import BORDER_NAMES, CONVENTIONS

RNG = np.random.default_rng(8)
KERNELS = [RNG.integers(-4, 5, shape) for shape in ((1, 1), (3, 3), (2, 2), (2, 5), (4, 1), (4, 3))]
BORDERS = Path(convcli.__file__).parent / "manual" / "borders.md"


def vips(image, kernel, folder):
    Image.fromarray(image).save(folder / "in.png")
    rows, columns = kernel.shape
    lines = [f"{columns} {rows}", *(" ".join(map(str, row)) for row in kernel.tolist())]
    (folder / "kernel.mat").write_text("\n".join(lines))
    command = ["vips", "conv", "in.png", "out.tif", "kernel.mat", "--precision", "float"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return np.asarray(Image.open(folder / "out.tif"))


def onnx_conv(image, kernel, **options):
    helper = pytest.importorskip("onnx").helper
    reference = pytest.importorskip("onnx.reference")
    kinds = [helper.make_tensor_value_info(name, 11, None) for name in ("x", "w", "y")]
    node = helper.make_node("Conv", ["x", "w"], ["y"], **options)
    model = helper.make_model(helper.make_graph([node], "g", kinds[:2], kinds[2:]))
    values = {"x": image[None, None].astype(float), "w": kernel[None, None].astype(float)}
    return reference.ReferenceEvaluator(model).run(None, values)[0][0, 0]


def keras_conv(image, kernel):
    """Keras on JAX has TensorFlow's SAME; where it is absent, SAME_UPPER of ONNX is the same."""
    if not all(map(importlib.util.find_spec, ("keras", "jax"))):
        return onnx_conv(image, kernel, auto_pad="SAME_UPPER")
    os.environ.setdefault("KERAS_BACKEND", "jax")
    keras = importlib.import_module("keras")

    planes = image[None, ..., None].astype(np.float32), kernel[..., None, None].astype(np.float32)
    return np.asarray(keras.ops.conv(*planes, padding="same", data_format="channels_last"))[
        0, ..., 0
    ]


def torch_conv(image, kernel):
    torch = pytest.importorskip("torch")
    planes, weight = (torch.from_numpy(each.astype(float))[None, None] for each in (image, kernel))
    return torch.nn.functional.conv2d(planes, weight)[0, 0].numpy()


THEIRS = {
    "onnx": onnx_conv,
    "opencv": lambda image, kernel: cv2.filter2D(image.astype(float), -1, kernel.astype(float)),
    "scipy": lambda image, kernel: ndimage.correlate(image.astype(float), kernel),
    "scipy-convolve2d": lambda image, kernel: signal.convolve2d(image.astype(float), kernel),
    "tensorflow": keras_conv,
    "torch": torch_conv,
}


@pytest.fixture
def ours(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(image, kernel, *flags):
        np.save("image.npy", image)
        np.save("kernel.npy", kernel)
        args = ["apply", "-k", "kernel.npy", "image.npy", "-o", "ours.npy", "--overwrite", *flags]
        result = CliRunner().invoke(root, args)
        assert result.exit_code == 0, result.output
        return np.load("ours.npy"), result

    return run


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: str(kernel.shape))
@pytest.mark.parametrize("name", THEIRS)
def test_values_are_those_of_the_library(name, kernel, ours):
    image = RNG.integers(0, 256, (9, 11))
    found, _ = ours(image, kernel, "--like", name)
    assert np.array_equal(found, THEIRS[name](image, kernel))


@pytest.mark.parametrize("taps", [1, 2, 3, 4])
def test_numpy_convolves_signals(taps, ours):
    values, kernel = RNG.integers(-9, 9, 12), RNG.integers(-3, 4, taps)
    found, _ = ours(values[None], kernel[None], "--like", "numpy")
    assert found[0].tolist() == np.convolve(values, kernel).tolist()


@pytest.mark.skipif(shutil.which("vips") is None, reason="vips is not installed")
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: str(kernel.shape))
def test_vips(kernel, ours, tmp_path):
    image = RNG.integers(0, 256, (9, 11))
    found, _ = ours(image, kernel, "--like", "vips")
    assert np.array_equal(found, vips(image.astype(np.uint8), kernel, tmp_path))


def test_single_options_override(ours):
    image, kernel = RNG.integers(0, 9, (5, 5)), KERNELS[2]
    found, _ = ours(image, kernel, "--like", "opencv", "--border", "wrap", "--anchor", "0,0")
    wanted = convcli.cross_correlate(image, kernel, border="wrap", anchor=(0, 0))
    assert np.array_equal(found, wanted)
    causal, _ = ours(image, kernel, "--like", "opencv", "--padding", "causal")
    wanted = convcli.cross_correlate(image, kernel, border="reflect", padding="causal")
    assert np.array_equal(causal, wanted)


def test_compare_takes_conventions_and_varies_one_of_their_options(tmp_path):
    """The kernel of even sides tells the anchor, and a value that varies is not overridden."""
    image = RNG.integers(0, 9, (5, 6))
    np.savetxt(tmp_path / "image.txt", image, fmt="%d")
    arguments = ["compare", str(tmp_path / "image.txt"), "-k", "1 2; 3 4", "--like", "opencv"]
    for vary, values in (("border", "reflect zero"), ("padding", "same same-upper valid")):
        result = CliRunner().invoke(
            root, [*arguments, "--vary", vary, "--values", values, "--json"]
        )
        assert result.exit_code == 0, result.output
        for line, value in zip(result.output.splitlines(), values.split(), strict=True):
            anchor = "before" if value == "same-upper" else "after"
            options = {"border": "reflect", "anchor": anchor} | {vary: value}
            expected = convcli.cross_correlate(image, "1 2; 3 4", **options)
            record = json.loads(line)
            assert (record["min"], record["max"]) == (expected.min(), expected.max())
            assert (record["rows"], record["columns"]) == expected.shape


@pytest.mark.parametrize(
    "command", [["apply"], ["compare", "--vary", "border", "--json"]], ids=lambda words: words[0]
)
def test_an_anchor_beside_a_padding_that_only_like_sets_names_both(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = [*command, "-k", "1 2", "--like", "tensorflow", "--matrix", "1 2 3"]
    result = CliRunner().invoke(root, [*arguments, "--anchor", "after"])
    assert result.exit_code == 2
    assert (
        "--like tensorflow sets padding same-upper, which has an anchor of its own; "
        "give --padding too, e.g. --padding same, or leave out --anchor"
    ) in " ".join(result.stderr.split())
    for more in (["--anchor", "before"], ["--anchor", "after", "--padding", "same"]):
        assert CliRunner().invoke(root, [*arguments, *more]).exit_code == 0


def test_compare_varies_the_padding_of_a_convention_beside_an_anchor(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = ["compare", "-k", "1 2", "--like", "tensorflow", "--anchor", "after"]
    arguments += ["--vary", "padding", "--values", "same full", "--matrix", "1 2 3", "--json"]
    result = CliRunner().invoke(root, arguments)
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (
            "--like scipy",
            "operation correlate, padding same, border symmetric, anchor after, "
            "as scipy.ndimage.correlate(image, kernel); there",
        ),
        (
            "--like opencv --border wrap",
            "operation correlate, padding same, border wrap, anchor after, "
            "as cv2.filter2D(image, -1, kernel), but with border wrap; channels",
        ),
        ("--like opencv --border reflect", "as cv2.filter2D(image, -1, kernel); channels"),
        (
            "--like opencv --padding causal --stride 1,2",
            "operation correlate, padding causal, border reflect, "
            "as cv2.filter2D(image, -1, kernel), but with padding causal, stride 1,2; channels",
        ),
        (
            "--like tensorflow",
            "operation correlate, padding same-upper, border zero, "
            "as tf.nn.conv2d(..., padding='SAME'); values",
        ),
        (
            "--like tensorflow --padding same",
            "operation correlate, padding same, border zero, anchor before, "
            "as tf.nn.conv2d(..., padding='SAME'), but with padding same; values",
        ),
        (
            "--like torch --padding 1,1 --anchor 0,0 --dilation 2",
            "as torch.nn.functional.conv2d(image, kernel), "
            "but with padding 1, anchor 0,0, dilation 2; values",
        ),
    ],
)
def test_verbose_says_what_was_set_overridden_and_what_differs(flags, said, ours):
    _, result = ours(np.eye(4), KERNELS[2], *flags.split(), "-v")
    assert said in result.stderr


def by_skimage(row, name, fill):
    filters = pytest.importorskip("skimage.filters")
    shift = np.array([[1, 0, 0, 0, 0]])
    if fill == 0:
        shifted = filters.correlate_sparse(row, shift.astype(float), mode=name)
        assert shifted.tolist() == filters.median(row, shift, mode=name, cval=0).tolist()
    return filters.median(row, shift, mode=name, cval=fill)  # of one pixel, two places before


def by_torch(row, name, fill):
    torch = pytest.importorskip("torch")
    options = {"value": fill} if name == "constant" else {}
    pads = (2, 0, 0, 0)
    return torch.nn.functional.pad(torch.from_numpy(row)[None], pads, name, **options)[0].numpy()


# A row that is moved by two places, with a border of this name.
MOVED = {
    "numpy": lambda row, name, fill: np.pad(
        row, ((0, 0), (2, 0)), name, **({"constant_values": fill} if name == "constant" else {})
    ),
    "scipy": lambda row, name, fill: ndimage.correlate(
        row, [[1, 0, 0, 0, 0]], mode=name, cval=fill
    ),
    "skimage": by_skimage,
    "torch": by_torch,
    "opencv": lambda row, name, fill: cv2.copyMakeBorder(
        row, 0, 0, 2, 0, getattr(cv2, name), value=fill
    ),
}


@pytest.mark.parametrize("library", BORDER_NAMES)
def test_names_of_borders_are_those_of_the_library(library):
    row = np.array([[1.0, 2, 3, 4]])
    for border, name in BORDER_NAMES[library].items():
        fill = 9 if border == "constant" else 0
        ours = convcli.cross_correlate(row, [[1, 0, 0, 0, 0]], border=border, fill=fill)
        assert MOVED[library](row, name, fill)[:, :4].tolist() == ours.tolist(), border


def test_scikit_image_names_borders_of_transforms_as_numpy_does():
    transform = pytest.importorskip("skimage.transform")
    row = np.array([[1.0, 2, 3, 4]])
    shift = transform.AffineTransform(translation=(-2, 0))
    for name in ("edge", "symmetric", "reflect", "wrap"):
        moved = transform.warp(row, shift, mode=name, order=0)
        assert moved.tolist() == np.pad(row, ((0, 0), (2, 0)), name)[:, :4].tolist()


def check_table(head, lines):
    """Compare the block of the manual that begins with a head; ``GOLDEN=write`` writes it."""
    lines = [f"    {line}".rstrip() for line in lines]
    block = re.compile(rf"^    {head}  .*\n(?:    .*\n)*", re.M)
    if os.environ.get("GOLDEN") == "write":
        BORDERS.write_text(block.sub("\n".join(lines) + "\n", BORDERS.read_text()))
    assert block.search(BORDERS.read_text())[0].splitlines() == lines


def test_the_manual_has_the_conventions_that_are_tested():
    lines = ["--like            operation  padding     border     anchor"]
    lines += [
        f"{name:<16}  {each.operation:<9}  {each.padding:<10}  {each.border:<9}  {each.anchor}"
        for name, each in CONVENTIONS.items()
    ]
    check_table("--like", lines)
    assert {*THEIRS, "numpy", "vips"} == set(CONVENTIONS)


def test_the_manual_has_the_names_of_borders_that_are_tested():
    rows = [("here", *BORDER_NAMES)]
    rows += [
        (each, *(names.get(each, "") for names in BORDER_NAMES.values()))
        for each in choices.BORDERS
    ]
    check_table("here", ["  ".join(f"{cell:<9}" for cell in row) for row in rows])
