"""Borders against numpy.pad, however far they reach, and strips of every height."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcli import cross_correlate
from convcli.choices import BORDER_SYNONYMS, BORDERS
from convcli.core import plan
from convcli.core.methods import direct
from convcli.core.padding import border_index
from convcli.errors import UsageError
from convcli.geometry import ConvOptions, border_name

NUMPY_PAD = ["edge", "reflect", "symmetric", "wrap"]


@pytest.mark.parametrize("border", NUMPY_PAD)
@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_border_index_equals_numpy_pad(border, size):
    for before in range(21):
        for after in (0, 1, 5, 20):
            expected = np.pad(np.arange(size), (before, after), mode=border)
            np.testing.assert_array_equal(border_index(size, before, after, border), expected)


@pytest.mark.parametrize("border", [*NUMPY_PAD, "zero", "constant"])
@pytest.mark.parametrize("shape", [(1, 1), (2, 3), (3, 1), (1, 4, 3)], ids=str)
@pytest.mark.parametrize("strip_bytes", [1, 1 << 19])
def test_pads_larger_than_the_image(border, shape, strip_bytes, monkeypatch, rng):
    monkeypatch.setattr(direct, "STRIP_BYTES", strip_bytes)
    image = rng.integers(1, 256, shape).astype(np.uint8)
    constant = {"zero": 0, "constant": 9}
    for pads in [(20, 20, 20, 20), (20, 0, 0, 13), (0, 7, 20, 1), (0, 0, 0, 0)]:
        widths = (pads[:2], pads[2:], (0, 0))[: image.ndim]
        expected = (
            np.pad(image, widths, constant_values=constant[border])
            if border in constant
            else np.pad(image, widths, mode=border)
        )
        options = {"padding": pads, "border": border, "fill": 9 * (border == "constant")}
        actual = cross_correlate(image, [[1]], **options, method="direct")
        np.testing.assert_array_equal(actual, expected, err_msg=str(pads))


@pytest.mark.parametrize(("synonym", "name"), BORDER_SYNONYMS.items())
def test_synonyms(synonym, name):
    assert border_name(synonym) == name
    image = [[1, 2, 3], [4, 5, 7]]
    one, other = (cross_correlate(image, [[1]], padding=3, border=b) for b in (synonym, name))
    np.testing.assert_array_equal(one, other)


def test_the_borders_and_their_synonyms():
    assert set(BORDERS) == {"edge", "zero", "reflect", "symmetric", "wrap", "constant"}
    assert BORDER_SYNONYMS == {
        "replicate": "edge",
        "nearest": "edge",
        "zeros": "zero",
        "mirror": "reflect",
        "circular": "wrap",
    }


@pytest.mark.parametrize("border", ["", "Edge", "same", "valid", None])
def test_unknown_borders_are_refused(border):
    with pytest.raises(UsageError, match=r"border must be one of edge, zero, .*circular, not "):
        cross_correlate([[1]], [[1]], border=border)


@pytest.mark.slow
@pytest.mark.parametrize("strip_bytes", [1, 60, 200, 1000])
@settings(max_examples=60)
@given(
    border=st.sampled_from(BORDERS),
    padding=st.sampled_from(["valid", "same", "full", (0, 9, 2, 1)]),
    stride=st.sampled_from([1, 2, (5, 1)]),
    dilation=st.sampled_from([1, (2, 1), 3]),
    kernel=st.sampled_from([(1, 1), (3, 3), (2, 4), (4, 3, 2, 2)]),
    seed=st.integers(0, 99),
)
def test_strip_height_changes_nothing(strip_bytes, border, padding, stride, dilation, kernel, seed):
    rng = np.random.default_rng(seed)
    options = {"border": border, "padding": padding, "stride": stride, "dilation": dilation}
    options |= {"fill": 3 * (border == "constant"), "method": "direct"}
    image, weights = rng.normal(size=(11, 10, 3)), rng.normal(size=kernel)
    whole = cross_correlate(image, weights, **options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(direct, "STRIP_BYTES", strip_bytes)
        strips = cross_correlate(image, weights, **options)
    np.testing.assert_allclose(strips, whole, rtol=0, atol=1e-12)


def test_small_strips_are_many(monkeypatch):
    """The test above would prove nothing if the patched size did not reach the plan."""
    heights = []
    for size in (1, 1 << 19):
        monkeypatch.setattr(direct, "STRIP_BYTES", size)
        arguments = np.zeros((50, 50)), np.ones((3, 3)), ConvOptions()
        made = plan.make_plan(*arguments, method="direct")
        heights.append(made.methods[0].strip_rows(1))
    assert heights[0] <= 3 < heights[1]
