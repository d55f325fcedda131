"""Texts as bitmaps. Each letter is rendered once: rendering would take most of a frame's time."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # (H, W, 4), RGBA

_LINE = 1.35  # height of a line, in font sizes
_BASELINE = 1.0  # from the top of a line, in font sizes
_DIGIT = 0.73  # height of a digit, in font sizes
_MARGIN = 1  # pixels at both sides of a letter, for ink beyond its advance
_MAX_WORDS = 1 << 12  # that are kept


class Letters:
    """The letters of one font and size.

    Args:
        points: the size.
        dpi: pixels per inch.
        family: of the font.

    Attributes:
        line: height of a line in pixels.
    """

    def __init__(self, points: float, dpi: float, family: str) -> None:
        size = points * dpi / 72
        self.line = max(round(_LINE * size), 1)
        self._baseline, self._digit = round(_BASELINE * size), _DIGIT * size
        inches = (3 * size + 2 * _MARGIN) / dpi, self.line / dpi
        self._canvas: Any = FigureCanvasAgg(Figure(inches, dpi=dpi))
        style: dict[str, Any] = {"va": "baseline", "size": points, "family": family}
        place = _MARGIN / (inches[0] * dpi), 1 - self._baseline / self.line
        self._text = self._canvas.figure.text(*place, "", color="black", **style)
        self._letters: dict[str, tuple[int, Pixels]] = {}
        self._words: dict[str, Pixels] = {}

    def word(self, text: str) -> Pixels:
        """Return how much of each pixel a line of text covers, 0 to 255, (H, W)."""
        word = self._words.get(text)
        if word is None:
            letters = [self._letters.get(letter) or self._letter(letter) for letter in text]
            word = np.zeros((self.line, sum(a for a, _ in letters) + 2 * _MARGIN), np.uint8)
            left = 0
            for advance, bitmap in letters:
                part = word[:, left : left + bitmap.shape[1]]
                np.maximum(part, bitmap[:, : part.shape[1]], out=part)
                left += advance
            if len(self._words) >= _MAX_WORDS:
                self._words.clear()
            self._words[text] = word
        return word

    def write(
        self, pixels: Pixels, text: str, at: tuple[float, float], color: Any, *, align: str
    ) -> None:
        """Write lines of text; ``at`` is x and y in pixels from the upper left.

        With ``align`` "left" or "center", this is the upper end of the text; with "middle" it is
        the center of one line's digits.
        """
        x, y = at
        top = round(y + self._digit / 2) - self._baseline if align == "middle" else round(y)
        for line in text.split("\n"):
            word = self.word(line)
            left = round(x - word.shape[1] / 2) if align != "left" else round(x) - _MARGIN
            _blend(pixels, word, left, top, color)
            top += self.line

    def _letter(self, letter: str) -> tuple[int, Pixels]:
        """Return the advance and the bitmap of a letter."""
        self._text.set_text(letter)
        renderer = self._canvas.get_renderer()
        renderer.clear()
        self._text.draw(renderer)
        font = self._text.get_fontproperties()
        width, _, _ = renderer.get_text_width_height_descent(letter, font, ismath=False)
        advance = max(round(width), 1)
        coverage = np.asarray(self._canvas.buffer_rgba())[: self.line, :, 3]
        self._letters[letter] = advance, coverage[:, : advance + 2 * _MARGIN].copy()
        return self._letters[letter]


@lru_cache(maxsize=16)
def letters_of(points: float, dpi: float, family: str) -> Letters:
    """Return the letters of a font and size."""
    return Letters(points, dpi, family)


def _blend(pixels: Pixels, coverage: Pixels, left: int, top: int, color: Any) -> None:
    """Color the covered pixels, as far as they lie on the page."""
    height, width = coverage.shape
    part = pixels[max(top, 0) : top + height, max(left, 0) : left + width, :3]
    covered = coverage[max(-top, 0) :, max(-left, 0) :][
        : part.shape[0], : part.shape[1], np.newaxis
    ]
    ink = np.round(255 * np.array(to_rgb(color))).astype(np.uint32)
    part[...] = (part * np.uint32(255 - covered) + ink * covered + 127) // 255
