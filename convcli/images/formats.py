"""The formats that results are written in, what each can hold, and which one a result gets.

Plain data: neither Pillow nor numpy is imported.
"""

from dataclasses import dataclass, field
from pathlib import Path

from convcli.errors import UsageError, shown

ANY = None
NONE: frozenset[int] = frozenset()
GRAY = frozenset({1})
COLOR = frozenset({1, 3})


@dataclass(frozen=True)
class Format:
    """A file format and its abilities.

    Attributes:
        name: Pillow's name of it, or ``npy``, ``csv``, ``txt``.
        suffixes: lower case; the first is the usual one.
        channels: the numbers of color channels that it holds at 8 bits; None for any.
        deep: the same for 16 bits; other 16-bit pixels are scaled to 8.
        plain: the same for numbers without a depth (floats, wide integers).
        alpha: holds transparency.
        frames: holds several images.
        exif, icc, dpi: holds them.
        options: which of ``quality`` and ``compress_level`` mean something to it.
    """

    name: str
    suffixes: tuple[str, ...]
    channels: frozenset[int] | None = COLOR
    deep: frozenset[int] | None = field(default_factory=frozenset)
    plain: frozenset[int] | None = field(default_factory=frozenset)
    alpha: bool = False
    frames: bool = False
    exif: bool = False
    icc: bool = False
    dpi: bool = False
    options: frozenset[str] = field(default_factory=frozenset)

    @property
    def suffix(self) -> str:
        """The usual suffix, with its dot."""
        return self.suffixes[0]

    @property
    def is_matrix(self) -> bool:
        """Whether it stores bare numbers: ``npy``, ``csv`` or ``txt``."""
        return self.name in ("npy", "csv", "txt")

    def holds(self, channels: int, depth: int | None) -> bool:
        """Tell whether an image can be stored, 16 bits scaled to 8 if need be."""
        return _within(channels, self.plain if depth is None else self.channels)

    def holds_whole(self, channels: int, depth: int | None) -> bool:
        """Tell whether an image can be stored with every bit of its pixels."""
        return _within(channels, {8: self.channels, 16: self.deep, None: self.plain}[depth])


_QUALITY = frozenset({"quality"})
_LEVEL = frozenset({"compress_level"})

PNG = Format(
    "PNG",
    (".png", ".apng"),
    deep=GRAY,
    alpha=True,
    frames=True,
    exif=True,
    icc=True,
    dpi=True,
    options=_LEVEL,
)
TIFF = Format(
    "TIFF",
    (".tif", ".tiff"),
    deep=GRAY,
    plain=GRAY,
    alpha=True,
    frames=True,
    exif=True,
    icc=True,
    dpi=True,
)
NPY = Format("npy", (".npy",), channels=ANY, deep=ANY, plain=ANY)

FORMATS = (
    PNG,
    Format(
        "JPEG",
        (".jpg", ".jpeg", ".jpe", ".jfif"),
        exif=True,
        icc=True,
        dpi=True,
        options=_QUALITY,
    ),
    TIFF,
    Format("WEBP", (".webp",), alpha=True, frames=True, exif=True, icc=True, options=_QUALITY),
    Format("AVIF", (".avif",), alpha=True, frames=True, exif=True, icc=True, options=_QUALITY),
    Format("GIF", (".gif",), alpha=True, frames=True),
    Format("BMP", (".bmp", ".dib"), dpi=True),
    Format("PPM", (".pgm",), channels=GRAY, deep=GRAY),
    Format("PPM", (".ppm", ".pnm"), deep=GRAY),
    Format("PPM", (".pfm",), channels=frozenset(), plain=GRAY),
    Format("JPEG2000", (".jp2", ".jpx", ".j2k"), deep=GRAY, alpha=True),
    Format("TGA", (".tga",), alpha=True),
    NPY,
    Format("csv", (".csv",), channels=GRAY, deep=GRAY, plain=GRAY),
    Format("txt", (".txt",), channels=GRAY, deep=GRAY, plain=GRAY),
)

# Formats that Pillow reads under one name and writes under another. A MPO is a JPEG that holds
# several frames, which a JPEG does not.
_WRITTEN_AS = {"DIB": "BMP"}
_STILL_AS = {"MPO": "JPEG"}

# fmt: off
_READ_ONLY_SUFFIXES = frozenset((
    ".avifs", ".blp", ".bw", ".cur", ".dcx", ".dds", ".fit", ".fits", ".flc", ".fli", ".ftc",
    ".ftu", ".gbr", ".icb", ".icns", ".ico", ".im", ".j2c", ".jpc", ".jpf", ".mpo", ".msp",
    ".pbm", ".pcd", ".pcx", ".psd", ".pxr", ".qoi", ".ras", ".rgb", ".rgba", ".sgi", ".vda",
    ".vst", ".xbm", ".xpm",
))
# fmt: on


def image_suffixes() -> frozenset[str]:
    """Return the suffixes, in lower case, that a walk through a folder takes for images.

    Matrices are left out, since a folder's ``.csv``, ``.txt`` and ``.npy`` files are more often
    labels and lists than images; they are read when they are named.

    >>> ".png" in image_suffixes(), ".csv" in image_suffixes()
    (True, False)
    """
    written = {suffix for form in FORMATS if not form.is_matrix for suffix in form.suffixes}
    return _READ_ONLY_SUFFIXES | written


def named_format(output: Path | None, requested: str | None) -> Format | None:
    """Return the format that the user named: by ``--format``, else by the output's suffix.

    Args:
        output: the file to write; None for standard output.
        requested: a format's name or suffix, such as ``png``, ``jpg`` or ``.tif``.

    Returns:
        None where nothing names a format.

    Raises:
        UsageError: no format is called so.

    >>> named_format(Path("edges.tiff"), None).name
    'TIFF'
    """
    if requested is not None:
        return _look_up(requested, f"--format {requested}")
    if output is None:
        return None
    if not output.suffix:
        raise UsageError(
            f"{shown(output.name)}: no suffix to tell the format by; add one, or --format"
        )
    return _look_up(output.suffix, f"suffix {output.suffix}")


def choose_format(
    output: Path | None,
    requested: str | None,
    input_format: str,
    *,
    channels: int,
    depth: int | None,
    frames: bool = False,
) -> Format:
    """Choose what a result is written as.

    The format named by ``--format``, else by the output's suffix; else the input's own where it
    can hold the result; else PNG, or for numbers without a depth TIFF (one channel) and ``.npy``.

    Args:
        output: the file to write; None for standard output.
        requested: the value of ``--format``.
        input_format: ``ImageData.format``.
        channels: of the result's pixels, alpha not counted.
        depth: of the result; None for plain numbers.
        frames: whether every frame of the input is written, not the first alone.

    Raises:
        UsageError: the named format is unknown, or cannot hold the result.

    >>> choose_format(None, None, "JPEG", channels=3, depth=8).name
    'JPEG'
    """
    named = named_format(output, requested)
    if named is not None:
        if not named.holds(channels, depth):
            raise UsageError(refusal(named, channels, depth))
        return named
    for own in _own_formats(input_format, frames=frames):
        if own.holds_whole(channels, depth):
            return own
    if depth is None and channels == 1:
        return TIFF
    return PNG if depth is not None and channels in COLOR else NPY


def check_suffix(output: str, requested: str | None, *, raw: bool = False) -> None:
    """Refuse an output whose format cannot be told, or holds no ``raw`` values, before any work.

    Raises:
        UsageError: neither ``requested`` nor the suffix names a format, or a fitting one.
    """
    named = named_format(Path(output), requested)
    if raw and named is not None and named.plain == NONE:
        raise UsageError(refusal(named, 1, None))


def default_suffix(
    suffix: str, requested: str | None, *, raw: bool = False, frames: bool = False
) -> str:
    """Return the suffix of a result that is named after its input.

    Args:
        suffix: the input's own, which is kept, letter case and all, where it can be written.
        requested: the value of ``--format``.
        raw: the result is plain numbers of any number of channels.
        frames: every frame is written.

    Raises:
        UsageError: ``requested`` is unknown.

    >>> default_suffix(".JPG", None), default_suffix(".psd", None), default_suffix(".png", "tiff")
    ('.JPG', '.png', '.tif')
    """
    if requested is not None:
        return _look_up(requested, f"--format {requested}").suffix
    form = _BY_NAME.get(suffix.lower())
    if raw:
        return suffix if form is not None and form.is_matrix else NPY.suffix
    return suffix if form is not None else PNG.suffix


def refusal(form: Format, channels: int, depth: int | None) -> str:
    """Return the sentence that says why ``form`` cannot hold a result, and what can."""
    plural = "" if channels == 1 else "s"
    what = f"{channels} channel{plural}"
    if depth is None:
        what = f"plain numbers in {what}"
    if channels == 1:
        return f"{form.suffix} cannot hold {what}: .tif and .npy can"
    remedy = "--channels gray makes one" if channels == 3 else ".png holds 1 or 3 of 8 bits"
    return f"{form.suffix} cannot hold {what}: .npy can, and {remedy}"


def _own_formats(input_format: str, *, frames: bool) -> list[Format]:
    name = _WRITTEN_AS.get(input_format, input_format)
    if not frames:
        name = _STILL_AS.get(name, name)
    return [form for form in FORMATS if form.name == name]


def _look_up(name: str, said: str) -> Format:
    try:
        return _BY_NAME[name.lower()]
    except KeyError:
        known = ", ".join(dict.fromkeys(form.suffix for form in FORMATS))
        raise UsageError(
            f"{shown(said)} names no format that can be written; known: {known}"
        ) from None


def _within(channels: int, held: frozenset[int] | None) -> bool:
    return held is ANY or channels in held


def _names() -> dict[str, Format]:
    """Return every format under its suffixes, those without their dot, and its name."""
    names: dict[str, Format] = {}
    for form in FORMATS:
        for suffix in form.suffixes:
            names[suffix] = names[suffix[1:]] = form
    for form in FORMATS:
        names.setdefault(form.name.lower(), form)
    return names


_BY_NAME = _names()
