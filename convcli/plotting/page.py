"""A page of rows of parts: how large these are, and what is left out where a page is full.

Every length is known before anything is drawn: text is measured, and images take what is left. If a
page is too small, the images shrink, then whole rows are left out; text never shrinks.
"""

from __future__ import annotations

import math
import re
import textwrap
from bisect import bisect_left
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from convcli.errors import UsageError
from convcli.plotting.axes import write_numbers
from convcli.plotting.labels import format_short, text_width, wrap
from convcli.plotting.part import GAP, SLACK
from convcli.plotting.rows import EDGE, RowLayout, Rows, RowsOf, fit_width, text_height
from convcli.plotting.save import NotebookFigure
from convcli.plotting.style import figure_options, layout_context, theme

_SMALLEST_SCALE = 0.3
_CLEARLY, _LESS = 1.05, 1.33  # how much larger images in other places are; with less detail
_FILLED = 0.9  # of the height of a page
_STEPS = 9  # of the search for the largest scale, which is then found to 1 %
NO_ROOM_FOR_NUMBERS = "numbers that do not fit"  # in the line on what is left out
_SCALED_UP = 4.0  # how much larger than planned images become to fill a page
# A page is no higher than this share of its largest width, if its images are at least so large.
_TALLEST, _SCALED_DOWN = 1.4, 0.5
_HIGHEST = 56.0  # inches; a page of any theme
_MOST_PIXELS = 100_000_000  # of a page: drawing takes ten bytes for each


class PagePlan(NamedTuple):
    """What a page shows and what it leaves out.

    Attributes:
        rows: returns the parts for a scale of their boxes; 1 is the size that they have where
            nothing limits it.
        left_out: the names of what is left out, which the page lists in one line.
        note: what stands in for them.
    """

    rows: RowsOf
    left_out: Sequence[str] = ()
    note: str = ""

    def line(self, *more: str) -> str:
        """Return the line on what is left out, and ``more``; nothing is named twice."""
        names = ", ".join(dict.fromkeys([*self.left_out, *more]))
        return _joined(f"left out: {names}" if names else "", self.note)


def compose(
    plans: Sequence[PagePlan],
    *,
    others: Sequence[Sequence[PagePlan]] = (),
    title: str = "",
    facts: str = "",
    footer: Sequence[str] = (),
    unit: str = "rows",
    by_part: bool = False,
    least: float = _SMALLEST_SCALE,
    multiple: int = 1,
) -> NotebookFigure:
    """Return a figure of parts in rows, as large as the theme's page allows.

    A page that has no room for one row is drawn without the footer. On a page of fixed height,
    color bars stand below their images where so these are larger.

    Args:
        plans: of the page, with less and less detail. The first that fits the page, if need be at
            the smallest scale, is drawn; the last one if none does.
        others: the same plans with the parts in other places. A page of fixed height takes the
            places that make its images largest, unless these leave out much more.
        title: the heading; the option ``--title`` replaces it.
        facts: a line below the heading.
        footer: monospaced lines at the bottom.
        unit: what a row is called where rows are left out.
        by_part: whether ``unit`` is the name of each part that has a title or a caption.
        least: the smallest scale; where more does not fit, rows are left out.
        multiple: the page's pixels are a multiple of it along both sides; videos need 2.

    Raises:
        UsageError: the page has no room for the least that is drawn, or too many pixels.
    """
    look, options = theme(), figure_options()
    fills = look.is_fixed or options.width is not None
    heading = title if options.title is None else options.title
    stated = _joined(", ".join(options.reading), facts, _limits_text())
    sheet = _Sheet(heading, stated, footer, fills)
    fit = partial(_fitted, sheet=sheet, unit=unit, least=least, by_part=by_part)
    page, context = _best_placed(fit, plans)
    for own_plans in others if look.is_fixed else ():
        other, own_context = _best_placed(fit, own_plans)
        with own_context():
            if other.is_clearly_larger_than(page):
                page, context = other, own_context
    with context():
        if not page.fits:
            high = "" if math.isinf(look.height) else f" and {look.height:g} inches high"
            raise UsageError(
                f"a page {look.width:g} inches wide{high} has no room for this figure; choose a "
                "greater width or another theme"
            )
        return _drawn(page, multiple)


def _best_placed(
    fit: Callable[[Sequence[PagePlan]], _Fitted], plans: Sequence[PagePlan]
) -> tuple[_Fitted, Callable[[], AbstractContextManager[None]]]:
    """Return the rows that a page holds, and the context that places bars and titles as they need.

    On a page of fixed height, which is rarely filled by images in one row, color bars are below
    these and titles have lines that are twice as long, if so the page shows more, or larger.
    """
    page = fit(plans)
    context: Callable[[], AbstractContextManager[None]] = nullcontext
    if not theme().is_fixed or page.is_largest:
        return page, context
    may_be_below = figure_options().bars and not page.is_filled
    for bars_below, wide_titles in ((True, False), (False, True), (True, True)):
        if bars_below and not may_be_below:
            continue
        own = partial(layout_context, bars_below=bars_below, wide_titles=wide_titles)
        with own():
            other = fit(plans)
            if other.is_clearly_larger_than(page):
                page, context = other, own
    return page, context


def _drawn(page: _Fitted, multiple: int) -> NotebookFigure:
    """Return the figure of a page; its sides have a multiple of so many pixels."""
    look, options, sheet, left_out = theme(), figure_options(), page.sheet, page.left_out
    heading, stated, footer = sheet.heading, sheet.facts, sheet.footer
    layout = RowLayout.of(page.rows)
    width = look.width
    if not sheet.fills:
        width = min(max(layout.width + 2 * EDGE, _least_width(heading, footer)), look.width)
        narrow = _top_text(heading, _joined(stated, left_out), width), _bottom_text(footer, width)
        if _height(layout, *narrow) > _highest():  # with more lines of text than were planned
            width = look.width
    top_text = _top_text(heading, _joined(stated, left_out), width)
    bottom_text = _bottom_text(footer, width)
    needed = _height(layout, top_text, bottom_text)
    height = look.height if look.is_fixed else needed
    size = [
        math.ceil(side * options.dpi / multiple - 1e-6) * multiple / options.dpi
        for side in (width, height)
    ]
    _check_pixels(size[0], size[1])
    figure = NotebookFigure(figsize=(size[0], size[1]), dpi=options.dpi)
    top = _write_top(figure, top_text) + max(height - needed, 0) / 2
    drawn = layout.draw(figure, None, top)
    _write_bottom(figure, bottom_text, top + layout.height + GAP)
    write_numbers(drawn)
    return figure


def _check_pixels(width: float, height: float) -> None:
    """Refuse a page that would take more memory than a figure is worth."""
    dpi = figure_options().dpi
    across, down = round(width * dpi), round(height * dpi)
    if across * down > _MOST_PIXELS:
        raise UsageError(
            f"the figure would have {across:,}x{down:,} pixels, above the limit of "
            f"{_MOST_PIXELS:,}; lower its dpi or width, or choose another theme"
        )


def _limits_text() -> str:
    """Return a line on the option ``limits``, which brightens or cuts what is drawn."""
    limits = figure_options().limits
    return "" if limits is None else "limits {} to {}".format(*map(format_short, limits))


def _joined(*facts: str) -> str:
    return " · ".join(filter(None, facts))


class _Sheet(NamedTuple):
    """What stands above and below the rows of a page, and whether they are to fill its width."""

    heading: str
    facts: str
    footer: Sequence[str]
    fills: bool

    def height(self, rows: Rows, left_out: str) -> float:
        """Return the height of a page of these rows that is as wide as the theme's."""
        width = theme().width
        above = _top_text(self.heading, _joined(self.facts, left_out), width)
        return _height(RowLayout.of(rows), above, _bottom_text(self.footer, width))

    def fits(self, rows: Rows, left_out: str, height: float = math.inf) -> bool:
        """Return whether rows fit the theme's page of at most this height."""
        look, highest = theme(), min(_highest(), height) + 1e-9
        if sum(max(part.box[1] for part in row) for row in rows) > highest:
            return False  # before thousands of titles are measured
        below = _bottom_text(self.footer, look.width)
        widest = max((_footer_width(text) for text, *_ in below), default=0.0)
        is_narrow = fit_width(rows) and widest + 2 * EDGE <= look.width
        return is_narrow and self.height(rows, left_out) <= highest

    def limits(self, plan: PagePlan) -> tuple[float, Callable[[Rows], bool]]:
        """Return the largest scale of a plan, and a test of its rows.

        A page is a little higher than wide at most, unless its images would become too small for
        it. One of a chosen width has no more rows than at scale 1.
        """
        left_out = plan.line()
        if theme().is_fixed:
            return _SCALED_UP, lambda rows: self.fits(rows, left_out)
        most, tallest = len(plan.rows(1.0)), _TALLEST * theme().width
        if not self.fits(plan.rows(_SCALED_DOWN), left_out, tallest):
            return 1.0, lambda rows: self.fits(rows, left_out)
        high = _SCALED_UP if self.fills else 1.0
        return high, lambda rows: len(rows) <= most and self.fits(rows, left_out, tallest)


class _Fitted(NamedTuple):
    """The rows that a page holds.

    Attributes:
        sheet: what stands above and below them.
        rows: the parts.
        left_out: a line on what is left out.
        place: of the plan that they follow; more detail comes first.
        missing: rows, or parts, that are left out of it.
        is_largest: whether no scale is larger.
    """

    sheet: _Sheet
    rows: Rows
    left_out: str
    place: int
    missing: int
    is_largest: bool = False

    @property
    def fits(self) -> bool:
        """Whether the page has room for the rows."""
        return self.sheet.fits(self.rows, self.left_out)

    @property
    def numbers_fit(self) -> bool:
        """Whether all numbers have room in their cells."""
        return all(part.numbers_fit for row in self.rows for part in row)

    @property
    def is_filled(self) -> bool:
        """Whether it shows all, down to the end of the page."""
        used = self.sheet.height(self.rows, self.left_out)
        return self.place == 0 and used > _FILLED * theme().height

    @property
    def rank(self) -> tuple[bool, bool, int, int]:
        """How much it shows."""
        return bool(self.sheet.footer), self.numbers_fit, -self.missing, -self.place

    @property
    def size(self) -> float:
        """The side of a square as large as all boxes."""
        return math.sqrt(sum(part.box[0] * part.box[1] for row in self.rows for part in row))

    def is_clearly_larger_than(self, page: _Fitted) -> bool:
        """Return whether this page is larger than another, by more the more detail it lacks."""
        factor = _CLEARLY * _LESS ** (self.place - page.place)
        return self.fits and (self.rank[:-1], self.size) > (page.rank[:-1], factor * page.size)


def _fitted(
    plans: Sequence[PagePlan], sheet: _Sheet, unit: str, least: float, *, by_part: bool
) -> _Fitted:
    """Return the rows that a page holds, without the footer or numbers if these do not fit."""
    page = _fitting(plans, sheet, unit, least, by_part=by_part)
    if sheet.footer and not page.fits:
        sheet = sheet._replace(footer=())
        plans = [plan._replace(left_out=[*plan.left_out, "steps"]) for plan in plans]
        page = _fitting(plans, sheet, unit, least, by_part=by_part)
    if not page.numbers_fit and NO_ROOM_FOR_NUMBERS not in page.left_out:
        plans = [each._replace(left_out=[NO_ROOM_FOR_NUMBERS, *each.left_out]) for each in plans]
        page = _fitting(plans, sheet, unit, least, by_part=by_part)
    return page


def _fitting(
    plans: Sequence[PagePlan], sheet: _Sheet, unit: str, least: float, *, by_part: bool
) -> _Fitted:
    """Return the rows at the largest scale that fits the page, and what is left out.

    ``plans`` have less and less detail.
    """
    for place, plan in enumerate(plans):
        high, accept = sheet.limits(plan)
        if accept(rows := plan.rows(high)):
            return _Fitted(sheet, rows, plan.line(), place, 0, is_largest=place == 0)
        if accept(plan.rows(least)):
            break
    best = _largest(plan.rows, least, high, accept)
    if not fit_width(best):
        best = _largest(plan.rows, _SMALLEST_SCALE / 2, least, fit_width)
    if not fit_width(best) and max(map(len, best)) > 1:  # the parts of a row one below the other
        single = [plan._replace(rows=partial(_one_below_the_other, plan.rows))]
        return _fitting(single, sheet, "parts", least, by_part=by_part)._replace(place=len(plans))
    if len(best) < 2 or sheet.fits(best, plan.line()):
        return _Fitted(sheet, best, plan.line(), place, 0)
    count = _count(best, by_part=by_part)

    def missing(rows: int) -> int:
        return count - _count(best[:rows], by_part=by_part)

    def left_out(rows: int) -> str:
        return plan.line(f"{missing(rows)} of {count} {unit}")

    numbers = range(2, len(best))
    kept = 1 + bisect_left(numbers, True, key=lambda n: not sheet.fits(best[:n], left_out(n)))
    return _Fitted(sheet, best[:kept], left_out(kept), place, missing(kept))


def _highest() -> float:
    """Return the height of a page at most."""
    return min(theme().height, _HIGHEST)


def _largest(plan: RowsOf, low: float, high: float, accept: Callable[[Rows], bool]) -> Rows:
    """Return the rows at the largest scale that is accepted, at ``low`` if none is."""
    best = plan(low)
    for _ in range(_STEPS):
        middle = (low * high) ** 0.5
        if accept(rows := plan(middle)):
            low, best = middle, rows
        else:
            high = middle
    return best


def _one_below_the_other(plan: RowsOf, scale: float) -> Rows:
    return [[part] for row in plan(scale) for part in row]


def _count(rows: Rows, *, by_part: bool) -> int:
    return sum(bool(p.title or p.caption) for row in rows for p in row) if by_part else len(rows)


def _height(layout: RowLayout, *texts: Sequence[tuple[str, float, str]]) -> float:
    """Return the height of a page."""
    text = sum(text_height(lines, points) for each in texts for lines, points, _ in each)
    return 2 * EDGE + layout.height + text + GAP * sum(map(bool, texts))


def _least_width(heading: str, footer: Sequence[str]) -> float:
    """Return a width at which a short heading and each line of the footer stay on one line."""
    lines = max(map(len, footer), default=0) * _letter_width() + 2 * EDGE
    width = max(text_width(line, theme().heading, "bold") for line in heading.split("\n"))
    width = SLACK * width + 2 * EDGE
    return max(min(width, 4.0) if heading else 0.0, lines)


def _footer_width(text: str) -> float:
    return max(map(len, text.split("\n"))) * _letter_width()


def _letter_width() -> float:
    """Return the width of a letter of the footer."""
    return 0.61 * theme().text / 72


def _top_text(heading: str, facts: str, width: float) -> list[tuple[str, float, str]]:
    """Return the wrapped texts above all parts, with their sizes and weights."""
    look, room = theme(), (width - 2 * EDGE) / SLACK
    texts = [(heading, look.heading, "bold"), (facts, look.title, "normal")]
    return [
        (wrap(text, room, points, weight), points, weight) for text, points, weight in texts if text
    ]


def _bottom_text(footer: Sequence[str], width: float) -> list[tuple[str, float, str]]:
    """Return the monospaced lines, wrapped to the page."""
    letters = max(int((width - 2 * EDGE) / _letter_width() + 1e-6), 20)
    lines = [part for line in footer for part in _wrapped_line(line, letters)]
    return [("\n".join(lines), theme().text, "normal")] if lines else []


def _wrapped_line(line: str, letters: int) -> list[str]:
    """Wrap a line; what stands at its left, a name or blanks, stays free below it."""
    label = re.match(r"\S*\s{2,}", line)
    indent = " " * (label.end() if label else 0)
    wrapped = textwrap.wrap(line, letters, subsequent_indent=indent, replace_whitespace=False)
    return wrapped or [""]


def _write_top(figure: Figure, texts: Sequence[tuple[str, float, str]]) -> float:
    """Write heading and facts; return the inches from the page's top to the first row."""
    height, top = figure.get_figheight(), EDGE
    for text, points, weight in texts:
        write: Any = figure.suptitle if weight == "bold" else figure.text
        place: dict[str, Any] = {"x": 0.5, "y": 1 - top / height, "ha": "center", "va": "top"}
        key = "t" if weight == "bold" else "s"
        write(**{key: text}, **place, size=points, weight=weight)
        top += text_height(text, points)
    return top + GAP * bool(texts)


def _write_bottom(figure: Figure, texts: Sequence[tuple[str, float, str]], top: float) -> None:
    width, height = figure.get_size_inches()
    for text, points, _ in texts:
        left = max((width - _footer_width(text)) / 2, EDGE)
        figure.text(left / width, 1 - top / height, text, size=points, family="monospace", va="top")
