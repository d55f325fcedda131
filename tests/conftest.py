"""Settings of every test; what figures looked like, to compare with what is drawn."""

import gc
import os
import re
import shutil
import signal
import sys
from collections.abc import Callable, Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from convcli.plotting.style import THEMES, style_context

settings.register_profile(
    "same-everywhere",
    max_examples=25,
    derandomize=True,
    deadline=None,
    database=None,
    print_blob=False,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("same-everywhere")


def pytest_configure() -> None:
    """Let the tests' programs be interrupted; look for no garbage while tests are collected."""
    gc.disable()
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell starts `pytest &` so
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Look for garbage seldom, and not among the tests: it took a third of the time of figures."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(1000, 10, 50)  # all objects after about 50 figures, of 10,000 objects each
    gc.enable()


# Workers of a program with a second thread are not forked from it, but by a fork server.
TWO_THREADS = """
import threading, time
from convcli.__main__ import main
if __name__ == "__main__":
    threading.Thread(target=time.sleep, args=(1e6,), daemon=True).start()
    main()
"""


@pytest.fixture(params=["forked", "by a fork server"])
def with_workers(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> list[str]:
    """The program as a command line to start, once for each way in which its workers start."""
    if request.param == "forked":
        return [sys.executable, "-m", "convcli"]
    script = tmp_path_factory.mktemp("program") / "two_threads.py"
    script.write_text(TWO_THREADS)
    return [sys.executable, str(script)]


MEAN_DIFFERENCE, FAR, FAR_SHARE = 3.0, 48, 0.03  # of 255: on average, of one pixel; of all pixels


def frames(path: Path) -> list[np.ndarray]:
    """Return the first, the middle and the last image of a file as (H, W, 3)."""
    with Image.open(path) as image:
        count = getattr(image, "n_frames", 1)
        taken = []
        for number in sorted({0, count // 2, count - 1}):
            image.seek(number)
            taken.append(np.asarray(image.convert("RGB")).astype(int))
        return taken


def assert_alike(drawn: Path, kept: Path) -> None:
    if os.environ.get("GOLDEN") == "write":
        shutil.copyfile(drawn, kept)
        return
    assert kept.exists(), f"{kept} is missing: GOLDEN=write writes it"
    for found, expected in zip(frames(drawn), frames(kept), strict=True):
        assert found.shape == expected.shape, f"{kept.name}: the size differs from {drawn}"
        apart = np.abs(found - expected).max(axis=2)
        mean, share = apart.mean(), (apart > FAR).mean()
        assert mean <= MEAN_DIFFERENCE, f"{kept.name}: differs by {mean:.2f} on average: {drawn}"
        assert share <= FAR_SHARE, f"{kept.name}: {share:.1%} of the pixels differ: {drawn}"


@pytest.fixture
def alike() -> Callable[[Path, Path], None]:
    """Compare a drawn image with one that was looked at: ``alike(drawn, kept)``.

    Letters and lines may be rasterized a little differently by another version of matplotlib: the
    mean difference and the share of pixels that are far off have to be small. After a change that
    is meant, look at what a run with ``GOLDEN=write`` in the environment puts in place, and
    commit it.
    """
    return assert_alike


def every_axes(figure: Figure) -> list[Axes]:
    children: list[Any] = [child for axes in figure.axes for child in axes.child_axes]
    return [*figure.axes, *children]


def tick_labels(axes: Axes) -> list[Text]:
    """The labels that are drawn: matplotlib keeps more than those, outside the limits."""
    labels = []
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        labels += [
            label
            for tick in axis.get_major_ticks()
            if low <= tick.get_loc() <= high
            for label in (tick.label1, tick.label2)
        ]
    return labels


def texts_of(axes: Axes) -> list[Text]:
    around = [axes.title, axes.xaxis.label, axes.yaxis.label, *tick_labels(axes)]
    return visible([*axes.texts, *(around if axes.axison else ())])


def visible(texts: Iterable[Text]) -> list[Text]:
    return [text for text in texts if text.get_visible() and text.get_text()]


def visible_texts(figure: Figure) -> list[Text]:
    texts = visible(figure.texts)
    for axes in every_axes(figure):
        texts += texts_of(axes)
    return texts


def overlaps(one: np.ndarray, two: np.ndarray) -> np.ndarray:
    """Which boxes (x0, y0, x1, y1) of the first list share more than half a pixel with which."""
    one, two = one[:, None, :], two[None, :, :]
    width = np.minimum(one[..., 2], two[..., 2]) - np.maximum(one[..., 0], two[..., 0])
    height = np.minimum(one[..., 3], two[..., 3]) - np.maximum(one[..., 1], two[..., 1])
    return (width > 0.5) & (height > 0.5)


def place_everything(figure: Figure) -> None:
    """Have matplotlib place what the figure shows, unless it did and nothing has changed."""
    if figure.stale:
        figure.draw_without_rendering()


def assert_legible(figure: Figure) -> None:
    """Nothing is cut off, no text touches another text, no label touches an image."""
    with style_context():
        place_everything(figure)
        texts = visible_texts(figure)
        boxes = np.array([text.get_window_extent().extents for text in texts])
    page = figure.bbox
    for text, (x0, y0, x1, y1) in zip(texts, boxes, strict=True):
        inside = x0 >= -0.5 and y0 >= -0.5 and x1 <= page.width + 0.5 and y1 <= page.height + 0.5
        assert inside, f"cut off: {text.get_text()!r} at {x0, y0, x1, y1} of {page}"
    both = overlaps(boxes, boxes)
    np.fill_diagonal(both, False)
    assert not both.any(), [texts[i].get_text() for i in np.unique(np.argwhere(both))]

    frames = np.array([axes.bbox.extents for axes in every_axes(figure) if axes.axison])
    numbers = {id(text) for axes in figure.axes for text in axes.texts}
    outside = [n for n, text in enumerate(texts) if id(text) not in numbers]
    hidden = overlaps(boxes[outside], frames).any(axis=1)
    assert not hidden.any(), [texts[outside[n]].get_text() for n in np.flatnonzero(hidden)]


@pytest.fixture
def legible() -> Callable[[Figure], None]:
    return assert_legible


def largest_white(figure: Figure) -> float:
    """Return which share of the page the largest rectangle takes in which nothing is drawn."""
    width, height = (int(side) for side in GRID * figure.get_size_inches())
    used = np.zeros((height, width), bool)
    place_everything(figure)
    drawn = [*visible_texts(figure), *every_axes(figure)]
    for artist in drawn:
        left, bottom, right, top = GRID * inches(artist, figure)
        used[int(bottom) : int(np.ceil(top)), int(left) : int(np.ceil(right))] = True
    largest, above = 0, np.zeros(width, int)  # free cells of each column, up to this row
    for row in used:
        above = np.where(row, 0, above + 1)
        for high in np.unique(above[above > 0]):
            edges = np.flatnonzero(np.diff(np.r_[False, above >= high, False]))
            widest = (edges[1::2] - edges[::2]).max()
            largest = max(largest, int(high) * int(widest))
    return largest / used.size


GRID = 12  # cells an inch
MOST_WHITE = 1 / 3  # a lecturer's complaint: "a third of the sheet is white"


def assert_page(figure: Figure, theme: str) -> None:
    """A figure is legible, keeps its theme's page and text, fills it, and its bars have a unit."""
    assert_legible(figure)
    look = THEMES[theme]
    sizes = [text.get_fontsize() for text in visible_texts(figure)]
    assert min(sizes) >= look.text
    width, height = figure.get_size_inches()
    assert width <= look.width + 0.01
    assert height <= look.height + 0.01
    if look.is_fixed:
        assert (width, height) == pytest.approx((look.width, look.height), abs=0.01)
    white = largest_white(figure)
    assert white <= MOST_WHITE, f"{white:.0%} of the page is one white rectangle"
    bars = [
        axes
        for axes in every_axes(figure)
        if any(isinstance(colors, QuadMesh) for colors in axes.collections)
    ]
    unnamed = [axes for axes in bars if not (axes.get_xlabel() or axes.get_ylabel())]
    notes = sum(text.get_text().count("bar: ") for text in visible_texts(figure))
    assert len(unnamed) <= notes, "a color bar has no unit, neither beside it nor in a caption"


@pytest.fixture
def fits_page() -> Callable[[Figure, str], None]:
    return assert_page


@pytest.fixture
def text_sizes() -> Callable[[Figure], list[float]]:
    """Return the size in points of every text that a figure shows."""
    return lambda figure: [text.get_fontsize() for text in visible_texts(figure)]


GOLDEN = Path(__file__).parent / "golden"
GOLDEN_DPI = 60  # the references stay small


def rendered(drawing: Figure | np.ndarray) -> np.ndarray:
    """Return what is drawn as (H, W, 3) uint8; an array is that already."""
    if isinstance(drawing, np.ndarray):
        return drawing
    file = BytesIO()
    with style_context():
        drawing.savefig(file, format="png", dpi=GOLDEN_DPI)
    return np.asarray(Image.open(file).convert("RGB"))


@pytest.fixture
def golden(
    tmp_path: Path, alike: Callable[[Path, Path], None]
) -> Callable[[Figure | np.ndarray, str], None]:
    """Compare a figure, or pixels (H, W, 3) uint8, with ``golden/NAME.png``; see ``alike``."""

    def compare(drawing: Figure | np.ndarray, name: str) -> None:
        drawn = tmp_path / f"{name}.png"
        Image.fromarray(rendered(drawing)).save(drawn, optimize=True)
        assert drawn.stat().st_size < 60_000, f"{drawn.name} is too large to be kept"
        alike(drawn, GOLDEN / drawn.name)

    return compare


@pytest.fixture
def render() -> Callable[[Figure | np.ndarray], np.ndarray]:
    return rendered


def inches(artist: Artist, figure: Figure) -> np.ndarray:
    """Return left, bottom, right and top of what is drawn, from the page's corner."""
    return np.asarray(artist.get_window_extent().extents) / figure.dpi


def place(corners: Iterable[float]) -> str:
    return " ".join(f"{edge:.2f}" for edge in corners)


def text_lines(texts: list[Text], figure: Figure) -> list[str]:
    """Return a line for the texts of each look: how many, where, and what they say."""
    looks: dict[str, list[Text]] = {}
    for text in texts:
        look = (
            f"{text.get_fontsize():.1f} points, {to_hex(text.get_color())}, {text.get_rotation()}"
        )
        looks.setdefault(look, []).append(text)
    lines = []
    for look, alike in looks.items():
        boxes = np.array([inches(text, figure) for text in alike])
        around = place([*boxes.min(axis=0)[:2], *boxes.max(axis=0)[2:]])
        shown = re.sub(r"\s+", " ", " ".join(text.get_text() for text in alike))
        lines.append(f"{len(alike)} texts in {around}, {look}: {shown}")
    return lines


def axes_lines(axes: Axes, figure: Figure) -> list[str]:
    """Return a line for the axes, and one for everything in it."""
    limits = " ".join(f"{limit:.4g}" for limit in (*axes.get_xlim(), *axes.get_ylim()))
    lines = [f"axes {place(inches(axes, figure))}: limits {limits}, {axes.get_xscale()}"]
    for image in axes.images:
        numbers: np.ndarray = np.ma.filled(np.ma.asarray(image.get_array(), float), np.nan)
        colors = f"{image.get_cmap().name} {image.get_clim()}"
        mean = f"{np.nanmean(numbers):.4g}" if np.isfinite(numbers).any() else "nan"
        lines.append(f"image {numbers.shape}: {colors}, mean {mean}, extent {image.get_extent()}")
    for line in axes.lines:
        x, y = (np.asarray(values, float) for values in line.get_data())
        ends = f"{np.nansum(x):.4g} {np.nansum(y):.4g}"
        look = f"{to_hex(line.get_color())} {line.get_linewidth():.2g} {line.get_marker()!r}"
        lines.append(f"line of {x.size}, sums {ends}: {look}")
    for patch in axes.patches:
        color = to_hex(patch.get_facecolor())
        lines.append(f"patch {place(inches(patch, figure))}: {color} {patch.get_hatch()!r}")
    for collection in axes.collections:
        paths = collection.get_paths()
        corners = np.concatenate([path.vertices for path in paths] or [np.zeros((1, 2))])
        color = to_hex(collection.get_edgecolor()[0]) if len(collection.get_edgecolor()) else "none"
        sums = " ".join(f"{value:.4g}" for value in corners.sum(axis=0))
        lines.append(f"collection of {len(paths)}, sums {sums}: {color}")
    return lines


def layout_lines(figure: Figure) -> list[str]:
    """Return a line for each thing that a figure shows: what it is, and where on the page."""
    with style_context():
        place_everything(figure)
        width, height = figure.get_size_inches()
        lines = [f"page {width:.2f} {height:.2f}"]
        lines += text_lines(visible(figure.texts), figure)
        for axes in every_axes(figure):
            lines += axes_lines(axes, figure) + text_lines(texts_of(axes), figure)
        return lines


NUMBER = re.compile(r"-?\d+\.?\d*(?:e[-+]?\d+)?")


@pytest.fixture
def laid_out() -> Callable[[Figure, str], None]:
    """Compare a figure with ``golden/NAME.txt``, which lists what it shows, and where.

    Places may differ by 0.03 inches and other numbers by 0.1 %, since versions of matplotlib
    measure letters a little differently. ``GOLDEN=write`` writes the list: read what changed.
    """

    def compare(figure: Figure, name: str) -> None:
        lines, kept = layout_lines(figure), GOLDEN / f"{name}.txt"
        if os.environ.get("GOLDEN") == "write":
            kept.write_text("\n".join(lines) + "\n", encoding="utf-8")
        expected = kept.read_text(encoding="utf-8").splitlines()
        assert [NUMBER.sub("#", line) for line in lines] == [
            NUMBER.sub("#", line) for line in expected
        ]
        for line, wanted in zip(lines, expected, strict=True):
            found, numbers = ([float(n) for n in NUMBER.findall(text)] for text in (line, wanted))
            assert found == pytest.approx(numbers, rel=1e-3, abs=0.03), f"{line}\nnot\n{wanted}"

    return compare
