"""The catalogue: its weights are those of the sources, its signs those that the names say."""

import os
from pathlib import Path

import numpy as np
import PIL.ImageFilter
import pytest
from PIL import Image
from scipy import ndimage

from convcli.kernels.catalogue import CATALOGUE, complete_kernel, groups, unknown_kernel
from convcli.kernels.data.edges import COMPASS
from convcli.kernels.entries import ComputedKernel, FixedKernel, KernelFamily
from convcli.kernels.kernel import safe_name
from convcli.kernels.spec import get_kernel, read_spec

FIXED = [name for name, entry in CATALOGUE.items() if isinstance(entry, FixedKernel)]
FAMILIES = [name for name, entry in CATALOGUE.items() if isinstance(entry, KernelFamily)]
COMPUTED = [name for name, entry in CATALOGUE.items() if isinstance(entry, ComputedKernel)]
RAMP_RIGHT = np.tile(np.arange(20.0), (20, 1))
ASKED_FOR = """
identity sharpen blur outline laplacian cross-blur plus vertical-line horizontal-line sobel sobel-x
sobel-y left-sobel right-sobel top-sobel bottom-sobel prewitt scharr roberts kirsch robinson
random uniform luma frei-chen farid emboss box binomial gaussian disk motion log dog unsharp gabor
red green blue comet edge-enhance edge-enhance-more detail smooth smooth-more contour find-edges
"""


def respond(spec, image):
    """Cross-correlate by scipy; return the value in the center of the image."""
    kernel = get_kernel(spec)
    return ndimage.correlate(image, kernel.weights, mode="nearest")[10, 10]


def test_every_kernel_asked_for_is_there():
    assert set(ASKED_FOR.split()) <= set(CATALOGUE)


def test_every_entry_is_complete_and_builds():
    for name, entry in CATALOGUE.items():
        built = read_spec(name)
        assert entry.summary
        assert entry.source
        assert built.label == name
        assert (
            built.slug == ("random-seed-0" if name == "random" else name) == safe_name(built.slug)
        )
        assert all(kernel.source and kernel.summary for kernel in built.kernels), name


@pytest.mark.parametrize(
    ("name", "rows", "divisor"),
    [
        ("sharpen", [[0, -1, 0], [-1, 5, -1], [0, -1, 0]], 1),
        ("blur", [[1, 2, 1], [2, 4, 2], [1, 2, 1]], 16),
        ("outline", [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]], 1),
        ("cross-blur", [[0, 1, 0], [1, 1, 1], [0, 1, 0]], 5),
        ("vertical-line", [[0, 1, 0]] * 3, 1),
        ("horizontal-line", [[0, 0, 0], [1, 1, 1], [0, 0, 0]], 1),
        ("emboss", [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]], 1),
        ("left-sobel", [[1, 0, -1], [2, 0, -2], [1, 0, -1]], 1),
        ("right-sobel", [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], 1),
        ("top-sobel", [[1, 2, 1], [0, 0, 0], [-1, -2, -1]], 1),
        ("bottom-sobel", [[-1, -2, -1], [0, 0, 0], [1, 2, 1]], 1),
        ("sobel-x", [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], 1),
        ("scharr-y", [[-3, -10, -3], [0, 0, 0], [3, 10, 3]], 1),
        ("kirsch-ne", [[-3, 5, 5], [-3, 0, 5], [-3, -3, -3]], 1),
        ("kirsch-e", [[-3, -3, 5], [-3, 0, 5], [-3, -3, 5]], 1),
        ("robinson-sw", [[0, -1, -2], [1, 0, -1], [2, 1, 0]], 1),
    ],
)
def test_the_weights_are_those_of_the_source(name, rows, divisor):
    kernel = get_kernel(name)
    assert kernel.matrix.tolist() == rows
    assert kernel.divisor == divisor
    assert kernel.matrix.dtype == np.int64


def test_a_derivative_of_a_constant_image_is_0():
    for name in FIXED:
        if CATALOGUE[name].group in ("gradient", "compass"):
            assert get_kernel(name).sum == pytest.approx(0, abs=1e-12), name


def test_a_laplacian_of_a_constant_or_sloping_image_is_0():
    for entry in groups()["Laplacian"]:
        assert get_kernel(entry.name).sum == pytest.approx(0, abs=1e-12), entry.name
        assert respond(entry.name, RAMP_RIGHT) == pytest.approx(0, abs=1e-9), entry.name


def test_a_smoothing_kernel_keeps_constant_images():
    for entry in groups()["smoothing"]:
        kernel = get_kernel(entry.name)
        assert kernel.sum == pytest.approx(1, abs=1e-12), entry.name
        assert (kernel.matrix >= 0).all(), entry.name


@pytest.mark.parametrize("name", ["sobel", "prewitt", "scharr", "frei-chen", "farid"])
def test_x_is_positive_where_brighter_to_the_right_and_y_where_brighter_below(name):
    assert respond(f"{name}-x", RAMP_RIGHT) > 0
    assert respond(f"{name}-y", RAMP_RIGHT.T) > 0
    assert respond(f"{name}-x", RAMP_RIGHT.T) == pytest.approx(0, abs=1e-12)


def test_roberts_is_positive_along_the_diagonals():
    falling = RAMP_RIGHT + RAMP_RIGHT.T
    assert respond("roberts-x", falling) > 0
    assert respond("roberts-y", falling) == 0
    assert respond("roberts-y", RAMP_RIGHT.T - RAMP_RIGHT) > 0


@pytest.mark.parametrize("family", ["kirsch", "robinson"])
def test_a_compass_name_is_the_brighter_side(family):
    north_is_up = -RAMP_RIGHT.T
    for point, rotation in COMPASS.items():
        angle = np.radians(90 + rotation)
        toward = np.cos(angle) * RAMP_RIGHT + np.sin(angle) * north_is_up
        answers = {p: respond(f"{family}-{p}", toward) for p in COMPASS}
        assert max(answers, key=answers.get) == point


@pytest.mark.parametrize("name", ["sobel", "prewitt"])
def test_gradients_are_scipys(name):
    image = np.random.default_rng(1).integers(0, 256, (12, 14))
    reference = getattr(ndimage, name)
    for suffix, axis in (("x", 1), ("y", 0)):
        ours = ndimage.correlate(image, get_kernel(f"{name}-{suffix}").matrix, mode="reflect")
        assert np.array_equal(ours, reference(image, axis=axis))


def test_laplacian_is_scipys():
    image = np.random.default_rng(2).integers(0, 256, (12, 14))
    ours = ndimage.correlate(image, get_kernel("laplacian").matrix, mode="reflect")
    assert np.array_equal(ours, ndimage.laplace(image))


@pytest.mark.parametrize("name", ["laplacian-oono-puri", "laplacian-patra-karttunen", "laplacian"])
def test_a_laplacian_of_a_paraboloid_is_4(name):
    x, y = np.meshgrid(np.arange(20.0), np.arange(20.0))
    assert respond(name, x * x + y * y) == pytest.approx(4)


@pytest.mark.parametrize(
    ("name", "pillow"),
    [
        ("contour", "CONTOUR"),
        ("detail", "DETAIL"),
        ("edge-enhance", "EDGE_ENHANCE"),
        ("edge-enhance-more", "EDGE_ENHANCE_MORE"),
        ("find-edges", "FIND_EDGES"),
        ("smooth", "SMOOTH"),
        ("smooth-more", "SMOOTH_MORE"),
        ("pillow-blur", "BLUR"),
        ("pillow-sharpen", "SHARPEN"),
        ("pillow-emboss", "EMBOSS"),
    ],
)
def test_pillows_kernels_do_what_pillow_does(name, pillow):
    kernel = get_kernel(name)
    reference = getattr(PIL.ImageFilter, pillow)
    (width, height), divisor, offset, weights = reference.filterargs
    rows = np.array(weights).reshape(height, width)[::-1]  # Pillow's rows run upward
    assert np.array_equal(kernel.matrix, rows)
    assert (kernel.divisor, kernel.bias) == (divisor, offset)
    image = np.random.default_rng(3).integers(0, 256, (30, 40), dtype=np.uint8)
    theirs = np.asarray(Image.fromarray(image).filter(reference)).astype(int)[3:-3, 3:-3]
    sums = ndimage.correlate(image.astype(float), kernel.weights) + kernel.bias
    ours = np.clip(np.floor(sums + 0.5), 0, 255)[3:-3, 3:-3]
    assert np.abs(ours - theirs).max() <= 1


def test_a_family_names_its_members():
    for name in FAMILIES:
        built = read_spec(name)
        assert [kernel.name for kernel in built.kernels] == list(CATALOGUE[name].members)
        assert built.combine == {2: "magnitude", 8: "max"}[len(built.kernels)]


def test_the_nearest_names_are_suggested_for_a_mistyped_one():
    assert "did you mean gaussian" in str(unknown_kernel("gausian"))
    assert "kernels list" in str(unknown_kernel("zzzzzz"))


def test_names_and_arguments_are_completed():
    assert complete_kernel("sobel-") == ["sobel-x", "sobel-y"]
    assert set(complete_kernel("")) == {*CATALOGUE, "signal:", "trained:"}
    assert complete_kernel("motion:") == ["motion:length=", "motion:angle="]
    assert complete_kernel("gaussian:5,sigma-") == ["gaussian:5,sigma-x=", "gaussian:5,sigma-y="]
    assert complete_kernel("motion:length=3,") == ["motion:length=3,angle="]
    assert complete_kernel("blur:") == []


def test_the_example_of_every_computed_kernel_works():
    for name in COMPUTED:
        assert get_kernel(CATALOGUE[name].example).matrix.size > 1, name


def test_all_weights_are_those_that_were_checked():
    """A change that is meant is written by a run with ``GOLDEN=write`` in the environment."""
    lines = []
    for name in CATALOGUE:
        for kernel in read_spec(name).kernels:
            rows = "; ".join(
                " ".join(f"{weight:.9g}" for weight in row)
                for row in kernel.matrix.reshape(-1, kernel.matrix.shape[-1]).tolist()
            )
            lines.append(f"{kernel.slug} | {kernel.divisor:.9g} | {kernel.bias:g} | {rows}\n")
    written = Path(__file__).parents[1] / "golden" / "kernels.txt"
    if os.environ.get("GOLDEN") == "write":
        written.write_text("".join(lines))
    assert written.read_text().splitlines(keepends=True) == lines
