"""Write an animation of a sliding window to a file, for Python."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import Any, SupportsFloat, SupportsIndex

from convcli.atomic import in_python
from convcli.core.dtypes import as_flag, real_number
from convcli.errors import UsageError
from convcli.figure_options import FigureOptions
from convcli.geometry import as_count
from convcli.images.animation import check_animation_target
from convcli.images.given import file_name
from convcli.plotting.save_animation import save_animation
from convcli.teaching.animate.layer_window import LayerWindow
from convcli.teaching.animate.scene import animate_window, frame_positions
from convcli.teaching.animate.sliding import SlidingWindow, frame_rate
from convcli.teaching.explain.arithmetic import as_position


def write_window(
    slide: Callable[[], SlidingWindow | LayerWindow],
    path: str | PathLike[str],
    *,
    first: Any,
    last: Any,
    step: SupportsIndex | None,
    fps: SupportsFloat | None,
    options: FigureOptions,
    overwrite: bool,
) -> list[Path]:
    """Write the frames of a window; :func:`convcli.animate` explains the arguments.

    ``slide`` computes the window, once the other arguments are checked.

    Raises:
        ConvcliError: as :func:`convcli.animate`.
    """
    start, end = (
        None if place is None else as_position(place, name)
        for place, name in ((first, "first"), (last, "last"))
    )
    every = None if step is None else as_count(step, "step")
    rate = None if fps is None else real_number(fps, "fps")
    if rate is not None and not 0.1 <= rate <= 50:
        raise UsageError(f"fps must be from 0.1 to 50, not {rate:g}")
    may_replace = as_flag(overwrite, "overwrite")
    with in_python():
        target = check_animation_target(file_name(path), overwrite=may_replace)
        window = slide()
        positions = frame_positions(window, start, end, every)
        frames = animate_window(window, positions.shown, options=options)
        return list(save_animation(frames, target, rate or frame_rate(len(frames))))
