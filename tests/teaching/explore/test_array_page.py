"""``convcli.explore``: the page of an array, which notebooks show and a method saves."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from convcli import (
    ExplorePage,
    GeometryError,
    ImageError,
    Kernel,
    KernelError,
    UsageError,
    explore,
    get_filter,
)

IMAGE = np.arange(48, dtype=np.uint8).reshape(6, 8)


def state_of(page):
    return json.loads(re.search(r"data-convcli-state>(.*?)</script>", page.html)[1])


def test_a_page_is_saved_and_shown(tmp_path):
    page = explore(IMAGE, "sobel-x")
    assert isinstance(page, ExplorePage)
    assert re.fullmatch(r"<ExplorePage: 1\d\d kB>", repr(page))
    page.save(tmp_path / "page.html")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == page.html
    with pytest.raises(ImageError, match=r"exists already; overwrite=True replaces it$"):
        page.save(tmp_path / "page.html")
    page.save(tmp_path / "page.html", overwrite=True)


def test_a_notebook_shows_a_frame_with_the_whole_page():
    page = explore(IMAGE, "1 2; 3 4")
    frames = []

    class Frames(HTMLParser):
        def handle_starttag(self, tag, attrs):
            frames.append((tag, dict(attrs)["srcdoc"]))

    Frames().feed(page._repr_html_())
    assert frames == [("iframe", page.html)]


def test_arguments_set_the_start():
    page = explore(
        IMAGE, "sobel", operation="convolve", padding=np.array([1, 2]), border="reflect",
        stride=np.int64(2), dilation=(1, 2), bias=3, combine="max", range="abs", at=(1, 0),
    )  # fmt: skip
    state = state_of(page)
    assert state["settings"] == {
        "kernel": "sobel", "operation": "convolve", "padding": [1, 2], "border": "reflect",
        "fill": 0, "stride": 2, "dilation": [1, 2], "anchor": "before", "range": "abs",
        "at": [1, 0], "bias": 3,
    }  # fmt: skip
    table = state["kernels"][0]
    assert (table["spec"], table["combine"]) == ("sobel", "max")


@pytest.mark.parametrize(
    ("kernel", "names", "words", "scaling"),
    [
        ([[1, 2.5]], ["1 2.5"], None, []),
        (Kernel([[1, 2]], divisor=3, name="mine"), ["mine"], ["-k", "1 2"], ["--divisor", "3"]),
        ("box:2", ["box:2"], None, []),
        (np.ones((2, 1, 1, 2)), ["filter 1", "filter 2"], ["-k", "KERNEL"], []),
        (get_filter("sobel"), ["sobel-x", "sobel-y"], ["-k", "KERNEL"], []),
        (["blur", Kernel([[1]], name="one")], ["blur", "one"], ["-k", "KERNEL"], []),
    ],
)
def test_kernels_of_any_form(kernel, names, words, scaling):
    table = state_of(explore(IMAGE, kernel))["kernels"][0]
    assert [member.get("name", table["spec"]) for member in table["kernels"]] == names
    assert table.get("words") == words
    assert table.get("scaling", []) == scaling


@pytest.mark.parametrize("layers", [["relu", "maxpool 1,2"], "relu | maxpool 1,2"])
def test_layers_follow(layers):
    assert state_of(explore(IMAGE, "blur", layers=layers))["settings"]["layers"] == [
        "relu",
        "maxpool 1,2",
    ]
    assert "layers" not in state_of(explore(IMAGE, "blur"))["settings"]


def test_a_signal_is_one_row():
    state = state_of(explore([1, 2, 3, 4], [1, -1], padding=(0, 1), at=2))
    assert state["input"]["shape"] == [1, 4, 1]
    assert (state["settings"]["padding"], state["settings"]["at"]) == ([0, 0, 0, 1], [0, 2])


@pytest.mark.parametrize(
    ("arguments", "options", "error", "said"),
    [
        ((IMAGE, "no-such"), {}, KernelError, "no-such"),
        ((IMAGE, np.ones((9, 9))), {"padding": "valid"}, GeometryError, "exceeds the 8x6 input"),
        ((IMAGE, "blur"), {"at": (6, 0)}, GeometryError, "position 6,0 is outside"),
        ((IMAGE, "blur"), {"combine": "max"}, UsageError, "two or more kernels"),
        ((IMAGE.astype(float), "blur"), {"range": "offset"}, UsageError, "offset"),
        (("image.png", "blur"), {}, UsageError, "read the file first"),
        ((IMAGE, np.ones((2, 3, 1, 1))), {}, KernelError, "channels"),
        ((IMAGE, "blur"), {"layers": ["maxpool 7"]}, GeometryError, r"^layer 2 \(maxpool 7x7\)"),
        ((IMAGE, "blur"), {"layers": "relu pool"}, UsageError, "No such layer 'pool'"),
        ((IMAGE, "blur"), {"layers": [3]}, UsageError, "layers must be the text of each layer"),
        ((IMAGE, "blur"), {"layers": ["conv -k -"]}, KernelError, "standard input"),
    ],
)
def test_what_is_refused(arguments, options, error, said):
    with pytest.raises(error, match=said):
        explore(*arguments, **options)
