"""``--show`` opens the figure of a command in a window, in every command that draws."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

# The command, the option that names its figure, and what is printed all the same.
COMMANDS: dict[str, tuple[list[str], str, str]] = {
    "apply": (["apply", "-k", "blur", "gray.png"], "--plot", ""),
    "chain": (["chain", "gray.png", "conv", "-k", "blur", "relu"], "--plot", ""),
    "compare": (["compare", "-k", "blur", "gray.png", "--vary", "padding"], "-o", ""),
    "explain": (["explain", "-k", "blur", "--at", "1,2", "gray.png"], "-o", ""),
    "kernels list": (["kernels", "list", "--group", "sharpening"], "--plot", ""),
    "kernels show": (["kernels", "show", "sobel-x", "--frequency"], "--plot", ""),
    "learn": (["learn", "gray.png", "gray.png"], "--plot", "kernel 3x3"),
    "pad": (["pad", "--padding", "2", "gray.png"], "--plot", ""),
}
ADVICE = {"explain": "-o FILE.png", "compare": "-o FILE"}  # of others, --plot FILE


@pytest.fixture
def shown(here, monkeypatch):
    """The figures in windows; a small image is in the folder."""
    figures: list[Figure] = []
    monkeypatch.setattr(
        "convcli.plotting.save._open_windows", lambda opened: figures.extend(opened)
    )
    monkeypatch.setenv("DISPLAY", ":0")
    pixels = np.random.default_rng(0).integers(0, 256, (6, 7), np.uint8)
    Image.fromarray(pixels).save(here / "gray.png")
    return figures


@pytest.mark.parametrize("name", COMMANDS)
def test_a_window_shows_the_figure_and_nothing_is_written(name, convcli, shown, contents):
    arguments, _, printed = COMMANDS[name]
    before = contents()
    ran = convcli(*arguments, "--show", "--title", "Six rows", "--theme", "slide")
    assert (ran.code, ran.errors) == (0, []), ran
    assert ran.out.decode().startswith(printed)
    assert bool(ran.out) == bool(printed)
    assert contents() == before
    [figure] = shown
    assert figure.get_suptitle() == "Six rows"
    assert figure.get_figwidth() == pytest.approx(40 / 3, abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_a_figure_is_written_and_shown(name, convcli, shown):
    arguments, flag, _ = COMMANDS[name]
    ran = convcli(*arguments, "--show", flag, "f.png")
    assert (ran.code, ran.errors) == (0, []), ran
    assert b"f.png" in ran.out
    with Image.open("f.png") as image:
        width, height = image.size
    [figure] = shown
    assert figure.get_figwidth() / figure.get_figheight() == pytest.approx(width / height, rel=0.01)


@pytest.mark.parametrize("name", COMMANDS)
def test_without_a_display_nothing_is_read_or_written(name, convcli, shown, contents, monkeypatch):
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    Path("gray.png").unlink()
    advice = ADVICE.get(name, "--plot FILE")
    said = f"Error: --show needs a display: none was found; {advice} writes the figure"
    convcli(*COMMANDS[name][0], "--show").fails(2, said)
    assert not contents()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_window_that_does_not_open_says_how_to_write_the_figure(
    name, convcli, shown, monkeypatch
):
    def fail(_figures: Any):
        raise RuntimeError("no\nserver")

    monkeypatch.setattr("convcli.plotting.save._open_windows", fail)
    ran = convcli(*COMMANDS[name][0], "--show")
    advice = ADVICE.get(name, "--plot FILE")
    [error] = ran.errors
    assert error.endswith(f"no window opens (no server); {advice} writes the figure")
    assert ran.code == (2 if name.startswith("kernels") else 1)  # which read no INPUT


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["explain", "-k", "blur", "--at", "1,2", "gray.png", "--json"], "--json prints, and"),
        (["kernels", "list", "--json"], "--json prints, and --show draws; choose one"),
        (["kernels", "show", "blur", "--json"], "--json prints, and --show draws; choose one"),
        (["kernels", "show", "blur", "-o", "-"], "-o - prints, and --show draws; choose one"),
    ],
)
def test_what_prints_in_place_of_drawing_shows_nothing(arguments, said, convcli, shown):
    convcli(*arguments, "--show").fails(2, said)
    assert not shown


@pytest.mark.parametrize("name", ["compare", "learn", "pad"])
def test_json_is_printed_beside_a_window(name, convcli, shown):
    ran = convcli(*COMMANDS[name][0], "--json", "--show")
    assert ran.code == 0
    assert ran.out.startswith(b"{")
    assert len(shown) == 1


def test_a_spreadsheet_is_written_beside_a_window(convcli, shown):
    pytest.importorskip("xlsxwriter")
    ran = convcli(*COMMANDS["explain"][0], "--show", "-o", "lesson.xlsx")
    assert (ran.code, ran.names) == (0, ["lesson.xlsx"])
    assert len(shown) == 1


def test_a_chain_shows_its_figure_beside_other_outputs(convcli, shown):
    arguments = COMMANDS["chain"][0]
    ran = convcli(*arguments, "--show", "--summary", "-o", "out.png")
    assert "out.png" in ran.names
    assert ran.names[0].split()[0] == "layer"
    ran = convcli(*arguments, "--show", "--panels", "input")
    assert ran.code == 2
    assert len(shown) == 1


def test_a_value_of_a_chain_is_shown(convcli, shown):
    arguments = ["explain", "--layer", "relu", "--at", "0,0", "gray.png", "--show"]
    ran = convcli(*arguments)
    assert (ran.code, ran.out, ran.err) == (0, b"", "")
    assert convcli(*arguments, "-o", "f.png").names == ["f.png"]
    assert len(shown) == 2
    convcli(*arguments, "--json").fails(2, "--json prints, and --show draws; choose one")
