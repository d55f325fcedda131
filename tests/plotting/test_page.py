"""Pages: what is left out where one is too small, what is refused, and even lines of text."""

import numpy as np
import pytest

from convcli import explain
from convcli.errors import UsageError
from convcli.figure_options import FigureOptions
from convcli.plotting.page import PagePlan, compose
from convcli.plotting.part import blank
from convcli.plotting.style import style_context
from convcli.teaching.explain.figure import draw_explanation

GRAY = np.random.default_rng(1).integers(0, 256, (40, 45), np.uint8)


def explained(**options):
    return draw_explanation(explain(GRAY, "outline", (9, 3)), options=FigureOptions(**options))


def test_a_page_without_room_for_the_steps_leaves_them_out(legible):
    figure = explained(theme="slide", width=7)
    legible(figure)
    texts = " ".join(" ".join(text.get_text() for text in figure.texts).split())
    assert "steps" in texts.partition("left out: ")[2]
    assert "(211*" not in texts


@pytest.mark.parametrize(("theme", "page"), [("slide", "2 inches wide and 1.125 inches high"),
                                             ("screen", "2 inches wide")])  # fmt: skip
def test_a_page_without_room_for_the_least_is_refused(theme, page):
    options = FigureOptions(theme=theme, width=2)
    with style_context(options), pytest.raises(UsageError, match=f"a page {page} has no room"):
        compose([PagePlan(lambda _: [[blank((3.0, 9.0))]])], title="a page")


def test_lines_of_a_text_are_equally_far_apart(render):
    lines = ["xax", "x(x", "xgx", "x,x", "xQx", "xax"]
    with style_context(FigureOptions(theme="slide")):
        figure = compose([PagePlan(lambda _: [[blank((3.0, 0.1))]])], title="\n".join(lines))
    ink = (render(figure) < 128).any(axis=2)
    left = np.flatnonzero(ink.any(axis=0))[0]
    rows = np.flatnonzero(ink[:, left : left + 9].any(axis=1))
    starts = rows[np.flatnonzero(np.diff(rows, prepend=-9) > 1)]
    assert len(starts) == len(lines)
    assert np.ptp(np.diff(starts)) <= 1


def test_lines_of_titles_on_a_slide_are_as_long_as_images_leave_room_for():
    caption = "8x8, min -14649, max 10794, 43.8 % clipped"

    def rows(scale):
        return [[blank((scale, scale), "result of outline", caption)] * 3] * 2

    with style_context(FigureOptions(theme="slide")):
        figure = compose([PagePlan(rows)], title="a page")
    captions = [text.get_text() for text in figure.texts if "min" in text.get_text()]
    assert captions == ["8x8, min -14649,\nmax 10794, 43.8 % clipped"] * 6
