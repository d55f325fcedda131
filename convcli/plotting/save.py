"""Write figures to files, and show them in windows."""

import math
import os
import re
import sys
import warnings
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from convcli.atomic import atomic_write, in_python
from convcli.errors import UsageError, quoted, shown
from convcli.plotting.style import style_context

# Dates and version numbers are left out, so that equal figures make equal files.
METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "svg": {"Date": None, "Creator": None},
}
SUFFIXES = (".png", ".pdf", ".svg", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
_WINDOW_PIXELS, _WINDOW_DPI = (1600, 900), 100  # at most
_LONGEST_SIDES = {"webp": 16_383, "jpg": 65_500, "jpeg": 65_500}  # pixels
_CSS_DPI = 96  # pixels of a web page in an inch
_JPEG_QUALITY = 95  # below, letters have visible artifacts


def check_suffix(target: Path) -> str:
    """Return matplotlib's name for the format that a file's suffix stands for.

    Raises:
        UsageError: figures cannot be written in this format.

    >>> check_suffix(Path("k.JPG"))
    'jpg'
    """
    suffix = target.suffix.lower()
    if suffix not in SUFFIXES:
        suffixes = ", ".join(SUFFIXES)
        raise UsageError(f"{shown(target)}: a figure's file name must end with one of {suffixes}")
    return suffix[1:]


def save_figure(figure: Figure, target: Path, *, overwrite: bool = False) -> tuple[str, ...]:
    """Write a figure in the format that the target's suffix stands for.

    The same figure always gives the same bytes.

    Returns:
        Notes for the user: which letters are drawn as boxes, since no font has them.

    Raises:
        UsageError: figures cannot be written in this format.
        ImageError: the target exists and ``overwrite`` is false, or it cannot be written.
    """
    file_format = check_suffix(target)
    _check_sides(figure, target, file_format)
    options: dict[str, Any] = {"metadata": METADATA.get(file_format)}
    if file_format in ("jpg", "jpeg"):
        options["pil_kwargs"] = {"quality": _JPEG_QUALITY}
    with (
        atomic_write(target, overwrite=overwrite) as file,
        style_context(),
        warnings.catch_warnings(record=True) as caught,
    ):
        warnings.simplefilter("always")
        if file_format == "svg":
            drawn = BytesIO()
            figure.savefig(drawn, format="svg", **options)
            # Viewers would make one blank of several, which align the lines of the arithmetic.
            # The style is for browsers, the attribute for others.
            text = drawn.getvalue().replace(b"<svg ", b'<svg xml:space="preserve" ', 1)
            file.write(text.replace(b'text/css">', b'text/css">text{white-space: pre}', 1))
        else:
            figure.savefig(file, format=file_format, **options)
    missing = (re.match(r"Glyph (\d+) ", str(warning.message)) for warning in caught)
    letters = "".join(dict.fromkeys(chr(int(found[1])) for found in missing if found))
    if not letters or file_format == "svg":  # its viewers have fonts of their own
        return ()
    return (f"no font here has the letters {quoted(letters)}: boxes stand for them",)


def _check_sides(figure: Figure, target: Path, file_format: str) -> None:
    """Refuse a figure that is longer than its format allows."""
    most = _LONGEST_SIDES.get(file_format, math.inf)
    across, down = (round(side * figure.dpi) for side in figure.get_size_inches())
    if max(across, down) > most:
        raise UsageError(
            f"{shown(target)}: the figure has {across:,}x{down:,} pixels, and a file of this "
            f"format at most {most:,} on a side; use .png, or lower its dpi or width"
        )


class NotebookFigure(Figure):
    """A figure that a notebook shows by itself, without pyplot, and that saves itself."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        """Return the figure as PNG, and its size on the page, as notebooks ask for it.

        An inch of it is an inch of the page, so that its text is as large as that around it,
        whatever its pixels per inch.
        """
        file = BytesIO()
        with style_context():
            self.savefig(file, format="png", metadata=METADATA["png"])
        width, height = (round(side * _CSS_DPI) for side in self.get_size_inches())
        return file.getvalue(), {"width": width, "height": height}

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Write the figure to a file whose suffix names the format, whole or not at all.

        Raises:
            UsageError: figures cannot be written in this format.
            ImageError: the file exists and ``overwrite`` is false, or it cannot be written.
        """
        with in_python():
            save_figure(self, Path(path), overwrite=overwrite)


def check_display(advice: str = "--plot FILE") -> None:
    """Check that the environment names a display; on Linux only.

    Args:
        advice: the option that writes the figure instead.

    Raises:
        UsageError: it names none.
    """
    displays = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if sys.platform.startswith("linux") and not displays:
        raise UsageError(f"--show needs a display: none was found; {advice} writes the figure")


def show_figure(figures: Sequence[Figure], advice: str = "--plot FILE") -> None:
    """Open a window for each figure, and return when all are closed.

    Args:
        figures: at least one.
        advice: the option that writes them instead.

    Raises:
        UsageError: there is no display, or matplotlib has no window system to use.
    """
    check_display(advice)
    with style_context():
        try:
            _open_windows(figures)
        except Exception as error:  # each window system raises exceptions of its own
            reason = " ".join(str(error).split())
            raise UsageError(
                f"--show needs a display: no window opens ({reason}); {advice} writes the figure"
            ) from error


def _open_windows(figures: Sequence[Figure]) -> None:
    """Show existing figures in pyplot's windows; pyplot is loaded here only."""
    import matplotlib.pyplot as plt

    for figure in figures:
        width, height = figure.get_size_inches()
        figure.set_dpi(min(_WINDOW_DPI, _WINDOW_PIXELS[0] / width, _WINDOW_PIXELS[1] / height))
        # pyplot opens windows only for figures that it makes: it is given ours as the class.
        existing_figure: Any = lambda *_, figure=figure, **__: figure  # noqa: E731
        plt.figure(FigureClass=existing_figure)
        if type(figure.canvas).required_interactive_framework is None:
            plt.close(figure)
            raise RuntimeError(f"matplotlib has only {plt.get_backend()}")
    plt.show(block=True)
