"""What a notebook shows of results: HTML without colors of its own, which says what text says."""

import re
from html.parser import HTMLParser
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from convcli import (
    Chain,
    Kernel,
    KernelSet,
    cross_correlate,
    explain,
    get_filter,
    get_kernel,
    learn_kernel,
)
from convcli.html import html_grid, html_line, html_lines, html_table

IMAGE = np.random.default_rng(0).integers(0, 256, (12, 15), np.uint8)
COLOR = np.random.default_rng(0).integers(0, 256, (12, 15, 3), np.uint8)
BLURRED = cross_correlate(IMAGE, "blur", dtype=np.uint8)
RESULTS: dict[str, Any] = {
    "kernel": get_kernel("blur"),
    "floats": get_kernel("gaussian:5"),
    "large": get_kernel("gaussian:31,sigma=4"),
    "channels": get_kernel("luma"),
    "bank": Kernel(np.random.default_rng(0).normal(size=(64, 3, 3, 3))),
    "bias": Kernel([[1, 2]], divisor=4, bias=128, name="mid"),
    "value": explain(IMAGE, "outline", (0, 5), border="reflect"),
    "family": explain(COLOR, "sobel", (3, 4)),
    "large window": explain(IMAGE, "gaussian:21", (3, 4)),
    "learned": learn_kernel(IMAGE, BLURRED),
    "learned by descent": learn_kernel(COLOR, COLOR[..., 0], descent=True, epochs=20),
    "kernels of a family": get_filter("kirsch"),
    "kernels of a bank": KernelSet("bank", (Kernel([[1, 2]]),) * 20),
    "chain": Chain(["conv -k outline", "relu"]),
}


class Page(HTMLParser):
    """The rows of all tables of a page, and its whole text."""

    def __init__(self, text):
        super().__init__()
        self.rows: list[list[str]] = []
        self.faint: list[str] = []
        self.open: list[tuple[str, str]] = []
        self.text = ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.open.append((tag, dict(attrs).get("style") or ""))
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag
        self.text += " "

    def handle_data(self, data):
        self.text += data
        tag, style = self.open[-1]
        if tag in ("td", "th"):
            self.rows[-1][-1] += data
            self.faint += [data] * ("opacity" in style)


def shown(result):
    """Return the HTML that a notebook shows."""
    if find_spec("IPython") is None:
        return result._repr_html_()
    formatters: Any = import_module("IPython.core.formatters")
    data, _ = formatters.DisplayFormatter().format(result)
    assert "text/plain" in data
    return data["text/html"]


@pytest.mark.parametrize("name", RESULTS)
def test_it_is_a_small_page_in_the_colors_of_the_notebook(name):
    page = shown(RESULTS[name])
    assert Page(page).rows or name == "large window"
    assert "color" not in page
    assert "background" not in page
    assert len(page) < 20_000


@pytest.mark.parametrize("name", [name for name in RESULTS if " of a " not in name])
def test_repr_is_one_short_line(name):
    assert len(repr(RESULTS[name])) <= 100
    assert "\n" not in repr(RESULTS[name])


@pytest.mark.parametrize("name", ["value", "family", "large window"])
def test_str_of_an_explanation_is_its_text(name):
    explanation = RESULTS[name]
    assert str(explanation) == explanation.text()
    assert str(explanation).startswith(f"{explanation.kernel} at row ")


def test_a_kernel_shows_its_weights_and_properties():
    page = Page(shown(RESULTS["kernel"]))
    assert page.rows == [["1", "2", "1"], ["2", "4", "2"], ["1", "2", "1"]]
    assert "blur" in page.text
    assert "3x3, divisor 16, sum 1, symmetric" in page.text
    assert "2x1, divisor 4, bias 128, sum 0.75" in Page(shown(RESULTS["bias"])).text
    middle = Page(shown(RESULTS["floats"])).rows[2]
    weights = RESULTS["floats"].weights[2]
    np.testing.assert_allclose(np.array(middle, float), weights, atol=5e-5)


def test_of_large_kernels_and_banks_a_part_is_shown_and_a_line_says_so():
    page = Page(shown(RESULTS["large"]))
    assert [len(row) for row in page.rows] == [7] * 7
    np.testing.assert_allclose(float(page.rows[3][3]), RESULTS["large"].weights[15, 15], rtol=1e-3)
    assert "the middle 7x7 of 31x31" in page.text
    page = Page(shown(RESULTS["bank"]))
    assert len(page.rows) == 8 * 3
    assert "filter 1, red" in page.text
    assert "filter 3, green" in page.text
    assert "the first 8 of 192 planes" in page.text
    assert "blue" in Page(shown(RESULTS["channels"])).text
    signal = Page(shown(Kernel(np.arange(40)))).rows
    assert signal == [[str(number) for number in range(16, 23)]]


def test_a_set_of_kernels_shows_each_and_how_they_combine():
    page = Page(shown(RESULTS["kernels of a family"]))
    assert page.text.startswith("kirsch: 8 kernels, combined by max ")
    assert page.rows == [
        [str(weight) for weight in row]
        for kernel in get_filter("kirsch").kernels
        for row in kernel.matrix.tolist()
    ]
    page = Page(shown(RESULTS["kernels of a bank"]))
    assert page.text.startswith("bank: 20 kernels; the first 8 ")
    assert page.rows == [["1", "2"]] * 8


@pytest.mark.parametrize("name", ["value", "family", "large window"])
def test_an_explanation_says_what_its_text_says(name):
    page, words = Page(shown(RESULTS[name])), str(RESULTS[name]).split()
    if name == "value":
        assert sorted(page.text.split()) == sorted(words)
    if name == "family":  # whose window is shown once
        assert set(page.text.split()) == set(words)
        assert page.text.split().count("window") < words.count("window")
    if name == "large window":
        assert "the 20 largest of 441 products" in page.text
        assert " ".join(words[-2:]) in " ".join(page.text.split())


def test_padding_is_faint():
    page = Page(shown(RESULTS["value"]))
    assert [text for text in page.faint if text.startswith("[")] == re.findall(
        r"\[\d+\]", str(RESULTS["value"])
    )


@pytest.mark.parametrize("name", ["learned", "learned by descent"])
def test_a_learned_kernel_says_what_its_text_says(name):
    page, learned = Page(shown(RESULTS[name])), RESULTS[name]
    assert sorted(page.text.split()) == sorted(str(learned).split())
    assert str(learned) == learned.text()


def test_a_learned_kernel_is_printed_as_the_command_prints_it(tmp_path, monkeypatch):
    from click.testing import CliRunner

    from convcli.cli.main import root

    monkeypatch.chdir(tmp_path)
    for name, array in (("before.npy", IMAGE), ("after.npy", BLURRED)):
        np.save(name, array)
    done = CliRunner().invoke(root, ["learn", "before.npy", "after.npy"])
    assert done.stdout == f"{learn_kernel(IMAGE, BLURRED)}\n"
    done = CliRunner().invoke(root, ["learn", "before.npy", "after.npy", "--digits", "2"])
    assert done.stdout == f"{learn_kernel(IMAGE, BLURRED).text(2)}\n"


def test_short_lines_of_learned_kernels():
    assert repr(RESULTS["learned"]).endswith("match='blur')")
    assert re.fullmatch(r"LearnResult\(3x3, residual=[\d.]+, match=None\)",
                        repr(RESULTS["learned by descent"]))  # fmt: skip
    history = RESULTS["learned by descent"].history
    assert re.fullmatch(r"History\(epochs=20, loss=[\d.]+, from [\d.]+\)", repr(history))


def test_names_are_escaped():
    for page in (
        html_line("<b>&", bold=True),
        html_lines(["<b>&"]),
        html_table([["<b>&"]], headings=False),
        html_grid("<b>&", [["<b>&"]], ["<b>&"], ["<b>&"]),
    ):
        assert set(Page(page).text.split()) == {"<b>&"}
