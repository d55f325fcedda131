"""The figure of a learned kernel: legible, and on one scale with the truth."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from convcli import cross_correlate, learn_bank, learn_kernel, read_image
from convcli.figure_options import FigureOptions
from convcli.kernels.kernel import Kernel
from convcli.teaching.learn.estimate import Alternative, Estimate, History
from convcli.teaching.learn.figure import draw_learned
from convcli.teaching.learn.images import images_of
from convcli.teaching.learn.lookup import recognize
from convcli.teaching.learn.text import Truth
from convcli.teaching.learn.windows import Example, Model

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(8)
KERNELS = {
    "3x3": np.array([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]),
    "15x15": RNG.normal(size=(15, 15)),
    "30x30": RNG.normal(size=(30, 30)),
    "row": np.array([[1.0, 2, 3, 4, 5, 4, 3, 2, 1]]),
    "column": np.ones((9, 1)),
    "long": RNG.normal(size=(1, 40)),
    "one": np.array([[3.0]]),
    "color": RNG.normal(size=(3, 3, 3)),
    "channels": RNG.normal(size=(12, 2, 2)),
    "tiny": RNG.normal(0, 1e-8, (3, 3)),
    "huge": RNG.normal(0, 1e8, (3, 3)),
}
LONG = "a-name-without-an-end_" * 3


def history_to(weights, epochs, least):
    shown = tuple(sorted({epoch for epoch in (0, 1, 5, 20, 100) if epoch < epochs} | {epochs}))
    losses = 900 * 0.93 ** np.arange(epochs + 1.0) + least
    kernels = tuple(weights * (1 - 0.9 ** (epoch + 1)) for epoch in shown)
    return History(losses, shown, kernels, 0.057, 0.218, 0.9, least, weights)


def drawn(name, *, truth=None, noise=1e-3, descent=False, epochs=200, least=1.0):
    """What might have been learned, and its figure."""
    kernel = KERNELS[name]
    error = noise * np.abs(kernel).max()
    weights = kernel + RNG.normal(0, error, kernel.shape)
    learned = Estimate(
        weights=weights,
        bias=3.0,
        errors=np.full(kernel.shape, error),
        bias_error=0.1,
        windows=10**6,
        clipped=0,
        residual=0.2887,
        r_squared=0.99,
        condition=40.0,
        match=recognize(weights, 3.0, error) if kernel.ndim == 2 else None,
        rational=None,
        history=history_to(weights, epochs, least) if descent else None,
        depth=8,
    )
    true = truth and Truth.of(Kernel(kernel, name=truth), kernel.shape)
    return learned, draw_learned(learned, true)


@pytest.mark.parametrize("descent", [False, True], ids=["squares", "descent"])
@pytest.mark.parametrize("name", KERNELS)
def test_nothing_is_cut_or_overlaps(name, descent, legible):
    """Each kernel with and without a descent, with and without a truth, and each pair of those."""
    with_truth = descent == (list(KERNELS).index(name) % 2 == 0)
    legible(drawn(name, truth=LONG if with_truth else None, descent=descent)[1])


def title_of(axes):
    """The title above the axes, without the caption."""
    box = axes.get_position()
    above = [
        text
        for text in axes.figure.texts
        if text.get_va() == "bottom"
        and abs(text.get_position()[0] - (box.x0 + box.x1) / 2) < 1e-6
        and text.get_position()[1] >= box.y1
    ]
    nearest = sorted(above, key=lambda text: text.get_position()[1])[:2]
    title = max(nearest, key=lambda text: text.get_fontsize(), default=None)
    return "" if title is None else " ".join(title.get_text().split())


def maps(figure):
    """The heat maps and images with the titles above them."""
    return {title_of(axes): axes for axes in figure.axes if axes.images}


def losses_of(figure):
    [axes] = [axes for axes in figure.axes if axes.get_xlabel() == "epoch"]
    return axes


@pytest.mark.parametrize("epochs", [1, 3, 1000])
def test_any_number_of_epochs(epochs, legible):
    _, figure = drawn("3x3", descent=True, epochs=epochs)
    legible(figure)
    assert f"epoch {epochs}" in maps(figure)


def test_the_truth_is_on_the_scale_of_what_was_learned():
    _, figure = drawn("3x3", truth="sobel")
    found = maps(figure)
    assert list(found) == ["learned", "sobel", "difference"]
    learned, truth, difference = (axes.images[0] for axes in found.values())
    assert learned.get_clim() == truth.get_clim()
    assert -difference.get_clim()[0] == difference.get_clim()[1] < 0.1
    numbers = [text.get_text() for text in found["learned"].texts]
    assert numbers == ["-1", "0", "1", "-2", "0", "2", "-1", "0", "1"]


@pytest.mark.parametrize(
    ("kernel", "descent", "low", "theme"),
    [
        ([[1, 2], [3, 4]], False, 0, "screen"),
        ([[1, 2], [3, -4]], False, -4, "screen"),
        ([[1, 2], [3, 4]], True, -4, "screen"),  # as the kernels on the way
        ([[1, 2], [3, 4]], True, 0, "slide"),  # which a slide leaves out
    ],
)
def test_a_kernel_without_negative_weights_has_a_scale_from_0(kernel, descent, low, theme):
    image = np.random.default_rng(2).integers(0, 9, (12, 12))
    learned = learn_kernel(image, cross_correlate(image, kernel), (2, 2), descent=descent)
    figure = learned.plot(theme=theme)
    [axes] = [axes for name, axes in maps(figure).items() if name == "learned"]
    assert axes.images[0].get_clim()[0] == pytest.approx(low, abs=0.01 if low == 0 else 0.5)


def test_learned_and_true_weights_have_as_many_decimals_and_cells_as_large():
    kernel = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16
    before = RNG.normal(size=(30, 36))
    after = cross_correlate(before, kernel) + RNG.normal(0, 0.02, before.shape)
    learned = learn_kernel(before, after)
    figure = draw_learned(learned, Truth("blur", kernel))
    own, true = (maps(figure)[name] for name in ("learned", "blur"))
    decimals = {len(t.get_text().partition(".")[2]) for axes in (own, true) for t in axes.texts}
    assert len(decimals) == 1
    assert own.bbox.size == pytest.approx(true.bbox.size)


def test_more_than_eight_channels_are_left_out_in_words():
    texts = " ".join(text.get_text() for text in drawn("channels")[1].texts)
    assert "the first 8 of 12 channels" in texts


def test_a_descent_shows_its_losses_and_kernels_on_one_scale():
    learned, figure = drawn("3x3", truth="truth", descent=True)
    loss = losses_of(figure)
    line, floor = loss.lines
    np.testing.assert_array_equal(line.get_ydata(), learned.history.losses)
    np.testing.assert_array_equal(floor.get_ydata(), learned.history.least)
    assert loss.get_yscale() == "log"
    found = maps(figure)
    epochs = [title for title in found if title.startswith("epoch")]
    assert epochs == [f"epoch {n}" for n in (0, 1, 5, 20, 100, 200)]
    assert len({found[title].images[0].get_clim() for title in epochs}) == 1
    paper = draw_learned(learned, options=FigureOptions(theme="paper"))
    shown = len([title for title in maps(paper) if title.startswith("epoch")])
    assert f"left out: kernels of {6 - shown} of 6 epochs" in facts_of(paper)


def test_both_curves_are_drawn_where_another_momentum_ends_lower():
    learned, _ = drawn("3x3", descent=True)
    other = Alternative(0.0, learned.history.losses / 2)
    learned = replace(learned, history=replace(learned.history, alternative=other))
    loss = losses_of(draw_learned(learned))
    np.testing.assert_array_equal(loss.lines[1].get_ydata(), other.losses)
    labels = [text.get_text() for text in loss.get_legend().get_texts()]
    assert labels == ["momentum 0.9 (learned)", "momentum 0", "least squares"]


@pytest.mark.parametrize("theme", ["screen", "slide", "paper"])
@pytest.mark.parametrize("curves", [1, 2])
def test_the_legend_of_the_losses_covers_no_curve(theme, curves, fits_page):
    learned, _, _ = learned_pair((40, 50))
    other = Alternative(0.9, learned.history.losses / 2) if curves == 2 else None
    learned = replace(learned, history=replace(learned.history, alternative=other))
    figure = draw_learned(learned, options=FigureOptions(theme=theme))
    loss, canvas = losses_of(figure), FigureCanvasAgg(figure)
    canvas.draw()
    legend = loss.get_legend().get_window_extent(canvas.get_renderer())
    assert not legend.overlaps(loss.get_window_extent(canvas.get_renderer()))
    assert len(loss.get_legend().get_texts()) == len(loss.lines) >= curves


def facts_of(figure):
    """All texts of the page as one line."""
    return " ".join(" ".join(text.get_text() for text in figure.texts).split())


def test_the_caption_names_every_option_that_is_not_the_default():
    _, _, figure = learned_pair((40, 50))
    for word in ("padding", "border", "stride", "dilation", "flipped", "no bias", "ignored"):
        assert word not in facts_of(figure)
    settings = {
        "operation": "convolve",
        "padding": (2, 1),
        "border": "constant",
        "fill": 9,
        "stride": 2,
        "dilation": (1, 2),
    }
    _, _, figure = learned_pair((40, 50), **settings)
    expected = "convolve, kernel flipped, padding 2,1, border constant 9, stride 2, dilation 1,2"
    assert expected in facts_of(figure)


def test_the_caption_names_what_differs_from_the_defaults_of_learning():
    before = np.random.default_rng(3).integers(0, 256, (40, 50), np.uint8)
    after = cross_correlate(before, "blur", padding="valid", dtype=np.uint8)
    for shown, model in (
        ("padding valid, no bias", Model(with_bias=False)),
        ("padding valid, border edge", Model(border="replicate")),
        ("padding valid, clipped pixels ignored", Model(ignore_clipped=True)),
    ):
        learned = learn_kernel(before, after)
        figure = draw_learned(learned, None, images_of(learned, Example(before, after, 255), model))
        assert shown in facts_of(figure)


def test_the_ticks_of_the_loss_are_powers_of_ten_written_alike():
    loss = losses_of(drawn("3x3", least=1e-9, descent=True)[1])
    labels = [text.get_text() for text in loss.get_yticklabels()]
    assert 2 <= len(labels) <= 5
    assert [float(label) for label in labels] == loss.get_yticks().tolist()
    assert len({"e" in label for label in labels}) == 1


def learned_pair(shape, theme="screen", truth=True, **options):
    """The figure of a descent between two images, with these images."""
    before = np.random.default_rng(3).integers(0, 256, shape, np.uint8)
    kernel = np.array([[1.0, 2, 1], [2, 4, 2], [1, 2, 1]]) / 16
    conv = {n: v for n, v in options.items() if v is not None and n != "operation"}  # symmetric
    made = cross_correlate(before, kernel, **conv)
    after = np.clip(made.round(), 0, 255).astype(np.uint8)
    learned = learn_kernel(before, after, descent=True, epochs=20, **options)
    model = Model(**options)
    images = images_of(learned, Example(before, after, 255, 8), model)
    true = Truth.of(Kernel(kernel, name="blur"), (3, 3)) if truth else None
    figure = draw_learned(learned, true, images, title="a.png", options=FigureOptions(theme=theme))
    return learned, images, figure


@pytest.mark.parametrize("theme", ["screen", "slide", "paper"])  # dark is screen in other colors
@pytest.mark.parametrize("shape", [(40, 50), (30, 36, 3)], ids=["gray", "color"])
def test_every_theme_keeps_its_page_and_its_text(theme, shape, fits_page):
    _, _, figure = learned_pair(shape, theme)
    fits_page(figure, theme)
    found = maps(figure)
    assert {"BEFORE", "AFTER", "learned result", "error", "learned", "blur"} <= set(found)


@pytest.mark.parametrize(("lift", "is_signed"), [(0.0, False), (-9.0, True)])
def test_the_result_and_after_have_one_scale(lift, is_signed):
    before = np.round(RNG.uniform(0, 9, (12, 12)))
    after = cross_correlate(before, "blur", padding="valid") + lift
    learned = learn_kernel(before, after, descent=True, epochs=60)
    images = images_of(learned, Example(before, after, None, None), Model())
    images = images._replace(made=images.made - images.made.min() - 1e-5 + after.min())
    shown = maps(draw_learned(learned, None, images))
    limits = [shown[name].images[0].get_clim() for name in ("AFTER", "learned result")]
    assert limits[0] == limits[1]
    assert (limits[0][0] < 0) == is_signed


@pytest.mark.parametrize(
    ("kernel", "dtype"), [("blur", np.uint8), ("sobel-x", None)], ids=["pixels", "values"]
)
def test_a_slide_keeps_images_kernels_and_losses_beside_each_other(kernel, dtype):
    before = read_image("@camera")[::2, ::2]  # where the errors are large at a few pixels
    learned = learn_kernel(
        before, cross_correlate(before, kernel, dtype=dtype), descent=True, epochs=50
    )
    figure = learned.plot(kernel, theme="slide", title="a.png → b.png")
    assert {"BEFORE", "AFTER", "learned result", "error", "learned", kernel} <= set(maps(figure))
    assert losses_of(figure)
    words = facts_of(figure)
    assert "left out: difference, kernels on the way" in words
    assert "at most" in words
    assert "% beyond colors" in words
    assert not [text for text in figure.texts if " rows" in text.get_text()]


@pytest.mark.parametrize(("axis", "theme"), [(0, "slide"), (1, "paper")])
def test_signals_are_stems_along_one_axis(theme, axis, fits_page):
    before = np.expand_dims(RNG.integers(-999, 999, 40), 1 - axis)
    after = cross_correlate(before, np.expand_dims([1.0, 2, 1], 1 - axis))
    learned = learn_kernel(before, after, (3, 1) if axis == 0 else (1, 3), descent=True)
    figure = learned.plot(theme=theme)
    fits_page(figure, theme)
    assert set(maps(figure)) >= {"learned"}
    assert losses_of(figure)
    plots = {title_of(axes): axes for axes in figure.axes if axes.get_xlabel() == "sample"}
    drawn = {title: axes.lines[1].get_data() for title, axes in plots.items()}
    for title, samples in (("BEFORE", before), ("AFTER", after)):
        np.testing.assert_array_equal(drawn[title], [range(40), samples.ravel()])
    places, made = drawn["learned result"]
    np.testing.assert_array_equal(places, range(1, 39))
    np.testing.assert_allclose(made, after.ravel()[1:-1], atol=1)
    assert plots["AFTER"].get_ylim() == plots["learned result"].get_ylim()


@pytest.mark.parametrize("theme", ["screen", "slide", "paper"])
def test_banks_of_signals_are_stems_beside_their_kernels(theme, fits_page):
    before = RNG.integers(-99, 99, (1, 40))
    bank = np.array([[[[1.0, 2, 1]]], [[[1, 0, -1]]], [[[3, 0, 0]]]])
    learned = learn_bank(before, cross_correlate(before, bank), (1, 3), descent=theme == "screen")
    figure = learned.plot(bank, theme=theme)
    fits_page(figure, theme)
    plots = [axes for axes in figure.axes if axes.get_xlabel() == "sample"]
    texts = [text.get_text() for text in figure.texts]
    has_after = theme == "screen"
    shown = ["AFTER", "result"] if has_after else ["result"]
    filters = range(1, 3 + (theme != "paper"))  # paper is too low for all
    expected = [f"{name}: filter {number}" for number in filters for name in shown]
    assert [text for text in texts if text.startswith(("AFTER:", "result:"))] == expected
    assert len(plots) == 1 + len(expected)
    assert ("AFTER, true kernels" in facts_of(figure)) != has_after
    if has_after:
        assert plots[1].get_ylim() == plots[2].get_ylim() != plots[3].get_ylim()
        assert len([axes for axes in figure.axes if axes.get_yscale() == "log"]) == 1
    kernels = [[text.get_text() for text in axes.texts] for axes in figure.axes if axes.images]
    assert kernels[:: len(shown)][:2] == [["1", "2", "1"], ["1", "0", "-1"]]


def test_equal_images_have_equal_colors():
    image = read_image("@letter-h")
    learned = learn_kernel(image, image, border="zero", descent=True, epochs=20)
    shown = maps(learned.plot())
    looks = [shown[name].images[0] for name in ("BEFORE", "AFTER", "learned result")]
    assert learned.weights.min() < 0
    assert {look.get_cmap().name for look in looks} == {"gray"}


@pytest.mark.parametrize("shape", [(40, 50), (30, 36, 3)], ids=["gray", "color"])
@pytest.mark.parametrize("border", [None, "wrap"])
def test_the_error_is_that_of_the_windows(shape, border):
    learned, images, _ = learned_pair(shape, border=border)
    inner = (slice(None),) * 2 if border else (slice(1, -1),) * 2
    expected = cross_correlate(
        images.before.astype(float), learned.weights, bias=learned.bias, border=border or "edge"
    )[inner]
    np.testing.assert_allclose(images.made, expected, atol=1e-9)
    np.testing.assert_allclose(images.error, expected - images.after[inner], atol=1e-9)
    assert learned.residual == pytest.approx(np.sqrt((images.error**2).mean()), rel=1e-6)


@pytest.mark.parametrize(
    ("name", "descent"), [("3x3", False), ("3x3", True), ("column", False), ("color", True)]
)
def test_the_figure_is_laid_out_as_it_was(name, descent, laid_out):
    _, figure = drawn(name, truth="sobel", noise=0, descent=descent)
    laid_out(figure, f"learn-{name}" + "-descent" * descent)
