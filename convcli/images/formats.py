"""The formats of results: what each can hold, and which one a result gets.

Plain data: neither Pillow nor numpy is imported.
"""

import os
from typing import NamedTuple

from convcli.errors import StrPath, UsageError, count_text, shown

ANY = None
NONE: frozenset[int] = frozenset()
GRAY = frozenset({1})
COLOR = frozenset({1, 3})


class Format(NamedTuple):
    """A file format and what it can hold.

    Attributes:
        name: Pillow's name of it, or ``npy``, ``csv``, ``txt``.
        suffixes: in lower case; the first is the usual one.
        channels: the possible numbers of color channels at 8 bits; None for any.
        deep: the same at 16 bits; other 16-bit pixels are scaled to 8.
        plain: the same for plain numbers (floats, wide integers).
        alpha: whether it holds transparency.
        deep_alpha: whether it holds transparency at 16 bits; otherwise the image is scaled to 8.
        frames: whether it holds several images.
        max_side: the most rows and columns, if an encoder refuses more.
        metadata: which fields of :class:`convcli.images.image.Metadata` it holds.
        options: which of ``quality``, ``compress_level``, ``subsampling``, ``compression`` and
            ``lossless`` its encoder knows.
    """

    name: str
    suffixes: tuple[str, ...]
    channels: frozenset[int] | None = COLOR
    deep: frozenset[int] | None = NONE
    plain: frozenset[int] | None = NONE
    alpha: bool = False
    deep_alpha: bool = False
    frames: bool = False
    max_side: int | None = None
    metadata: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @property
    def suffix(self) -> str:
        """The usual suffix, with its dot."""
        return self.suffixes[0]

    @property
    def is_matrix(self) -> bool:
        """Whether it stores bare numbers: ``npy``, ``csv`` or ``txt``."""
        return self.name in ("npy", "csv", "txt")

    @property
    def depth_limit(self) -> str:
        """What limits pixels to 8 bits where they could have 16: the format, or its encoder."""
        return "Pillow" if self.deep or self.name == "AVIF" else self.suffix

    def holds(self, channels: int, depth: int | None, *, exact: bool = False) -> bool:
        """Return whether it holds such an image; unless ``exact``, 16 bits may be scaled to 8."""
        deep = self.deep if exact else self.channels
        held = {8: self.channels, 16: deep, None: self.plain}[depth]
        return held is ANY or channels in held

    def check(self, channels: int, depth: int | None, *, frames: bool = False) -> None:
        """Raise UsageError, with what holds such an image, unless this format does.

        With ``frames``, several of them are to be written; only the advice depends on that.
        """
        if self.holds(channels, depth):
            return
        content = count_text(channels, "channel")
        if depth is not None and self.channels == NONE:
            content = "pixels, only plain numbers"
        elif depth is None:
            content = f"plain numbers in {content}"
        if frames:
            advice = _advice_on_frames(channels, depth)
        else:
            others = (NPY, CSV) if self.is_matrix else (PNG, TIFF, NPY, CSV)
            suffixes = [form.suffix for form in others if form.holds(channels, depth)]
            advice = f"use {any_of(suffixes[:2] + self._options_for(channels, depth))}"
        raise UsageError(f"{self.suffix} cannot hold {content}; {advice}")

    def check_frames(self, channels: int, depth: int | None) -> None:
        """Raise UsageError, with what holds several of such images, unless this format does."""
        if not self.frames:
            advice = _advice_on_frames(channels, depth)
            content = "" if depth is not None else " of plain numbers"
            raise UsageError(f"{self.suffix} holds a single frame{content}; {advice}")

    def _options_for(self, channels: int, depth: int | None) -> list[str]:
        """Return the options with which this format can hold the image."""
        if channels == 3 and self.holds(1, depth):
            return ["--channels gray"]
        if depth is not None and self.holds(channels, None):
            return ["--range raw"]
        if depth is not None and channels == 3 and self.holds(1, None):
            return ["--channels gray with --range raw"]
        return []


_BASIC, _ALL = ("icc", "exif", "xmp"), ("icc", "exif", "xmp", "dpi")
_COMMENT = ("comment",)
_QUALITY, _LEVEL = ("quality",), ("compress_level",)
_PNG_SUFFIXES, _JPEG_SUFFIXES = (".png", ".apng"), (".jpg", ".jpeg", ".jpe", ".jfif")

# fmt: off
PNG = Format(
    "PNG", _PNG_SUFFIXES, deep=COLOR, alpha=True, deep_alpha=True, frames=True,
    metadata=(*_ALL, "comment", "texts", "color_chunks"), options=_LEVEL,
)
TIFF = Format(
    "TIFF", (".tif", ".tiff"), deep=GRAY, plain=GRAY, alpha=True, frames=True, metadata=_ALL,
    options=("compression",),
)
NPY = Format("npy", (".npy",), channels=ANY, deep=ANY, plain=ANY)
CSV = Format("csv", (".csv",), channels=ANY, deep=ANY, plain=ANY)
FORMATS = (
    PNG,
    Format(
        "JPEG", _JPEG_SUFFIXES, max_side=65_500, metadata=(*_ALL, "comment"),
        options=("quality", "subsampling"),
    ),
    TIFF,
    Format(
        "WEBP", (".webp",), alpha=True, frames=True, max_side=16_383, metadata=_BASIC,
        options=("quality", "lossless"),
    ),
    Format("AVIF", (".avif",), alpha=True, frames=True, metadata=_BASIC, options=_QUALITY),
    Format("GIF", (".gif",), alpha=True, frames=True, metadata=_COMMENT),
    Format("BMP", (".bmp", ".dib"), metadata=("dpi",)),
    Format("PPM", (".pgm",), channels=GRAY, deep=GRAY),
    Format("PPM", (".ppm", ".pnm"), deep=GRAY),
    Format("PPM", (".pfm",), channels=NONE, plain=GRAY),
    Format("JPEG2000", (".jp2", ".jpx", ".j2k"), deep=GRAY, alpha=True, metadata=_COMMENT),
    Format("TGA", (".tga",), alpha=True, max_side=65_535),
    NPY,
    CSV,
    Format("txt", (".txt",), channels=GRAY, deep=GRAY, plain=GRAY),
)
# Which apply and explain write, and nothing reads.
SPREADSHEET = Format("xlsx", (".xlsx",), channels=ANY, deep=ANY, plain=ANY)
_READ_ONLY_SUFFIXES = frozenset((
    ".avifs", ".blp", ".bw", ".cur", ".dcx", ".dds", ".fit", ".fits", ".flc", ".fli", ".ftc",
    ".ftu", ".gbr", ".icb", ".icns", ".ico", ".im", ".j2c", ".jpc", ".jpf", ".mpo", ".msp",
    ".pbm", ".pcd", ".pcx", ".psd", ".pxr", ".qoi", ".ras", ".rgb", ".rgba", ".sgi", ".vda",
    ".vst", ".xbm", ".xpm",
))
# fmt: on


def _advice_on_frames(channels: int, depth: int | None) -> str:
    forms = [form for form in FORMATS if form.frames and form.holds(channels, depth)]
    if forms:
        return f"use {any_of([form.suffix for form in forms])}"
    if channels == 3:
        return f"use {TIFF.suffix} with --channels gray"
    return "use .npy without --frames all"


def any_of(words: list[str]) -> str:
    """Join words for a choice.

    >>> any_of([".png", ".tif", ".npy"])
    '.png, .tif or .npy'
    """
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def image_suffixes() -> frozenset[str]:
    """Return the suffixes, in lower case, of files in a folder that are read as images.

    Matrices are left out: the ``.csv``, ``.txt`` and ``.npy`` files of a folder are more often
    labels and lists than images. They are read when they are named.

    >>> ".png" in image_suffixes(), ".csv" in image_suffixes()
    (True, False)
    """
    written = {suffix for form in FORMATS if not form.is_matrix for suffix in form.suffixes}
    return _READ_ONLY_SUFFIXES | written


def suffix_of(path: StrPath) -> str:
    """Return the suffix of a file's name as pathlib does: ``.x`` and ``x.`` have none."""
    name = _base_name(path)
    dot = name.rfind(".")
    return name[dot:] if 0 < dot < len(name) - 1 else ""


def _base_name(path: StrPath) -> str:
    return os.path.basename(os.fspath(path).rstrip("/" + os.sep))


def named_format(
    output: StrPath | None,
    requested: str | None,
    *,
    raw: bool = False,
    spreadsheets: bool = False,
) -> Format | None:
    """Return the format that the user named: by ``--format``, else by the output's suffix.

    Args:
        output: the file to write; None for standard output.
        requested: the value of ``--format``: a name or suffix, such as ``png`` or ``.tif``.
        raw: the result is plain numbers (``--range raw``).
        spreadsheets: the command writes ``.xlsx`` files.

    Returns:
        The format, or None if nothing names one.

    Raises:
        UsageError: the format is unknown, or cannot hold ``raw`` values.

    >>> named_format("edges.tiff", None).name
    'TIFF'
    """
    if requested is not None:
        name, problem = requested, f"--format {shown(requested)}: unknown format"
    elif output is None:
        return None
    elif suffix := suffix_of(output):
        name, problem = suffix, f"cannot write {shown(suffix)} files"
    else:
        raise UsageError(
            f"{shown(_base_name(output))}: has no suffix that names a format; "
            "add one, or use --format"
        )
    named = _BY_NAME.get(name.lower())
    if name.lower() in ("xlsx", ".xlsx"):
        if not spreadsheets:
            raise UsageError(f"{problem}; apply and explain write spreadsheets")
        named = SPREADSHEET
    if named is None:
        supported = ", ".join(dict.fromkeys(known.suffix for known in FORMATS))
        raise UsageError(f"{problem}; supported: {supported}")
    if raw and named.plain == NONE:
        raise UsageError(
            f"{named.suffix} cannot hold plain numbers; use .npy or .csv, or .tif for one channel"
        )
    return named


def choose_format(
    named: Format | None,
    input_format: str,
    *,
    channels: int,
    depth: int | None,
    frames: bool = False,
) -> Format:
    """Choose the format of a result.

    The named format; else the input's own if it can hold the result; else PNG, or for plain
    numbers TIFF (one channel) and ``.npy``.

    Args:
        named: from :func:`named_format`.
        input_format: ``ImageData.format`` of the input.
        channels: of the result's pixels, without alpha.
        depth: of the result; None for plain numbers.
        frames: whether every frame of the input is written, not the first alone.

    Raises:
        UsageError: the named format cannot hold the result.

    >>> choose_format(None, "JPEG", channels=3, depth=8).name
    'JPEG'
    """
    if named is not None:
        named.check(channels, depth, frames=frames)
        return named
    own = "BMP" if input_format == "DIB" else input_format
    if own == "MPO" and not frames:  # a JPEG with several frames, which a JPEG cannot hold
        own = "JPEG"
    for candidate in FORMATS:
        if candidate.name == own and candidate.holds(channels, depth, exact=True):
            return candidate
    if depth is None:
        return TIFF if channels == 1 else NPY
    return PNG if channels in COLOR else NPY


def default_suffix(
    suffix: str, requested: str | None, *, raw: bool = False, spreadsheets: bool = False
) -> str:
    """Return the suffix of a result that is named after its input.

    Args:
        suffix: the input's own. It is kept, with its letter case, if such files can be written.
        requested: the value of ``--format``.
        raw: the result is plain numbers (``--range raw``).
        spreadsheets: the command writes ``.xlsx`` files.

    Raises:
        UsageError: the requested format is unknown, or cannot hold ``raw`` values.

    >>> default_suffix(".JPG", None), default_suffix(".psd", None), default_suffix(".png", "tiff")
    ('.JPG', '.png', '.tif')
    """
    named = named_format(None, requested, raw=raw, spreadsheets=spreadsheets)
    if named is not None:
        return named.suffix
    own = _BY_NAME.get(suffix.lower())
    if raw:
        return suffix if own is not None and own.is_matrix else NPY.suffix
    return suffix if own is not None else PNG.suffix


# Every format by its suffixes, with and without their dot, and by its name.
_BY_NAME = {form.name.lower(): form for form in reversed(FORMATS)}
_BY_NAME |= {suffix: form for form in FORMATS for suffix in form.suffixes}
_BY_NAME |= {suffix[1:]: form for form in FORMATS for suffix in form.suffixes}
