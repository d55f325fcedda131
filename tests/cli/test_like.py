"""``--like`` gives the values of the libraries' own functions, even kernels included."""

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
from convcli.cli.main import root
from convcli.conventions import CONVENTIONS

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


def torch_conv(image, kernel):
    torch = pytest.importorskip("torch")
    planes, weight = (torch.from_numpy(each.astype(float))[None, None] for each in (image, kernel))
    return torch.nn.functional.conv2d(planes, weight)[0, 0].numpy()


THEIRS = {
    "onnx": onnx_conv,
    "opencv": lambda image, kernel: cv2.filter2D(image.astype(float), -1, kernel.astype(float)),
    "scipy": lambda image, kernel: ndimage.correlate(image.astype(float), kernel),
    "scipy-convolve2d": lambda image, kernel: signal.convolve2d(image.astype(float), kernel),
    # TensorFlow's SAME is SAME_UPPER of ONNX.
    "tensorflow": lambda image, kernel: onnx_conv(image, kernel, auto_pad="SAME_UPPER"),
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


def test_the_manual_has_the_table_that_is_tested():
    """``GOLDEN=write`` writes it."""
    lines = ["    --like            operation  padding     border     anchor"]
    lines += [
        f"    {name:<16}  {each.operation:<9}  {each.padding:<10}  {each.border:<9}  {each.anchor}"
        for name, each in CONVENTIONS.items()
    ]
    text = BORDERS.read_text()
    block = re.compile(r"^    --like  .*\n(?:    .*\n)*", re.M)
    if os.environ.get("GOLDEN") == "write":
        BORDERS.write_text(block.sub("\n".join(lines) + "\n", text))
    assert block.search(BORDERS.read_text())[0].splitlines() == lines
    assert {*THEIRS, "numpy", "vips"} == set(CONVENTIONS)
