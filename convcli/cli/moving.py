"""From an image and a layer to the files of an animation."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click

from convcli.batch.outputs import base_name
from convcli.errors import prefix_errors
from convcli.filtering import Filter
from convcli.geometry import Pair
from convcli.images.animation import AnimationTarget, write_animation
from convcli.images.image import ImageData
from convcli.teaching.animate.sliding import Positions, choose_positions, slide_over

_RATES = ((40, 5.0), (100, 10.0))  # up to so many frames, so many a second
_FASTEST = 20.0


class FrameRange(NamedTuple):
    """The window's way, as it was asked for."""

    first: Pair | None
    last: Pair | None
    step: int | None
    fps: float | None

    def rate(self, frames: int) -> float:
        """Return the frames a second.

        >>> FrameRange(None, None, None, None).rate(36)
        5.0
        """
        chosen = (rate for most, rate in _RATES if frames <= most)
        return self.fps or next(chosen, _FASTEST)


def make_animation(
    image: ImageData, name: str, spec: Filter, journey: FrameRange, target: AnimationTarget
) -> Iterator[Path]:
    """Draw and write the frames; yield the names of the files.

    Raises:
        ConvcliError: the layer does not suit the image, there is no such way over it, or the
            file cannot be written.
    """
    from convcli.images.palette import Palette
    from convcli.teaching.animate.scene import animate_window, palette_colors

    with prefix_errors(name):
        window = slide_over(image, spec)
        positions = choose_positions(window.output_shape, journey.first, journey.last, journey.step)
        animation = animate_window(window, positions.shown, title=base_name(name))
    _tell(name, positions, journey)
    count = len(animation)
    with _progress(animation, count) as frames:
        yield from write_animation(
            frames,
            count,
            target,
            journey.rate(count),
            lambda: Palette(animation.backgrounds(), palette_colors()),
        )


def _tell(name: str, stops: Positions, journey: FrameRange) -> None:
    """Say what is left out unasked."""
    if journey.step is None and len(stops.shown) < stops.passed:
        click.echo(
            f"{name}: {len(stops.shown)} of {stops.passed} positions shown; "
            "--step N, or --from and --to, choose others",
            err=True,
        )


def _progress(frames: Any, count: int) -> Any:
    """Return the frames, counted by a bar where stderr is a terminal."""
    return click.progressbar(
        frames, count, label="frames", file=sys.stderr, hidden=not sys.stderr.isatty()
    )
