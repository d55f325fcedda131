"""Spreadsheets: what the cells hold, and what formulas give after a cell is changed.

Formulas are computed twice: by a few lines of Python, and by LibreOffice where it is installed.
"""

import io
import math
import re
import shutil
import statistics
import subprocess
import zipfile
from dataclasses import dataclass, replace
from functools import cache
from xml.etree import ElementTree

import numpy as np
import pytest

from convcli import convolve, cross_correlate
from convcli.errors import UsageError
from convcli.filtering.filter import Filter
from convcli.filtering.run import filter_image
from convcli.geometry import ConvOptions
from convcli.images.image import ImageData, depth_of
from convcli.images.options import WriteOptions
from convcli.kernels.kernel import Kernel
from convcli.kernels.spec import read_specs
from convcli.layers.activations import LeakyRelu, relu, sigmoid, tanh
from convcli.plotting.spreadsheet import Spreadsheet, check_filter

pytest.importorskip("xlsxwriter")
SPACE = {"": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}


@dataclass(frozen=True)
class Cell:
    formula: str | None
    value: float | str


class Book:
    """The cells of an .xlsx file, by sheet and name, read without a library of spreadsheets."""

    def __init__(self, data):
        self.parts = {}
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            self.parts = {name: archive.read(name) for name in archive.namelist()}
        book = ElementTree.fromstring(self.parts["xl/workbook.xml"])
        sheets = [sheet.get("name") for sheet in book.iterfind("sheets/sheet", SPACE)]
        self.paths = {name: f"xl/worksheets/sheet{i}.xml" for i, name in enumerate(sheets, 1)}
        self.names = {
            name.get("name"): name.text for name in book.iterfind("definedNames/definedName", SPACE)
        }
        texts = ElementTree.fromstring(self.parts["xl/sharedStrings.xml"])
        self.texts = ["".join(item.itertext()) for item in texts.iterfind("si", SPACE)]
        self.cells = {name: self._cells(path) for name, path in self.paths.items()}

    def _cells(self, path):
        sheet = ElementTree.fromstring(self.parts[path])
        found = {}
        for cell in sheet.iterfind("sheetData/row/c", SPACE):
            value = cell.findtext("v", namespaces=SPACE)
            if value is None:
                continue
            is_text = cell.get("t") == "s"
            assert is_text or cell.get("t") in (None, "n"), "no errors, no texts of formulas"
            number = self.texts[int(value)] if is_text else float(value)
            found[cell.get("r")] = Cell(cell.findtext("f", namespaces=SPACE), number)
        return found

    def formulas(self, sheet):
        return {name: cell.formula for name, cell in self.cells[sheet].items() if cell.formula}

    def values(self, sheet):
        """The numbers of a sheet that begins with them, (rows, columns)."""
        places = {place(name): cell.value for name, cell in self.cells[sheet].items()}
        shape = tuple(max(axis) + 1 for axis in zip(*places, strict=True))
        values = np.full(shape, np.nan)
        for at, value in places.items():
            values[at] = value
        return values

    def stacked(self, sheet, shape):
        """The numbers of a sheet, or of those of all channels, in a shape."""
        names = [name for name in self.paths if name.partition(" ")[0] == sheet]
        return np.stack([self.values(name) for name in names], axis=-1).reshape(shape)

    def changed(self, numbers=None):
        """The bytes of a file with other numbers, by sheet and name, and all results wrong."""
        parts = dict(self.parts)
        for sheet, path in self.paths.items():
            text = re.sub(r"(</f><v>)[^<]*", r"\g<1>-12345", parts[path].decode())
            for name, value in (numbers or {}).get(sheet, {}).items():
                text, count = re.subn(rf'(<c r="{name}"[^>]*><v>)[^<]*', rf"\g<1>{value}", text)
                assert count == 1, name
            parts[path] = text.encode()
        memory = io.BytesIO()
        with zipfile.ZipFile(memory, "w") as archive:
            for name, content in parts.items():
                archive.writestr(name, content)
        return memory.getvalue()


def place(name):
    letters, digits = re.fullmatch(r"\$?([A-Z]+)\$?(\d+)", name).groups()
    column = 0
    for letter in letters:
        column = 26 * column + ord(letter) - ord("A") + 1
    return int(digits) - 1, column - 1


FUNCTIONS = {
    "SUMPRODUCT": lambda a, b: np.sum(np.multiply(a, b)).item(),
    "ROUND": lambda x, digits: math.copysign(math.floor(abs(x) + 0.5), x),
    "MEDIAN": lambda *numbers: statistics.median(numbers),
    "MOD": lambda a, b: a % b,
    "MAX": max,
    "ABS": abs,
    "TANH": math.tanh,
}
REFERENCE = re.compile(r"(?:('[^']+'|\w+)!)?(\$?[A-Z]+\$?\d+)(?::(\$?[A-Z]+\$?\d+))?")


def computed(book):
    """A book whose formulas are computed again, by Python's rules for the same operators."""

    def area(sheet, first, last):
        (top, left), (bottom, right) = place(first), place(last or first)
        rows = range(top, bottom + 1)
        cells = [[value(sheet, (row, column)) for column in range(left, right + 1)] for row in rows]
        return cells if last else cells[0][0]

    @cache
    def value(sheet, at):
        cell = by_place[sheet][at]
        return cell.value if cell.formula is None else evaluate(cell.formula, sheet)

    def evaluate(formula, sheet):
        def call(match):
            quoted, first, last = match.groups()
            return f"area({(quoted or sheet).strip(chr(39))!r}, {first!r}, {last!r})"

        text = re.sub(r"\b(weights\w*|divisor|bias|fill)\b", lambda m: book.names[m[0]], formula)
        text = REFERENCE.sub(call, text).replace("=", "==")
        return eval(text, {"area": area, **FUNCTIONS})

    by_place = {
        sheet: {place(name): cell for name, cell in cells.items()}
        for sheet, cells in book.cells.items()
    }
    again = Book(book.changed())
    again.cells = {
        sheet: {
            name: replace(cell, value=value(sheet, place(name))) for name, cell in cells.items()
        }
        for sheet, cells in book.cells.items()
    }
    return again


def filter_of(spec, **options):
    """A filter of one kernel, named or given."""
    rules = {name: options.pop(name) for name in ("range", "bias", "alpha") if name in options}
    kernel = spec if isinstance(spec, Kernel) else read_specs((spec,))[0].kernels[0]
    return Filter(kernel.name, (kernel,), conv=ConvOptions(**options), **rules)


def image_of(pixels):
    return ImageData(pixels, depth_of(pixels.dtype))


def book_of(pixels, image_filter, *arguments, **options):
    file = io.BytesIO()
    Spreadsheet(image_of(pixels), image_filter, *arguments).write(file, **options)
    return Book(file.getvalue())


def expected_of(pixels, image_filter):
    """Return the pixels that ``apply`` writes, or the values that the Python functions return."""
    image = image_of(pixels)
    if image.depth is not None and image_filter.range != "raw":
        return filter_image(image, image_filter, image.depth).image.pixels
    options = image_filter.conv._asdict()
    function = {"correlate": cross_correlate, "convolve": convolve}[options.pop("operation")]
    values = function(pixels.astype(float), image_filter.kernels[0], **options)
    return abs(values) if image_filter.range == "abs" else values


def compare(book, pixels, image_filter):
    expected = expected_of(pixels, image_filter)
    found = book.stacked("output", expected.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


RNG = np.random.default_rng(5)
GRAY = RNG.integers(0, 256, (6, 7), np.uint8)
COLOR = RNG.integers(0, 256, (5, 4, 3), np.uint8)
DEEP = RNG.integers(0, 65536, (5, 6), np.uint16)
PLAIN = RNG.normal(size=(6, 5))
WEIGHTS = RNG.integers(-9, 10, (3, 2, 3))
CASES = {
    "gray": (GRAY, filter_of("blur")),
    "edge": (GRAY, filter_of("prewitt-x", padding="full")),
    "zero": (GRAY, filter_of("outline", border="zero", range="abs")),
    "reflect": (GRAY, filter_of("gaussian:5", border="reflect", padding=(9, 0, 2, 7))),
    "symmetric": (GRAY, filter_of("sobel-y", border="symmetric", padding=9, range="raw")),
    "wrap": (GRAY, filter_of("emboss", border="wrap", padding=(1, 8), range="offset")),
    "constant": (GRAY, filter_of("box:3", border="constant", fill=2.5, range="raw")),
    "valid": (GRAY, filter_of("1 2; 3 4.5", padding="valid", operation="convolve")),
    "stride": (GRAY, filter_of("1 2 3; 4 5 7", stride=(2, 3), operation="convolve", range="raw")),
    "dilation": (GRAY, filter_of("1 2; 3 4; 5 6", dilation=(2, 3), range="raw")),
    "flipped holes": (GRAY, filter_of("1 2; 3 -4", dilation=3, operation="convolve", stride=2)),
    "halves": (GRAY, filter_of(Kernel([[1, 1]], divisor=2))),
    "offset halves": (GRAY, filter_of(Kernel([[1, -1]], divisor=2), range="offset")),
    "huge": (GRAY, filter_of(Kernel([[1e30, -1e30]]))),
    "bias": (GRAY, filter_of("sobel-x", bias=-20.5)),
    "color": (COLOR, filter_of("sharpen")),
    "raw color": (COLOR, filter_of("blur", range="raw", border="reflect")),
    "channels": (COLOR, filter_of(Kernel(WEIGHTS, 7), range="offset")),
    "flipped channels": (COLOR, filter_of(Kernel(WEIGHTS), operation="convolve", range="raw")),
    "deep": (DEEP, filter_of("outline", range="offset")),
    "deep bias": (DEEP, filter_of(Kernel([[1, 2]], 3, bias=10))),
    "plain": (PLAIN, filter_of("0.1 0.7; 1/3 -2")),
    "plain magnitudes": (PLAIN, filter_of("laplacian", range="abs", border="wrap")),
    "plain channels": (RNG.normal(size=(3, 4, 2)), filter_of(Kernel(RNG.normal(size=(2, 2, 2))))),
    "signal": (PLAIN[:1], filter_of("1 2 1", padding="full", operation="convolve", border="zero")),
    "one pixel": (GRAY[:1, :1], filter_of("identity:1")),
}


@pytest.fixture(params=CASES.values(), ids=CASES)
def case(request):
    return request.param


def test_stored_results_are_our_own(case):
    pixels, image_filter = case
    book = book_of(*case)
    compare(book, pixels, image_filter)
    stored = book.stacked("input", pixels.shape)
    np.testing.assert_allclose(stored, pixels, rtol=1e-15)  # XlsxWriter writes 16 digits
    for name, cells in book.cells.items():
        if name.startswith("output"):
            assert all("SUMPRODUCT" in cell.formula for cell in cells.values())


def test_formulas_give_what_is_stored(case):
    book = book_of(*case)
    again = computed(book)
    for name, cells in again.cells.items():
        for at, cell in cells.items():
            stored = book.cells[name][at].value
            assert cell.value == (stored if isinstance(stored, str) else approx(stored)), (name, at)


def approx(value):
    return pytest.approx(value, rel=1e-12, abs=1e-12)


def with_other_pixel(case):
    """A book with another first pixel in the last channel, and the pixels to compare it with."""
    pixels, book = case[0].copy(), book_of(*case)
    pixels[(0, 0, -1)[: pixels.ndim]] = 77
    *_, last = (name for name in book.cells if name.startswith("input"))
    return book.changed({last: {"A1": 77}}), pixels


def test_a_changed_pixel_changes_all_that_depends_on_it(case):
    changed, pixels = with_other_pixel(case)
    compare(computed(Book(changed)), pixels, case[1])


@pytest.mark.slow
@pytest.mark.processes
def test_libreoffice_gives_the_same(tmp_path):
    """Every formula is computed by a program that others wrote."""
    program = shutil.which("soffice") or shutil.which("libreoffice")
    if program is None:
        pytest.skip("LibreOffice is not installed")
    (tmp_path / "profile" / "user").mkdir(parents=True)
    (tmp_path / "profile" / "user" / "registrymodifications.xcu").write_text(ALWAYS_RECALCULATE)
    others = {}
    for name, case in CASES.items():
        changed, others[name] = with_other_pixel(case)
        (tmp_path / f"{name}.xlsx").write_bytes(changed)
    command = [program, f"-env:UserInstallation={(tmp_path / 'profile').as_uri()}", "--headless"]
    command += ["--convert-to", "xlsx", "--outdir", str(tmp_path / "computed")]
    command += [str(tmp_path / f"{name}.xlsx") for name in CASES]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    for name, (_, image_filter) in CASES.items():
        book = Book((tmp_path / "computed" / f"{name}.xlsx").read_bytes())
        compare(book, others[name], image_filter)


ALWAYS_RECALCULATE = """<?xml version="1.0" encoding="UTF-8"?>
<oor:items xmlns:oor="http://openoffice.org/2001/registry">
<item oor:path="/org.openoffice.Office.Calc/Formula/Load">
<prop oor:name="OOXMLRecalcMode" oor:op="fuse"><value>0</value></prop>
</item>
</oor:items>
"""


@pytest.mark.parametrize(
    ("name", "function"),
    [("relu", relu), ("leaky-relu", LeakyRelu().apply), ("sigmoid", sigmoid), ("tanh", tanh)],
)
@pytest.mark.parametrize("range_name", ["raw", "offset"])
def test_activations(name, function, range_name):
    image_filter = filter_of("laplacian", range=range_name)
    book = book_of(GRAY, image_filter, None, name, function)
    values = function(cross_correlate(GRAY, "laplacian"))
    expected = values if range_name == "raw" else np.rint(values + 128).clip(0, 255)
    for each in (book, computed(book)):
        np.testing.assert_allclose(each.values("output"), expected, rtol=1e-12, atol=1e-15)


def test_padding_points_at_the_pixel_that_it_copies():
    cells = book_of(GRAY, filter_of("identity", border="reflect")).formulas("padded")
    assert (cells["A1"], cells["B2"], cells["I8"]) == ("input!B2", "input!A1", "input!F5")
    cells = book_of(GRAY, filter_of("identity", border="zero")).formulas("padded")
    assert (cells["A1"], cells["B2"]) == ("0", "input!A1")


def test_the_fill_is_a_number_that_can_be_changed():
    image_filter = filter_of("blur", border="constant", fill=9, range="raw")
    book = book_of(GRAY, image_filter)
    assert book.formulas("padded")["A1"] == "fill"
    at = book.names["fill"].rpartition("!")[2].replace("$", "")
    changed = computed(Book(book.changed({"kernel": {at: 31}})))
    compare(changed, GRAY, filter_of("blur", border="constant", fill=31, range="raw"))


def test_weights_divisor_and_bias_can_be_changed():
    """Also where the kernel is flipped and has holes."""
    options = {"operation": "convolve", "dilation": 2, "range": "raw"}
    book = book_of(GRAY, filter_of(Kernel([[1, 2], [3, 4]], 5), **options))
    names = {name: area.rpartition("!")[2].replace("$", "") for name, area in book.names.items()}
    change = {"B1": -8, names["divisor"]: 3, names["bias"]: 11}
    changed = computed(Book(book.changed({"kernel": change})))
    compare(changed, GRAY, filter_of(Kernel([[1, -8], [3, 4]], 3, 11), **options))


def test_the_sheets_of_one_channel_and_of_colors():
    assert list(book_of(GRAY, filter_of("blur")).cells) == ["input", "padded", "kernel", "output"]
    colors = list(book_of(COLOR, filter_of("blur")).cells)
    assert colors[:4] == ["input red", "input green", "input blue", "padded red"]
    assert colors[6:] == ["kernel", "output red", "output green", "output blue"]
    summed = list(book_of(COLOR, filter_of(Kernel(WEIGHTS))).cells)
    assert summed[6:] == ["kernel red", "kernel green", "kernel blue", "output"]


def test_the_formula_of_a_value_is_short_enough_to_read():
    book = book_of(GRAY, filter_of("blur", range="raw"))
    assert book.formulas("output")["B3"] == "SUMPRODUCT(padded!B3:D5,weights)/divisor+bias"
    assert book.names["weights"] == "kernel!$A$1:$C$3"


def test_every_sheet_of_numbers_is_colored_by_value():
    book = book_of(COLOR, filter_of("blur"))
    for path in book.paths.values():
        assert b"<colorScale>" in book.parts[path]


def test_options_are_told():
    texts = book_of(GRAY, filter_of("blur", stride=(1, 2), range="abs")).texts
    assert {"blur", "1,2", "abs", "7x6 to 4x6", "top 1, bottom 1, left 1, right 1"} <= set(texts)


def outlined(book, sheet):
    """The cells of a sheet with a thick line."""
    styles = ElementTree.fromstring(book.parts["xl/styles.xml"])
    thick = [
        any(side.get("style") == "thick" for side in border)
        for border in styles.iterfind("borders/border", SPACE)
    ]
    formats = [int(each.get("borderId")) for each in styles.iterfind("cellXfs/xf", SPACE)]
    rows = ElementTree.fromstring(book.parts[book.paths[sheet]])
    cells = rows.iterfind("sheetData/row/c", SPACE)
    return {cell.get("r") for cell in cells if thick[formats[int(cell.get("s"))]]}


def test_the_window_and_its_output_are_marked():
    book = book_of(GRAY, filter_of("sharpen", stride=2), (1, 2))
    assert outlined(book, "output") == {"C2"}
    assert outlined(book, "padded") == {"E3", "F3", "G3", "E4", "G4", "E5", "F5", "G5"}  # not F4
    assert outlined(book, "input") == {"D2", "E2", "F2", "D3", "F3", "D4", "E4", "F4"}
    dilated = book_of(GRAY, filter_of("1 1; 1 1", dilation=2), (0, 0))
    assert outlined(dilated, "padded") == {"A1", "C1", "A3", "C3"}
    assert outlined(dilated, "input") == {"B2"}
    assert not outlined(book_of(GRAY, filter_of("sharpen")), "output")


def test_equal_lessons_are_equal_files():
    first, second = (book_of(COLOR, filter_of("blur"), (1, 1)).parts for _ in range(2))
    assert first == second
    assert b"1980-01-01T00:00:00Z" in first["docProps/core.xml"]


def test_digits_are_shown():
    book = book_of(PLAIN, filter_of("blur"), options=WriteOptions(digits=2))
    assert b'formatCode="0.00"' in book.parts["xl/styles.xml"]


def test_alpha_and_what_encoders_ignore_are_named():
    image = image_of(GRAY)._replace(alpha=GRAY)
    notes = Spreadsheet(image, filter_of("blur")).write(io.BytesIO())
    assert notes == ("alpha left out: .xlsx holds none",)
    image_filter, options = filter_of("blur", alpha="drop"), WriteOptions(quality=80)
    notes = Spreadsheet(image, image_filter).write(io.BytesIO(), options=options)
    assert notes == ("--quality was ignored: .xlsx has no such option",)


@pytest.mark.parametrize(
    ("pixels", "image_filter", "said"),
    [
        (np.zeros((65, 3)), filter_of("blur"), "3x65 pixels.* at most 64x64; use --resize"),
        (np.full((3, 3), np.nan), filter_of("blur"), "neither NaN nor infinity"),
        (np.full((3, 3), 1e308), filter_of("10"), "exceed the range"),
        (np.full((3, 3), 2**60), filter_of("blur"), "no integer beyond"),
        (GRAY, filter_of("blur", border="constant", fill=np.inf), "neither NaN nor infinity"),
        (GRAY, filter_of("blur", padding=600), "padded image has 1207x1206 pixels"),
        (np.ones((64, 64, 99)), filter_of("blur"), "at most 250,000 cells"),
        (np.ones((2, 2, 300)), filter_of(Kernel(np.ones((300, 1, 1)))), "sums over 300 channels"),
    ],
)
def test_what_no_spreadsheet_holds_is_refused(pixels, image_filter, said):
    with pytest.raises(UsageError, match=said):
        Spreadsheet(image_of(pixels), image_filter)


def test_premultiplied_alpha_is_refused():
    image = image_of(GRAY)._replace(alpha=GRAY)
    with pytest.raises(UsageError, match="use keep or drop"):
        Spreadsheet(image, filter_of("blur", alpha="premultiply"))


@pytest.mark.parametrize("range_name", ["rescale", "percentile"])
def test_ranges_of_the_whole_map_are_refused(range_name):
    with pytest.raises(UsageError, match=f"no --range {range_name}.*; use clip, abs, offset or"):
        check_filter(filter_of("blur", range=range_name))


def test_families_are_refused():
    kernels = read_specs(("sobel",))[0].kernels
    with pytest.raises(UsageError, match=r"joins the maps of 2 \(sobel-x, sobel-y\): give one of"):
        check_filter(Filter("sobel", kernels, combine="magnitude"))
