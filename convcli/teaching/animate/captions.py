"""The words of a scene: its heading, and the lines below it that follow the window."""

import textwrap
from collections.abc import Sequence
from dataclasses import replace

from convcli.geometry import Pads, Pair, pair_text
from convcli.kernels.kernel import Kernel
from convcli.plotting.heatmap import applied_title, kernel_title
from convcli.plotting.window_marks import hatched_text
from convcli.teaching.animate.position_text import position_lines
from convcli.teaching.animate.sliding import SlidingWindow

CAPTION_POINTS = 8.0
HINTED = 0.88  # of a width may be text: letters are wider where pixels are few
CAPTION_LINE = CAPTION_POINTS * 1.45 / 72  # inches
_LETTER = 0.61 * CAPTION_POINTS / 72  # inches, of the monospaced font
_MOST_LINES = 9


def captions(slide: SlidingWindow, stops: Sequence[Pair], inches: float) -> list[str]:
    """Return the text for each stop, wrapped, with the sums written out if there is room."""
    for brief in (False, True):
        texts = [_wrapped(position_lines(slide, at, brief=brief), inches) for at in stops]
        if max(map(line_count, texts)) <= _MOST_LINES:
            break
    return texts


def line_count(text: str) -> int:
    """Return the number of lines."""
    return 1 + text.count("\n")


def _wrapped(lines: Sequence[str], inches: float) -> str:
    wrapper = textwrap.TextWrapper(
        max(int(HINTED * inches / _LETTER), 20), subsequent_indent="    ", break_on_hyphens=False
    )
    return "\n".join(part for line in lines for part in wrapper.wrap(line))


def heading(slide: SlidingWindow, title: str) -> str:
    """Return what is filtered with what and how; what is as usual is left out."""
    layout, geometry = slide.spec.conv, slide.geometry
    operation = layout.operation + " (kernel flipped)" * (layout.operation == "convolve")
    parts = [", ".join(filter(None, [title, slide.spec.label])), operation]
    parts += [f"stride {pair_text(geometry.stride)}"] * (geometry.stride != (1, 1))
    parts += [f"dilation {pair_text(geometry.dilation)}"] * (geometry.dilation != (1, 1))
    parts += [f"range {slide.spec.range}"] * (slide.spec.range != "clip")
    return ", ".join(parts)


def applied_kernels(slide: SlidingWindow) -> tuple[Kernel, ...]:
    """Return the kernels as they slide, flipped where they are convolved."""
    pairs = zip(slide.spec.kernels, slide.weights, strict=True)
    return tuple(replace(kernel, matrix=weights) for kernel, weights in pairs)


def kernels_title(slide: SlidingWindow) -> str:
    """Say which kernels slide, and whether they are flipped."""
    first, *others = slide.spec.kernels
    several = f"{slide.spec.combine} of {1 + len(others)} kernels"
    title = several if others else kernel_title(first)
    return applied_title(title, slide.spec.conv.operation)


def padding_text(slide: SlidingWindow) -> str:
    """Say how wide the hatched padding is, and what it holds."""
    pads: Pads = slide.pads
    if not any(pads):
        return "no padding"
    return hatched_text(pads, slide.plans[0].border)
