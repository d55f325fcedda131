"""``plot`` of explanations, chains and learned kernels: the figures of the commands."""

from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from convcli import (
    Chain,
    ImageError,
    Kernel,
    KernelError,
    UsageError,
    animate,
    cross_correlate,
    explain,
    get_kernel,
    learn_kernel,
    plot,
)
from convcli.cli.main import root
from convcli.kernels.spec import KernelSet
from convcli.plotting.save import NotebookFigure

IMAGE = np.random.default_rng(0).integers(0, 256, (12, 15), np.uint8)
COLOR = np.random.default_rng(0).integers(0, 256, (12, 15, 3), np.uint8)
SIGNAL = IMAGE[0]
BLURRED = cross_correlate(IMAGE, "blur", dtype=np.uint8)
STRETCH = ["--range", "percentile", "--percentile", "5,90"]
STRETCHED: dict[str, Any] = {"range": "percentile", "percentile": [5, 90]}
LAYERS = ["conv -k sobel-x", "relu", "maxpool 2"]


def explained(**options):
    return explain(IMAGE, "outline", (0, 5), border="reflect").plot(**options)


def chained(**options):
    return Chain(LAYERS).plot(IMAGE, **options)


def learned(**options):
    return learn_kernel(IMAGE, BLURRED, descent=True, epochs=20).plot("blur", **options)


def traced(**options):
    return Chain(LAYERS).explain(IMAGE, (2, 3)).plot(**options)


PLOTS: dict[str, Any] = {
    "explanation": explained,
    "chain": chained,
    "learned": learned,
    "value of a chain": traced,
    "kernel": lambda **options: plot("sobel-x", **options),
    "filtered": lambda **options: plot(IMAGE, "sobel-x", **options),
}
COMMANDS: dict[str, tuple[list[str], Any]] = {
    "a value": (
        ["explain", "-k", "outline", "--at", "0,5", "--border", "reflect", "gray.npy", "-o"],
        explained,
    ),
    "a value of a family, activated": (
        ["explain", "-k", "sobel", "--at", "3,4", "color.npy", "--activation", "tanh",
         *STRETCH, "--theme", "dark", "--digits", "2", "--title", "T", "-o"],
        lambda **dpi: explain(COLOR, "sobel", (3, 4), activation="tanh", **STRETCHED).plot(
            theme="dark", digits=2, title="T", **dpi
        ),
    ),
    "a filtered image": (
        ["apply", "-k", "sobel-x", *STRETCH, "gray.npy", "--plot"],
        lambda **dpi: plot(IMAGE, "sobel-x", title="gray.npy", **STRETCHED, **dpi),
    ),
    "a value of a signal": (
        ["explain", "-k", "1 2 1", "--at", "0,3", "signal.npy", "-o"],
        lambda **dpi: explain(SIGNAL, [1, 2, 1], 3).plot(**dpi),
    ),
    "layers": (
        ["chain", "gray.npy", *" ".join(LAYERS).split(), "--plot"],
        lambda **dpi: chained(title="gray.npy", **dpi),
    ),
    "layers of fractions, in a column": (
        ["chain", "color.npy", "conv", "-k", "gaussian:3", "tanh", "--theme", "slide",
         "--scale", "own", "--layout", "column", "--no-axes", "--plot"],
        lambda **dpi: Chain("conv -k gaussian:3 tanh").plot(
            COLOR, theme="slide", scale="own", layout="column", axes=False, title="color.npy", **dpi
        ),
    ),
    "layers of a signal": (
        ["chain", "signal.npy", "conv", "-k", "1 2 1", "relu", "--plot"],
        lambda **dpi: Chain("conv -k '1 2 1' relu").plot(SIGNAL, title="signal.npy", **dpi),
    ),
    "a value of layers": (
        ["explain", *(word for text in LAYERS for word in ("--layer", text)), "--at", "2,3",
         "gray.npy", "-o"],
        traced,
    ),
    "a learned kernel": (
        ["learn", "gray.npy", "blurred.npy", "--width", "9", "--plot"],
        lambda **dpi: learn_kernel(IMAGE, BLURRED).plot(
            width=9, title="gray.npy → blurred.npy", **dpi
        ),
    ),
    "a descent, and the true kernel": (
        ["learn", "gray.npy", "blurred.npy", "--descent", "--epochs", "20", "--truth", "blur",
         "--cmap", "gray", "--plot"],
        lambda **dpi: learned(cmap="gray", title="gray.npy → blurred.npy", **dpi),
    ),
    "a kernel over channels, a border and a stride": (
        ["learn", "color.npy", "part.npy", "--border", "wrap", "--stride", "2", "--plot"],
        lambda **dpi: learn_kernel(COLOR, COLOR[::2, ::2, 0], border="wrap", stride=2).plot(
            title="color.npy → part.npy", **dpi
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_it_is_the_figure_of_the_command(name, tmp_path, monkeypatch):
    """Byte for byte."""
    monkeypatch.chdir(tmp_path)
    arrays = {"gray": IMAGE, "color": COLOR, "blurred": BLURRED, "part": COLOR[::2, ::2, 0]}
    for stem, array in (arrays | {"signal": SIGNAL[None]}).items():
        np.save(f"{stem}.npy", array)
    arguments, draw = COMMANDS[name]
    root.main([*arguments, "command.png", "--dpi", "40"], standalone_mode=False)
    draw(dpi=40).save("python.png")
    assert (tmp_path / "python.png").read_bytes() == (tmp_path / "command.png").read_bytes()


ANIMATIONS: dict[str, tuple[list[str], Any]] = {
    "an image, as a PDF": (
        ["gray.npy", "-k", "sobel", "--border", "reflect", "--bias", "3", "--combine", "max",
         *STRETCH, "--step", "90", "--theme", "slide", "-o", "command.pdf"],
        lambda: animate(IMAGE, "sobel", "python.pdf", border="reflect", bias=3, combine="max",
                        step=90, theme="slide", title="gray.npy, sobel", **STRETCHED),
    ),
    "an image, as a GIF": (
        ["gray.npy", "-k", "1 -1", "--divisor", "2", "--from", "1,2", "--to", "1,4",
         "--stride", "2", "--dpi", "60", "--fps", "2", "--mask", "mask.npy", "--min-valid", "0.5",
         "-o", "command.gif"],
        lambda: animate(IMAGE, [[1, -1]], "python.gif", divisor=2, first=(1, 2), last=(1, 4),
                        stride=2, dpi=60, fps=2, title="gray.npy, 1 -1", mask=IMAGE > 99,
                        min_valid=0.5),
    ),
    "a signal": (
        ["signal.npy", "-k", "1 2 1", "--from", "0,3", "--to", "0,5", "-o", "command.gif"],
        lambda: animate(SIGNAL, "1 2 1", Path("python.gif"), first=3, last=5,
                        title="signal.npy, 1 2 1"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ANIMATIONS)
def test_it_is_the_animation_of_the_command(name, tmp_path, monkeypatch):
    """Byte for byte."""
    monkeypatch.chdir(tmp_path)
    np.save("gray.npy", IMAGE)
    np.save("signal.npy", SIGNAL[None])
    np.save("mask.npy", IMAGE > 99)
    arguments, write = ANIMATIONS[name]
    root.main(["animate", *arguments], standalone_mode=False)
    [written] = write()
    assert written.read_bytes() == written.with_stem("command").read_bytes()


def test_an_animation_of_a_folder_is_replaced_only_with_overwrite(tmp_path):
    folder = tmp_path / "frames"
    written = animate(IMAGE, "blur", folder, last=(0, 1), dpi=30, width=3)
    assert [path.name for path in written] == ["frame-0001.png", "frame-0002.png"]
    with pytest.raises(ImageError, match=r"has frames already; overwrite=True replaces them$"):
        animate(IMAGE, "blur", folder)
    assert len(animate(IMAGE, "blur", folder, last=(0, 0), dpi=30, width=3, overwrite=True)) == 1


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"first": (99, 0)}, "^first 99,0 is outside the 15x12 feature map"),
        ({"first": (2, 0), "last": (1, 3)}, "^last 1,3 comes before first 2,0"),
        ({"last": 3}, "^last must be two whole numbers, row and column, not 3$"),
        ({"step": 0}, "^step must be "),
        ({"fps": 60}, "^fps must be from 0.1 to 50, not 60$"),
        ({"combine": "max"}, "^combine needs two or more kernels"),
        ({"kernel": ["blur", "box"]}, "^kernel is a list of 2 kernels; pass one of them, or give"),
        ({"percentile": (5, 90)}, "^percentile needs range='percentile'; give both$"),
        ({"percentile": (90, 5)}, "^percentile must be two numbers, from 0 to 100 and rising"),
        ({"path": "a.bmp"}, "^a.bmp: an animation's name must end with one of .gif, "),
        ({"path": ""}, "^path must be the name of a file, not ''$"),
    ],
)
def test_an_animation_refuses_in_words_of_python(options, problem, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=problem):
        animate(**{"image": IMAGE, "kernel": "blur", "path": "a.gif"} | options)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", PLOTS)
def test_a_notebook_shows_it(name):
    figure = PLOTS[name](theme="slide", dpi=30, title="Edges")
    assert isinstance(figure, NotebookFigure)
    assert figure.get_suptitle() == "Edges"
    if find_spec("IPython") is None:
        png, shown = figure._repr_png_()
    else:
        formatters: Any = import_module("IPython.core.formatters")
        data, metadata = formatters.DisplayFormatter().format(figure)
        png, shown = data["image/png"], metadata["image/png"]
    assert png.startswith(b"\x89PNG")
    assert figure.get_size_inches() == pytest.approx([40 / 3, 7.5], abs=0.05)
    # In pixels of the page, 96 an inch, whatever those of the picture.
    assert (shown["width"], shown["height"]) == pytest.approx((1280, 720), abs=5)


@pytest.mark.parametrize("name", PLOTS)
@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"theme": "print"}, "^theme must be one of screen, slide, paper, dark, not 'print'$"),
        ({"cmap": "viridiss"}, "^cmap: matplotlib has no colormap 'viridiss'; do you mean "),
        ({"title": 3}, "^title must be text, not 3$"),
        ({"digits": 18}, "^digits must be from 0 to 17, not 18$"),
        ({"dpi": 5}, "^dpi must be from 20 to 1200, not 5$"),
        ({"width": 99}, "^width must be from 2 to 60, not 99$"),
    ],
)
def test_every_figure_refuses_wrong_options_in_the_same_words(name, options, problem):
    with pytest.raises(UsageError, match=problem):
        PLOTS[name](**options)


@pytest.mark.parametrize("name", PLOTS)
def test_a_page_that_fills_its_width_is_not_a_column_of_huge_images(name):
    figure = PLOTS[name](width=12, dpi=30, title="")
    assert figure.get_suptitle() == ""
    width, height = figure.get_size_inches()
    assert width == pytest.approx(12, abs=0.05)
    assert height < 13


@pytest.mark.parametrize("width", [6, 8])
def test_a_narrow_page_is_no_long_column(width):
    toy = [[10] * 3 + [0] * 3] * 6
    figures = {
        "explanation": explain(toy, "outline", (2, 2)).plot(width=width, dpi=30),
        "chain": Chain(LAYERS).plot(toy, width=width, dpi=30),
        "filtered": plot(IMAGE, "outline", width=width, dpi=30),
    }
    for name, figure in figures.items():
        across, down = figure.get_size_inches()
        assert across == pytest.approx(width, abs=0.05)
        assert down < (2.3 if name == "chain" else 1.5) * width
        assert any(axes.texts for axes in figure.axes)  # the numbers stay


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("operation", "convolve"), ("padding", np.array([1, 2])), ("border", "wrap"), ("fill", 3),
        ("stride", 2), ("dilation", (2, 2)), ("anchor", "after"), ("divisor", 2), ("bias", 1),
        ("combine", "sum"), ("range", "raw"), ("percentile", (2, 98)), ("panels", ["kernel"]),
        ("titles", ["one"]), ("layout", "row"), ("limits", (0, 1)), ("overlay", True),
        ("mask", [[1]]), ("nan", "ignore"), ("min_valid", 0.5),
    ],
)  # fmt: skip
def test_a_kernel_alone_takes_no_argument_of_a_filtered_image(name, value):
    with pytest.raises(UsageError, match=f"^{name}: for filtered images; plot.kernel. draws"):
        plot("sobel-x", **{name: value})


def test_each_kernel_of_a_bank_may_have_its_own_scale():
    bank = np.multiply.outer([1.0, 50], np.ones((1, 2, 2)))
    limits = {
        scale: {axes.images[0].get_clim() for axes in plot(bank, scale=scale).axes if axes.images}
        for scale in ("common", "own")
    }
    assert limits["common"] == {(0, 50)}
    assert limits["own"] == {(0, 1), (0, 50)}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (plot, r"^combine='direction' of plain numbers needs range='rescale'$"),
        (partial(plot, range="raw"), r"^combine='direction' does not support range='raw'; use"),
        (partial(plot, bias=3), r"^combine='direction' takes no bias"),
        (lambda *arguments, **more: animate(*arguments, "none.gif", **more),
         r"^combine='direction' gives a color, and animations show numbers; combine by magnitude"),
    ],
)  # fmt: skip
def test_errors_name_arguments_and_no_options(call, message):
    with pytest.raises(UsageError, match=message):
        call(IMAGE / 7, "sobel", combine="direction")


def test_what_has_no_meaning_is_refused():
    chain = Chain(LAYERS)
    with pytest.raises(UsageError, match=r"^scale must be one of common, own, not 'each'$"):
        chain.plot(IMAGE, scale="each")
    with pytest.raises(UsageError, match=r"^scale: for kernels alone"):
        plot(IMAGE, "blur", scale="own")
    with pytest.raises(UsageError, match=r"^panels: a chain has no panel padded"):
        chain.plot(IMAGE, panels=["padded", "result"])
    unknown: Any = ["inputs"]
    with pytest.raises(UsageError, match=r"^panels must be of input, kernel, result, not"):
        chain.plot(IMAGE, panels=unknown)
    with pytest.raises(UsageError, match=r"^panels must be of input, padded, kernel, result, not"):
        plot(IMAGE, "blur", panels=unknown)
    with pytest.raises(UsageError, match=r"^titles: 4 needed, one for the input and each layer"):
        chain.plot(IMAGE, titles=["one"])
    with pytest.raises(UsageError, match=r"^layout grid: the layers of a chain follow each other"):
        chain.plot(IMAGE, layout="grid")
    with pytest.raises(TypeError, match="panels"):
        explained(panels=["result"])
    result = learn_kernel(IMAGE, BLURRED)
    with pytest.raises(KernelError, match="sobel names 2 kernels, but one is needed"):
        result.plot("sobel")
    with pytest.raises(UsageError, match=r"^truth gaussian:5 is 5x5, larger.*of at least 5x5$"):
        result.plot(get_kernel("gaussian:5"))
    with pytest.raises(UsageError, match=r"^truth .* has 2 channels, but"):
        result.plot(np.ones((2, 3, 3)))


def test_a_signal_takes_a_kernel_of_one_row():
    with pytest.raises(KernelError, match=r"^kernel has 3 rows, but a signal takes .* of one row"):
        plot(SIGNAL, "outline")
    assert plot([SIGNAL], "outline").get_suptitle() == ""  # an image of one row takes any kernel


def test_a_set_of_one_kernel_is_combined():
    kernel = Kernel([[1, -1]], name="step")
    values = {}
    for combine in (None, "magnitude"):
        kernels = KernelSet("steps", (kernel,), combine)
        figure = plot(IMAGE, kernels, range="raw", panels=["result"])
        [drawn] = [axes.images[0].get_array() for axes in figure.axes if axes.images]
        values[combine] = np.asarray(drawn)
    assert values[None].min() < 0
    assert values["magnitude"].tolist() == np.abs(values[None]).tolist()


def test_headings_are_the_figures_own():
    assert explained().get_suptitle() == "outline: the value at row 0, column 5"
    assert plot("sobel-x").get_suptitle() == "sobel-x, 3x3"
    assert chained().get_suptitle() == ""


def test_the_true_kernel_may_be_an_array():
    figure = learn_kernel(IMAGE, BLURRED).plot([[1, 2, 1], [2, 4, 2], [1, 2, 1]])
    assert "difference" in [text.get_text() for text in figure.texts]
