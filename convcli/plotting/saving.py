"""Figures into files and windows."""

# Before matplotlib, whose start it makes quiet:
from convcli.plotting.style import DPI, style_context

# isort: split
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from convcli.atomic import atomic_write
from convcli.errors import UsageError, shown

# What would differ from run to run or from version to version stays out of the file.
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None},
}
_FORMATS = {
    ".png": "png",
    ".pdf": "pdf",
    ".svg": "svg",
    ".jpg": "jpg",
    ".jpeg": "jpg",
    ".webp": "webp",
    ".tif": "tiff",
    ".tiff": "tiff",
}
_SCREEN, _SCREEN_DPI = (1600, 900), 100  # pixels that a window may take
_JPEG_QUALITY = 95  # letters show the artefacts of less


def figure_suffixes() -> tuple[str, ...]:
    """Return the lower-case suffixes that a figure's file may have, ``.png`` first.

    >>> ".pdf" in figure_suffixes()
    True
    """
    return tuple(_FORMATS)


def check_suffix(target: Path) -> str:
    """Return matplotlib's name for the format that the target's suffix asks for.

    Raises:
        UsageError: no figure can have this suffix.

    >>> check_suffix(Path("k.JPG"))
    'jpg'
    """
    try:
        return _FORMATS[target.suffix.lower()]
    except KeyError:
        suffixes = ", ".join(_FORMATS)
        raise UsageError(
            f"{shown(target)}: a figure's file name must end with one of {suffixes}"
        ) from None


def save_figure(figure: Figure, target: Path, *, overwrite: bool = False) -> None:
    """Write a figure in the format that the target's suffix names; pixels are 150 to the inch.

    The same figure gives the same bytes: dates and random ids are left out.

    Raises:
        UsageError: no figure can have this suffix.
        ImageError: the target exists and ``overwrite`` is false, or cannot be written.
    """
    file_format = check_suffix(target)
    options: dict[str, Any] = {"metadata": _METADATA.get(file_format)}
    if file_format == "jpg":
        options["pil_kwargs"] = {"quality": _JPEG_QUALITY}
    with atomic_write(target, overwrite=overwrite) as file, style_context():
        figure.savefig(file, format=file_format, dpi=DPI, **options)


def check_display() -> None:
    """See that there is a display, as far as the environment tells.

    Raises:
        UsageError: there is none.
    """
    displays = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if sys.platform.startswith("linux") and not displays:
        raise UsageError("--show needs a display: none was found; use --plot FILE")


def show_figure(figures: Sequence[Figure]) -> None:
    """Open a window for each figure, and return when all have been closed.

    Raises:
        UsageError: there is no display, or no window system for matplotlib to use.
    """
    check_display()
    with style_context():
        try:
            _open_windows(figures)
        except Exception as error:  # each window system fails in a way of its own
            reason = " ".join(str(error).split())
            raise UsageError(
                f"--show needs a display: no window opens ({reason}); use --plot FILE"
            ) from error


def _open_windows(figures: Sequence[Figure]) -> None:
    """Hand the figures to pyplot's windows; the only place that loads pyplot."""
    import matplotlib.pyplot as plt

    for figure in figures:
        width, height = figure.get_size_inches()
        figure.set_dpi(min(_SCREEN_DPI, _SCREEN[0] / width, _SCREEN[1] / height))
        taker: Any = lambda *_, taken=figure, **__: taken  # noqa: E731 - pyplot calls it for a new one
        plt.figure(FigureClass=taker)
        if type(figure.canvas).required_interactive_framework is None:
            plt.close(figure)
            raise RuntimeError(f"matplotlib has only {plt.get_backend()}")
    plt.show(block=True)
