"""The page in a real browser: what it computes, and what a person does with it."""

import base64
import io
import json
import random
import shlex
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import convcli
from convcli import ConvcliError, convolve, cross_correlate, explain
from convcli.cli.main import root
from convcli.filtering.filter import Filter
from convcli.images.image import ImageData
from convcli.kernels.matrix_text import short_name
from convcli.kernels.spec import read_spec
from convcli.teaching.explain.arithmetic import explain_image

pytestmark = [pytest.mark.slow, pytest.mark.processes]


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write an array as an image or a matrix, and a page of it."""
    monkeypatch.chdir(tmp_path)

    def write(pixels, *options, name="image.png"):
        if isinstance(pixels, np.ndarray) and name.endswith(".npy"):
            np.save(name, pixels)
        elif isinstance(pixels, np.ndarray):
            Image.fromarray(pixels).save(name)
        run("explore", name, *options, "-o", "page.html", "--overwrite")
        return tmp_path / "page.html"

    return write


def run(*arguments):
    done = CliRunner().invoke(root, list(map(str, arguments)), prog_name="convcli")
    assert done.exit_code == 0, done.output
    return done


def pixels_of(kind):
    rng = np.random.default_rng(7)
    match kind:
        case "gray":
            return rng.integers(0, 256, (20, 31), np.uint8)
        case "color":
            return rng.integers(0, 256, (14, 11, 3), np.uint8)
        case "16-bit":
            return rng.integers(0, 65536, (9, 13), np.uint16)
        case "matrix":
            return rng.normal(0, 9, (6, 7))
    return rng.integers(-9, 10, (1, 40)).astype(np.float64)


def random_settings(choose, channels):
    shape = choose.choice([(1, 3), (3, 3), (2, 4), (5, 1), (4, 4)])
    if choose.random() < 0.2:
        shape = (channels, *shape)
    count = int(np.prod(shape))
    kernel = np.array([choose.randint(-4, 4) for _ in range(count)]).reshape(shape).tolist()
    return {
        "kernel": kernel,
        "divisor": choose.choice([1, 1, 3, -2]),
        "bias": choose.choice([0, 0, 5]),
        "stride": choose.choice([1, 2, [1, 3]]),
        "dilation": choose.choice([1, 2, [2, 1]]),
        "padding": choose.choice(["same", "valid", "full", "same-upper", 2, [1, 0, 2, 3]]),
        "anchor": choose.choice(["before", "before", "after"]),
        "border": choose.choice(["edge", "zero", "reflect", "symmetric", "wrap", "constant"]),
        "fill": choose.choice([0, 7]),
        "operation": choose.choice(["correlate", "convolve"]),
    }


def reference(pixels, settings):
    options = {name: value for name, value in settings.items() if name not in ("kernel", "fill")}
    if settings["border"] == "constant":
        options["fill"] = settings["fill"]
    operation = convolve if options.pop("operation") == "convolve" else cross_correlate
    try:
        return operation(pixels.astype(np.float64), np.array(settings["kernel"]), **options)
    except ConvcliError as error:
        return str(error)


TRY = """(async () => {
  const answers = [];
  for (const settings of %s) {
    try {
      await convcli.set(settings);
      const { shape, values } = convcli.map();
      answers.push({ shape, values: Array.from(values) });
    } catch (error) {
      answers.push(error.message);
    }
  }
  return answers;
})()"""


@pytest.mark.parametrize("kind", ["gray", "color", "16-bit", "matrix", "signal"])
def test_maps_are_those_of_python(browser, write, kind):
    pixels, choose = pixels_of(kind), random.Random(kind)
    name = "image.npy" if kind in ("matrix", "signal") else "image.png"
    browser.open(write(pixels, "-k", "sobel-x", name=name))
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    settings = [random_settings(choose, channels) for _ in range(25)]
    sums = [each for each in settings if np.ndim(each["kernel"]) == 2 or channels > 1]
    for each, answer in zip(sums, browser.run(TRY % json.dumps(sums)), strict=True):
        want = reference(pixels, each)
        if isinstance(want, str):
            assert answer == want, each
            continue
        assert answer["shape"] == list(np.atleast_3d(want).shape), each
        assert np.allclose(answer["values"], np.ravel(want), rtol=1e-12, atol=1e-9), each


def test_large_work_runs_in_a_worker(browser, write):
    pixels = np.random.default_rng(1).integers(0, 256, (300, 300), np.uint8)
    browser.open(write(pixels, "-k", "outline"))
    browser.run("convcli.set({ kernel: 'box:51' })")
    values = browser.run("Array.from(convcli.map().values.slice(0, 3000))")
    want = cross_correlate(pixels.astype(np.float64), np.ones((51, 51)), divisor=2601)
    assert np.allclose(values, want.ravel()[:3000], rtol=1e-12)
    assert any(url.startswith("blob:") for url in browser.requests)


def test_the_map_is_saved_with_a_pixel_a_cell(browser, write):
    """After a larger one: what is left of that in the bitmap is not saved."""
    browser.open(write(pixels_of("color"), "-k", "box:3", "--padding", "30"))
    browser.run("convcli.set({ padding: [2, 3, 4, 5] })")
    png = browser.run(
        f"""new Promise((resolve) => {{
          const make = URL.createObjectURL;
          URL.createObjectURL = (blob) => {{
            URL.createObjectURL = make;
            blob.arrayBuffer().then((bytes) => resolve(Array.from(new Uint8Array(bytes))));
            return make(new Blob());
          }};
          {button_of("Map as PNG")}.click();
        }})"""
    )
    pixels = browser.run("(({ shape, values }) => [shape, Array.from(values)])(convcli.pixels())")
    with Image.open(io.BytesIO(bytes(png))) as image:
        assert np.array_equal(np.asarray(image.convert("RGB")), np.reshape(pixels[1], pixels[0]))


def cell_center(browser, panel, row, column):
    """Where a cell of the input or of the map is, counted in its canvas with the padding."""
    return browser.run(
        f"""(() => {{
          const shadow = document.querySelector('[data-convcli-page]').shadowRoot;
          const box = shadow.querySelectorAll('canvas.grid')[{panel}].getBoundingClientRect();
          return [box.left, box.top, box.width, box.height];
        }})()"""
    )


def point(browser, panel, shape, at):
    """The place on the screen of a cell of a fitted grid."""
    left, top, width, height = cell_center(browser, panel, *at)
    scale = min(height / shape[0], width / shape[1], 96)
    x = left + (width - shape[1] * scale) / 2 + (at[1] + 0.5) * scale
    y = top + (height - shape[0] * scale) / 2 + (at[0] + 0.5) * scale
    return x, y


def text_of(browser):
    browser.settle()
    return browser.element("pre", "each.textContent")


def button_of(text):
    """An expression for the button with this text."""
    return (
        "Array.from(document.querySelector('[data-convcli-page]').shadowRoot"
        f".querySelectorAll('button')).find((each) => each.textContent === '{text}')"
    )


def explained(pixels, spec, at, **conv):
    return str(explain(pixels.astype(np.float64), spec, at, **conv))


def test_a_person_points_pins_and_moves(browser, write):
    pixels = np.arange(48.0).reshape(6, 8)
    browser.open(write(pixels, "-k", "sobel-x", "--padding", "valid", "--at", "0,0", name="a.npy"))
    want = {
        at: explained(pixels, "sobel-x", at, padding="valid")
        for at in [(0, 0), (2, 3), (2, 4), (3, 4), (1, 1)]
    }
    assert text_of(browser) == want[0, 0]
    browser.mouse("mouseMoved", *point(browser, 1, (4, 6), (2, 3)))
    assert text_of(browser) == want[2, 3]
    browser.click(*point(browser, 1, (4, 6), (2, 3)))
    browser.mouse("mouseMoved", *point(browser, 1, (4, 6), (1, 1)))
    assert text_of(browser) == want[2, 3], "a pinned position stays"
    browser.element("canvas.grid", "each.focus()")
    browser.press("ArrowRight")
    assert text_of(browser) == want[2, 4]
    browser.press("ArrowDown")
    assert text_of(browser) == want[3, 4]
    browser.press("Escape")
    browser.mouse("mouseMoved", *point(browser, 1, (4, 6), (1, 1)))
    assert text_of(browser) == want[1, 1], "Escape frees the position"
    browser.mouse("mouseMoved", *point(browser, 0, (6, 8), (2, 3)))
    browser.settle()
    assert browser.element(".place", "each.textContent") == "row 2, column 3: 19; feeds 9 outputs"


def test_a_person_changes_kernel_and_settings(browser, write):
    pixels = np.arange(48, dtype=np.uint8).reshape(6, 8)
    browser.open(write(pixels, "-k", "sobel-x", "--at", "2,3"))
    browser.element(".cells input", "each.focus()")
    browser.type("5")
    browser.press("Enter")
    matrix = "5 0 1; -2 0 2; -1 0 1"
    image = ImageData(pixels.astype(float), 8)
    [kernel] = read_spec(matrix).kernels
    assert text_of(browser) == str(explain_image(image, Filter(matrix, (kernel,)), (2, 3)))
    press = "(each.value = 2, each.dispatchEvent(new Event('input')))"
    browser.element("input[aria-label='Stride']", press)
    browser.settle()
    assert browser.run("convcli.map().shape") == [3, 4, 1]
    assert "floor((6 + 2 - 1*(3 - 1) - 1)/2) + 1 = 3" in browser.element(
        ".formula", "each.textContent"
    )
    enter = "(each.value = 'no-such', each.dispatchEvent(new Event('change')))"
    browser.element("input[aria-label='SPEC']", enter)
    browser.settle()
    assert "no kernel is named 'no-such'" in browser.element(".problem", "each.textContent")
    assert browser.element("input[aria-label='SPEC']", "each.value") == matrix
    for label, text, said in [
        ("Divisor", "1/3", "divisor must be a number, not '1/3'"),
        ("Anchor", "0,x", "anchor must be a whole number, not 'x'"),
        (
            "Kernel, row 0, column 0",
            "1,5",
            "a weight is a number such as -2, 0.5 or 1/16, not '1,5'",
        ),
        ("rows", "16", "the rows of a kernel typed here are a whole number from 1 to 15, not '16'"),
        ("Anchor", "", ""),
    ]:
        enter = f"(each.value = '{text}', each.dispatchEvent(new Event('change')))"
        browser.element(f"input[aria-label='{label}']", enter)
        browser.settle()
        assert browser.element(".problem", "each.textContent") == said
    assert browser.element("input[aria-label='Anchor']", "each.value") == "before"
    ends = "Array.from(each.children, (end) => end.textContent)"
    values = browser.run("[Math.min, Math.max].map((end) => String(end(...convcli.map().values)))")
    assert browser.element(".values .ends", ends) == values
    buttons = {"Mirror": "1 0 5; 2 0 -2; 1 0 -1", "Transpose": "1 2 1; 0 0 0; 5 -2 -1"}
    for name, spec in buttons.items():
        browser.run(f"{button_of(name)}.click()")
        browser.settle()
        assert browser.element("input[aria-label='SPEC']", "each.value") == spec
    assert browser.element(".problem", "each.textContent") == ""


CELL_COLOR = """(() => {
  const [, canvas] = document.querySelector('[data-convcli-page]').shadowRoot
    .querySelectorAll('canvas.grid');
  const box = canvas.getBoundingClientRect();
  // A copy, since reading from the canvas itself would slow its drawing down.
  const copy = document.createElement('canvas');
  copy.getContext('2d').drawImage(canvas, box.left - %s, box.top - %s);
  return Array.from(copy.getContext('2d').getImageData(0, 0, 1, 1).data).slice(0, 3);
})()"""


def test_a_person_runs_through_the_map(browser, write):
    """Values that are not computed yet are covered; their cells have the color of no value."""
    pixels = np.arange(48.0).reshape(6, 8)
    browser.open(write(pixels, "-k", "1 2", "--padding", "valid", "--at", "0,0", name="a.npy"))
    x, y = point(browser, 1, (6, 7), (5, 6))
    corner = CELL_COLOR % (x - 12, y - 12)
    cover = [217, 212, 189]
    assert browser.run(corner) != cover
    slide = "(each.value = 9, each.dispatchEvent(new Event('input')))"
    browser.element("input[aria-label='Position']", slide)
    assert text_of(browser) == explained(pixels, "1 2", (1, 1), padding="valid")
    assert browser.run(corner) == cover
    browser.run(f"{button_of('Step')}.click()")
    assert text_of(browser) == explained(pixels, "1 2", (1, 2), padding="valid")
    for _ in range(3):
        browser.run(f"{button_of('Back')}.click()")
    assert text_of(browser) == explained(pixels, "1 2", (0, 6), padding="valid")
    browser.run(f"{button_of('Show all')}.click()")
    browser.settle()
    assert browser.run(corner) != cover
    browser.element("select[aria-label='Speed']", "(each.value = 1000)")
    browser.run(f"{button_of('Play')}.click()")
    browser.run("new Promise((done) => setTimeout(done, 1500))")
    assert text_of(browser) == explained(pixels, "1 2", (5, 6), padding="valid")
    assert browser.run(f"Boolean({button_of('Play')})")
    browser.run(f"{button_of('Back')}.click()")
    browser.element("canvas.grid", "each.focus()")
    browser.press("Escape")
    assert browser.run(corner) != cover
    still = {"name": "prefers-reduced-motion", "value": "reduce"}
    browser.call("Emulation.setEmulatedMedia", features=[still])
    browser.open(Path("page.html"))
    assert browser.run(f"{button_of('Play')}.hidden"), "who asks for less motion steps"


def test_a_finger_pins_and_paints(browser, write):
    browser.resize(390, 844)
    browser.open(write(np.arange(48.0).reshape(6, 8), "-k", "1", "--padding", "0", name="a.npy"))

    def touch(*points):
        """Put a finger down, move it over points, and lift it."""
        for number, (x, y) in enumerate(points):
            kind = "touchMove" if number else "touchStart"
            browser.call("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y}])
        browser.call("Input.dispatchTouchEvent", type="touchEnd", touchPoints=[])
        browser.settle()

    browser.element(".maps .panel:nth-child(2)", "each.scrollIntoView()")
    touch(point(browser, 1, (6, 8), (4, 5)))
    assert json.loads(browser.run("convcli.state()"))["at"] == [4, 5]
    assert "(pinned)" in browser.element(".pinned .panel:nth-child(2) .place", "each.textContent")
    browser.element("input[type=checkbox]", "each.click()")
    browser.element(".maps", "each.scrollIntoView()")
    touch(*(point(browser, 0, (6, 8), (row, 2)) for row in range(1, 5)))
    want = np.arange(48.0).reshape(6, 8)
    want[1:5, 2] = 0
    assert browser.run("Array.from(convcli.map().values)") == want.ravel().tolist()


UNNAMED = """Array.from(document.querySelector('[data-convcli-page]').shadowRoot
  .querySelectorAll('input, select, textarea, button, summary, [tabindex]'))
  .filter((each) => each.tabIndex < 0 ||
    !(each.ariaLabel || each.labels?.length || each.textContent))
  .map((each) => each.outerHTML)"""


def test_a_quiz_names_the_slip(browser, write):
    pixels = np.arange(48.0).reshape(6, 8)
    browser.open(
        write(pixels, "-k", "1 2 5", "--operation", "convolve", "--at", "2,3", name="a.npy")
    )
    whole = text_of(browser)
    browser.element(".arithmetic input[type=checkbox]", "each.click()")
    asked = text_of(browser)
    right = explain(pixels, "1 2 5", (2, 3), operation="convolve").outputs[0].pixel
    flipped = explain(pixels, "1 2 5", (2, 3)).outputs[0].pixel
    assert "18 19 20" in asked
    assert "1 2 5" in asked
    assert str(right) not in asked
    places = "Array.from(document.querySelector('[data-convcli-page]').shadowRoot"
    assert browser.run(f"{places}.querySelectorAll('.place'))[1].textContent").endswith(": ?")

    def answer(text):
        browser.element("input[aria-label='Pixel']", f"(each.value = {json.dumps(str(text))})")
        browser.run(f"{button_of('Check')}.click()")
        browser.settle()
        return browser.element(".live", "each.textContent")

    assert answer("x") == "Write a number."
    assert answer("NaN") == "Not this."
    assert answer(right + 1) == "Not this."
    assert "the kernel is not flipped; convolve flips it" in answer(flipped)
    assert text_of(browser) == asked
    assert answer(right) == "Right."
    assert text_of(browser) == whole
    browser.element("canvas.grid", "each.focus()")
    browser.press("ArrowRight")
    assert "window" in text_of(browser)
    assert "sum" not in text_of(browser)
    browser.run(f"{button_of('Show the answer')}.click()")
    assert "sum" in text_of(browser)


def test_a_quiz_hides_the_value_in_layers_too(browser, write):
    pixels = np.arange(48.0).reshape(6, 8)
    pixels[2, 3] = np.nan
    layers = ["--layer", "abs", "--layer", "maxpool 2"]
    browser.open(write(pixels, "-k", "1", "--at", "2,3", *layers, name="a.npy"))
    line = "each.querySelector('.place').textContent"
    browser.element(".arithmetic input[type=checkbox]", "each.click()")
    browser.settle()
    browser.element(".layers", "each.scrollIntoView()")
    seen = {}
    for number, shape, at in [(2, (6, 8), (2, 3)), (3, (3, 4), (1, 1)), (3, (3, 4), (1, 2))]:
        browser.mouse("mouseMoved", *point(browser, number, shape, at))
        browser.settle()
        seen[number, at] = stage(browser, number, line).splitlines()[0]
    assert seen == {
        (2, (2, 3)): "row 2, column 3: ?",
        (3, (1, 1)): "row 1, column 1: ?",
        (3, (1, 2)): "row 1, column 2: 29",
    }
    browser.element("input[aria-label='Pixel']", "(each.value = 'NaN')")
    browser.run(f"{button_of('Check')}.click()")
    assert browser.element(".live", "each.textContent") == "Right."
    browser.mouse("mouseMoved", *point(browser, 3, (3, 4), (1, 1)))
    browser.settle()
    assert stage(browser, 3, line).startswith("row 1, column 1: nan")


GIVE = """(() => {
  const data = new DataTransfer();
  %s
  const init = { bubbles: true, cancelable: true, composed: true, %s: data };
  %s
})()"""
FILE = """data.items.add(new File(
    [Uint8Array.from(atob('%s'), (letter) => letter.charCodeAt(0))], 'own.png', { type: '%s' }));"""
ROOT = "document.querySelector('[data-convcli-page]').shadowRoot"
DROP = "document.querySelector('[data-convcli-page]').dispatchEvent(new DragEvent('drop', init));"
PASTE = "document.body.dispatchEvent(new ClipboardEvent('paste', init));"


def wait_for(browser, expression):
    """Wait until an expression is true."""
    browser.run(
        "new Promise((done, fail) => { let tries = 200; const look = () => "
        f"{expression} ? done() : tries-- ? setTimeout(look, 20) : fail('never: ' + "
        f"{json.dumps(expression)}); look(); }})"
    )


@pytest.mark.parametrize("kind", ["gray", "color"])
def test_a_person_drops_an_image(browser, write, kind):
    browser.open(write(np.zeros((4, 4)), "-k", "1 2", name="a.npy"))
    pixels = pixels_of(kind)
    Image.fromarray(pixels).save("own.png")
    content = base64.b64encode(Path("own.png").read_bytes()).decode()
    browser.run(GIVE % (FILE % (content, "image/png"), "dataTransfer", DROP))
    wait_for(browser, f"convcli.map().shape[0] === {len(pixels)}")
    want = cross_correlate(pixels.astype(float), [[1, 2]])
    assert browser.run("Array.from(convcli.map().values)") == want.ravel().tolist()
    gray = "--channels gray " if kind == "gray" else ""
    assert browser.run("convcli.command()") == f'convcli apply -k "1 2" {gray}own.png'
    hints = (
        "Array.from(each.querySelectorAll('.hint'), (hint) => hint.hidden ? '' : hint.textContent)"
    )
    assert "The browser read this image" in "".join(browser.element(".away", hints))
    browser.run(GIVE % (FILE % (content[:40], "image/png"), "dataTransfer", DROP))
    problem = "document.querySelector('[data-convcli-page]').shadowRoot.querySelector('.problem')"
    wait_for(browser, f"{problem}.textContent !== ''")
    assert "own.png cannot be read as an image" in browser.element(".problem", "each.textContent")
    assert browser.run("convcli.map().shape[0]") == len(pixels)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("own.csv", "1,2\n3,4\n", "convcli apply -k 1 own.csv"),
        ("own.json", "[[1, 2], [3, 4]]", 'convcli apply -k 1 --matrix "1 2; 3 4"'),
        ("own.tsv", "1\t2\n3\t4\n", 'convcli apply -k 1 --matrix "1 2; 3 4"'),
        ("own.csv", "a,b\n", "own.csv: row 1: 'a' is not a finite number"),
        ("own.npy", "x", "own.npy is neither an image nor a matrix as text (.csv, .txt)"),
    ],
)
def test_a_person_drops_a_matrix(browser, write, name, content, said):
    browser.open(write(np.zeros((4, 4)), "-k", "1", name="a.npy"))
    file = f"data.items.add(new File({json.dumps([content])}, {json.dumps(name)}));"
    browser.run(GIVE % (file, "dataTransfer", DROP))
    answer = "document.querySelector('[data-convcli-page]').shadowRoot.querySelector('.problem')"
    wait_for(browser, f"{answer}.textContent || convcli.map().shape[0] === 2")
    if "apply" in said:
        assert browser.run("convcli.command()") == said
        assert browser.run("Array.from(convcli.map().values)") == [1, 2, 3, 4]
    else:
        assert said in browser.element(".problem", "each.textContent")


def test_a_person_pastes_types_and_paints(browser, write):
    browser.open(write(pixels_of("gray"), "-k", "1 2", "--padding", "1"))
    text = "data.setData('text/plain', '1\\t2\\n3\\t4');"
    browser.run(GIVE % (text, "clipboardData", PASTE))
    wait_for(browser, "convcli.map().shape[0] === 4")
    assert browser.run("convcli.command()").endswith('--matrix "1 2; 3 4"')
    browser.element("textarea[aria-label='Matrix']", "(each.value = '5 6 7; 8 9 10')")
    browser.run(f"{button_of('Use this matrix')}.click()")
    wait_for(browser, "convcli.map().shape[1] === 4")
    browser.element("input[type=checkbox]", "each.click()")
    ink = "input[aria-label='Value to paint with']"
    browser.element(ink, "(each.value = 'x')")
    browser.click(*point(browser, 0, (4, 5), (2, 2)))
    said = "the value to paint with must be a number, not 'x'"
    assert browser.element(".problem", "each.textContent") == said
    browser.element(ink, "(each.value = '-1')")
    browser.click(*point(browser, 0, (4, 5), (2, 2)))
    assert browser.run("convcli.command()").endswith('--matrix "5 6 7; 8 -1 10"')
    browser.click(*point(browser, 0, (4, 5), (0, 0)))
    assert browser.run("convcli.command()").endswith('--matrix "5 6 7; 8 -1 10"'), "padding"
    want = cross_correlate(np.array([[5, 6, 7], [8, -1, 10.0]]), [[1, 2]], padding=1)
    assert browser.run("Array.from(convcli.map().values)") == want.ravel().tolist()


def test_only_fields_of_text_keep_what_is_pasted_or_dropped_on_them(browser, write):
    browser.open(write(np.zeros((4, 4)), "-k", "1", name="a.npy"))

    def give(selector, event, text, file=""):
        target = f"{ROOT}.querySelector({json.dumps(selector)})"
        is_paste = event == "paste"
        kind = "ClipboardEvent" if is_paste else "DragEvent"
        data = "clipboardData" if is_paste else "dataTransfer"
        text = f"data.setData('text/plain', {json.dumps(text)});" if text else ""
        act = f"return !{target}.dispatchEvent(new {kind}('{event}', init));"
        return browser.run(GIVE % (file + text, data, act))

    columns = 1
    for event in ("paste", "drop"):
        for selector in ("input[type=range]", "input[type=checkbox]", "select", "canvas"):
            columns += 1
            assert give(selector, event, "1 " * columns) is True
            wait_for(browser, f"convcli.map().shape[1] === {columns}")
        for selector in ("input[type=text]:not([readonly])", "textarea:not([readonly])"):
            assert give(selector, event, "1") is False
    assert give("textarea", "dragover", "1") is False
    assert give("canvas", "dragover", "1") is True
    assert browser.run("convcli.map().shape") == [1, columns, 1]
    # A spreadsheet puts an image of the cells beside them; an image alone is taken on fields too.
    Image.new("L", (7, 7)).save("own.png")
    file = FILE % (base64.b64encode(Path("own.png").read_bytes()).decode(), "image/png")
    assert give("canvas", "paste", "1\t2,5\n3\t4\n", file) is True
    wait_for(browser, "convcli.map().shape[0] === 2")
    assert give("textarea", "drop", "", file) is True
    wait_for(browser, "convcli.map().shape[0] === 7")


def test_a_person_points_and_paints_by_keyboard(browser, write):
    browser.open(write(np.arange(48.0).reshape(6, 8), "-k", "blur", "--at", "2,3", name="a.npy"))
    assert browser.run(UNNAMED) == [], "each control has a name, and is reached by Tab"
    browser.element("input[type=checkbox]", "each.click()")
    browser.element("canvas.grid", "each.focus()")
    for key in ("ArrowUp", "ArrowRight"):
        browser.press(key, modifiers=8)
    assert browser.element(".place", "each.textContent") == "row 1, column 4: 12; feeds 9 outputs"
    assert browser.element(".place", "each.ariaLive") == "polite"
    browser.press(" ", text=" ")
    assert browser.element(".place", "each.textContent") == "row 1, column 4: 0; feeds 9 outputs"
    assert json.loads(browser.run("convcli.state()"))["at"] == [2, 3]
    for _ in range(9):
        browser.press("ArrowUp", modifiers=8)
    assert browser.element(".place", "each.textContent").startswith("row -1, column 4: 4; padding")
    browser.press("Escape")
    assert browser.element(".place", "each.textContent") == ""


def test_a_page_in_a_notebook_takes_only_what_is_pasted_on_it(browser, write):
    browser.open(write(np.zeros((4, 4)), "-k", "1", name="a.npy"))
    page = "document.querySelector('[data-convcli-page]')"
    browser.run(f"document.body.appendChild(document.createElement('p')).append({page})")
    text = "data.setData('text/plain', '1 2 3');"
    browser.run(GIVE % (text, "clipboardData", PASTE))
    assert browser.run("convcli.map().shape") == [4, 4, 1]
    on_page = PASTE.replace("document.body", f"{page}.shadowRoot.querySelector('canvas')")
    browser.run(GIVE % (text, "clipboardData", on_page))
    wait_for(browser, "convcli.map().shape[0] === 1")


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("color", ["-k", "outline"]),
        ("color", ["-k", "outline", "--layer", "maxpool 2"]),
        ("matrix", ["-k", "prewitt-x"]),
        ("matrix", ["-k", "blur", "--range", "rescale"]),
        ("matrix", ["-k", "blur", "--range", "percentile", "--layer", "tanh"]),
    ],
)
def test_a_person_saves_the_map(browser, write, kind, options, tmp_path):
    """As the command of the page writes it."""
    browser.open(write(pixels_of(kind), *options, name="a.npy" if kind == "matrix" else "a.png"))
    browser.call("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path / "saved"))
    for kind in ("CSV", "PNG"):
        browser.run(f"{button_of(f'Map as {kind}')}.click()")
        saved = tmp_path / "saved" / f"map.{kind.lower()}"
        for _ in range(200):
            if saved.exists():
                break
            time.sleep(0.01)
    words = shlex.split(browser.run("convcli.command()"))
    run(*words[1:], "-o", "own.csv")
    texts = [path.read_text() for path in (tmp_path / "saved" / "map.csv", Path("own.csv"))]
    if "--range" in options:  # a division may differ in the last digit
        numbers = [np.loadtxt(io.StringIO(text), delimiter=",") for text in texts]
        assert np.allclose(*numbers, rtol=0, atol=1e-12)
    else:
        assert texts[0] == texts[1]
    run(*words[1:], "-o", "own.png")
    with Image.open(tmp_path / "saved" / "map.png") as image, Image.open("own.png") as wanted:
        differences = np.asarray(image.convert("RGB"), int) - np.asarray(wanted.convert("RGB"), int)
        assert np.abs(differences).max() <= (1 if "--range" in options else 0)


def test_the_page_says_how_its_png_differs(browser, write):
    browser.open(write(pixels_of("color"), "-k", "blur"))
    hints = (
        "Array.from(each.querySelectorAll('.hint'), (hint) => hint.hidden ? '' : hint.textContent)"
    )
    for changes, said in {
        '{ range: "raw" }': "as it is shown",
        '{ range: "clip", layers: ["conv -k sobel"] }': "",
        "{ layers: [], input: [[1, 2]] }": "rounded and clipped",
        '{ range: "rescale" }': "",
    }.items():
        browser.run(f"convcli.set({changes})")
        shown = [hint for hint in browser.element(".away", hints) if "PNG" in hint]
        assert len(shown) == bool(said), changes
        assert said in "".join(shown), changes


def test_a_painted_image_has_no_file_and_the_page_says_so(browser, write):
    browser.open(write(pixels_of("gray"), "-k", "1 2", "--padding", "valid"))
    hint = (".away .hint", "each.hidden || each.textContent")
    assert browser.element(*hint) is True
    browser.element("input[type=checkbox]", "each.click()")
    browser.element("input[aria-label='Value to paint with']", "(each.value = '9')")
    browser.click(*point(browser, 0, (20, 31), (2, 2)))
    assert browser.run("convcli.command()").endswith(" INPUT")
    assert "no file holds" in browser.element(*hint)


def test_a_notebook_shows_the_page_in_a_frame(browser, tmp_path):
    pixels = pixels_of("gray")
    page = tmp_path / "notebook.html"
    frame = convcli.explore(pixels, "sobel-x")._repr_html_()
    page.write_text(f"<!doctype html><meta charset=utf-8>{frame}{frame}", encoding="utf-8")
    browser.call("Page.navigate", url=page.as_uri())
    wait_for(browser, "frames.length === 2 && Boolean(frames[0].convcli && frames[1].convcli)")
    browser.run("Promise.all([frames[0].convcli.ready, frames[1].convcli.ready])")
    browser.run("frames[0].convcli.set({ kernel: '1 2', stride: 2 })")
    browser.run("new Promise((done) => setTimeout(done, 600))")
    assert browser.run("frames[0].location.hash").startswith("#%7B%22stride%22%3A2")
    want = cross_correlate(pixels.astype(float), [[1, 2]], stride=2)
    assert browser.run("Array.from(frames[0].convcli.map().values)") == want.ravel().tolist()
    assert "sobel-x" in browser.run("frames[1].convcli.command()")
    assert "stride=(2, 2)" in browser.run("frames[0].convcli.code('torch')")


def test_a_browser_that_cannot_unpack_the_page_says_so(browser, write):
    script = browser.call(
        "Page.addScriptToEvaluateOnNewDocument", source="delete window.DecompressionStream"
    )
    page = write(pixels_of("gray"), "-k", "outline")
    browser.open(page)
    assert browser.run("document.body.innerText").startswith("This page needs a newer browser: ")
    browser.call("Page.removeScriptToEvaluateOnNewDocument", **script)


CHANGES = [
    {"kernel": "sobel", "border": "reflect", "range": "abs"},
    {"kernel": "gaussian:5,sigma=2", "stride": [2, 1], "padding": "valid"},
    {"kernel": "1 2 1; 2 4 2; 1 2 1", "divisor": 16, "bias": 3.5, "range": "rescale"},
    {"kernel": "sobel-x@45", "border": "constant", "fill": 9, "padding": [1, 2, 0, 3]},
    {"kernel": [[1, -2], [3, 0.25]], "operation": "convolve", "dilation": 2},
    {"kernel": "kirsch", "combine": "mean", "range": "percentile", "percentile": [5, 90]},
]


@pytest.mark.parametrize("kind", ["gray", "color", "16-bit"])
def test_the_command_gives_the_same_pixels(browser, write, kind):
    pixels = pixels_of(kind)
    browser.open(write(pixels, "-k", "outline"))
    for changes in CHANGES:
        browser.run(f"convcli.set({json.dumps(changes)})")
        words = shlex.split(browser.run("convcli.command()"))
        assert words[:2] == ["convcli", "apply"]
        run(*words[1:], "-o", "map.npy", "--overwrite")
        own = browser.run("Array.from(convcli.pixels().values)")
        wanted = np.load("map.npy").ravel().astype(int)
        assert np.abs(wanted - own).max() <= (1 if "rescale" in words else 0), changes
        browser.run(f"convcli.set({json.dumps({'padding': 'same', 'stride': 1, 'dilation': 1})})")


PROGRAM = ".program textarea"


def test_a_person_takes_a_program(browser, write):
    """By keyboard alone; the program is that of ``code``, and gives the page's pixels."""
    options = ["-k", "sobel", "--stride", "2", "--border", "reflect", "--range", "abs"]
    page = write(pixels_of("gray"), *options)
    browser.open(page)
    browser.element(".program summary", "each.focus()")
    browser.press("Enter", windowsVirtualKeyCode=13, text="\r")
    browser.press("Tab", windowsVirtualKeyCode=9)
    text = browser.element(PROGRAM, "each.value")
    assert text == browser.run("convcli.code('numpy')")
    wanted = run("code", *options, "--for", "numpy").stdout
    assert text.partition("import")[2] == wanted.partition("import")[2]
    page.with_name("filter.py").write_text(text)
    command = [sys.executable, "filter.py", "image.png", "out.png"]
    subprocess.run(command, cwd=page.parent, check=True)
    pixels = np.asarray(Image.open("out.png")).ravel()
    assert browser.run("Array.from(convcli.pixels().values)") == pixels.tolist()
    for key, code in (("ArrowDown", 40), ("ArrowDown", 40), ("ArrowDown", 40)):
        browser.press(key, windowsVirtualKeyCode=code)
    browser.press("Tab", windowsVirtualKeyCode=9)
    browser.press(" ", windowsVirtualKeyCode=32, text=" ")
    assert browser.element(PROGRAM, "each.value") == browser.run("convcli.code('torch', true)")
    browser.press("Tab", windowsVirtualKeyCode=9)
    browser.press("Enter", windowsVirtualKeyCode=13, text="\r")
    button = (
        "document.querySelector('[data-convcli-page]').shadowRoot.querySelector('.program button')"
    )
    wait_for(browser, f"{button}.textContent === 'Copied'")


def test_what_no_program_does_is_refused_in_words(browser, write):
    browser.open(write(pixels_of("gray"), "-k", "1 2", "--layer", "relu"))
    browser.element(".program", "each.open = true")
    browser.settle()
    assert "layers are not in" in browser.element(".program", "each.innerText")
    browser.run("convcli.set({ kernel: [Array(9).fill(-9e15)], layers: [] })")
    refusal = "beyond 64-bit integers; give the weights or the image as floats"
    assert refusal in browser.element(".program", "each.innerText")
    assert browser.element(PROGRAM, "each.hidden")
    assert "layers" not in browser.element(".program", "each.innerText")
    with pytest.raises(RuntimeError, match=refusal):
        browser.run("convcli.code('scipy')")
    with pytest.raises(RuntimeError, match="no program for vips; there are numpy, scipy, opencv"):
        browser.run("convcli.code('vips')")


def test_a_state_brings_settings_back(browser, write):
    page = write(pixels_of("gray"), "-k", "outline")
    browser.open(page)
    browser.run("convcli.set({ kernel: 'sobel', stride: 2, border: 'wrap', at: [3, 4] })")
    state, values = browser.run("convcli.state()"), "Array.from(convcli.map().values)"
    before = browser.run(values)
    browser.open(page, state)
    assert browser.run("convcli.state()") == state
    assert browser.run(values) == before
    for state, problem in [
        ("{nonsense", "this is not the state of a page; copy the whole line"),
        ('{"kernel":"1","stride":0}', "stride must be at least 1, not 0"),
    ]:
        browser.open(page, state)
        said = f"the state that this page was opened with is not used: {problem}"
        assert browser.element(".problem", "each.textContent") == said
        assert browser.run("convcli.command()") == "convcli apply -k outline image.png"


def test_the_script_interface_explains(browser, write):
    pixels = pixels_of("color")
    browser.open(write(pixels, "-k", "outline"))
    browser.run("convcli.set({ kernel: [[[1]], [[2]], [[3]]] })")
    parts = browser.run("convcli.explain(2, 3)")
    assert [part["window"] for part in parts] == [[[int(value)]] for value in pixels[2, 3]]
    assert [part["weights"] for part in parts] == [[[1]], [[2]], [[3]]]
    assert parts[0]["value"] == pixels[2, 3] @ np.array([1, 2, 3])
    browser.run("convcli.set({ kernel: 'sobel' })")
    assert [len(one["window"]) for one in browser.run("convcli.explain(2, 3, 1)")] == [3, 3]
    bank = np.arange(24).reshape(2, 3, 2, 2)
    browser.run(f"convcli.set({{ kernel: {bank.tolist()} }})")
    want = cross_correlate(pixels.astype(float), bank)
    assert browser.run("convcli.map().shape") == list(want.shape)
    assert browser.run("Array.from(convcli.map().values)") == want.ravel().tolist()
    for channel in ("2", "-1", "0.5"):
        with pytest.raises(RuntimeError, match=f"there is no channel {channel}"):
            browser.run(f"convcli.explain(2, 3, {channel})")
    browser.run("convcli.set({ input: [[1, 2], [3, 4]], kernel: [[1, 1]], padding: 'valid' })")
    assert browser.run("Array.from(convcli.map().values)") == [3, 7]
    command = browser.run("convcli.command()")
    assert command == 'convcli apply -k "1 1" --padding valid --matrix "1 2; 3 4"'
    before = browser.run("convcli.state()")
    with pytest.raises(RuntimeError, match="stride must be at least 1, not 0"):
        browser.run("convcli.set({ stride: 0 })")
    with pytest.raises(RuntimeError, match="there is no setting layer"):
        browser.run("convcli.set({ layer: [] })")
    with pytest.raises(RuntimeError, match=r"layer 3 \(maxpool 2x2\): window 2x2 exceeds the 1x2"):
        browser.run("convcli.set({ layers: ['relu', 'maxpool 2'] })")
    assert browser.run("convcli.state()") == before


LAYERS = ["conv -k 'sobel-y' --stride 2", "leaky-relu --slope 0.25", "avgpool 3 --padding 1 --ceil"]


@pytest.mark.parametrize("kind", ["gray", "color", "matrix"])
def test_layers_are_those_of_chain(browser, write, kind):
    """Their maps, and the command that is shown."""
    pixels = pixels_of(kind).astype(np.float64)
    words = [word for text in LAYERS for word in ("--layer", text)]
    browser.open(write(pixels, "-k", "blur", "--border", "wrap", *words, name="a.npy"))
    chain = convcli.Chain(["conv -k blur --border wrap", *LAYERS])
    stages = browser.run(
        "convcli.stages().map((stage) => ({ ...stage, values: Array.from(stage.values) }))"
    )
    for stage, maps in zip(stages, chain.maps(pixels)[1:], strict=True):
        assert stage["shape"] == list(np.atleast_3d(maps).shape)
        assert np.allclose(stage["values"], maps.ravel(), rtol=1e-12, atol=1e-9)
    assert browser.run("Array.from(convcli.map().values)") == stages[-1]["values"]
    words = shlex.split(browser.run("convcli.command()"))
    assert words[:3] == ["convcli", "chain", "a.npy"]
    run(*words[1:], "-o", "map.npy", "--overwrite")
    assert np.allclose(np.load("map.npy").ravel(), stages[-1]["values"], rtol=1e-12, atol=1e-9)


def stage(browser, number, script):
    """What an expression makes of ``each``, the elements of a layer in the strip."""
    strip = "document.querySelector('[data-convcli-page]').shadowRoot.querySelector('.stages')"
    return browser.run(f"((each) => {script})({strip}.children[{number - 2}])")


def test_a_person_writes_layers_and_points_at_their_fields(browser, write):
    pixels = np.arange(48.0).reshape(6, 8)
    browser.open(write(pixels, "-k", "1 2 1", "--padding", "valid", name="a.npy"))
    enter = "(each.value = %s, each.dispatchEvent(new Event('change')))"
    texts = "textarea[aria-label='Layers']"
    assert browser.element(".layers", "each.hidden")
    browser.element(texts, enter % json.dumps("abs\n\n maxpool 2 \nconv -k '1 1'"))
    browser.settle()
    chain = convcli.Chain(["conv -k '1 2 1' --padding valid", "abs", "maxpool 2", "conv -k '1 1'"])
    names = [stage(browser, number, "each.querySelector('h3').textContent") for number in (2, 3, 4)]
    assert names == ["2. abs: 6x6", "3. maxpool 2x2: 3x3", "4. conv 1 1: 3x3"]
    line = "each.querySelector('.place').textContent"
    assert stage(browser, 3, line) == "values 40 to 184"
    browser.element(".layers", "each.scrollIntoView()")
    browser.mouse("mouseMoved", *point(browser, 4, (3, 3), (1, 0)))
    browser.settle()
    explanation = chain.explain(pixels, (1, 0))
    field = str(explanation).split("field")[1].split(" of the")[0].strip()
    assert stage(browser, 4, line) == f"row 1, column 0: {explanation.value:g}\nfield {field}"
    assert text_of(browser) == str(explanation)
    browser.element("canvas.grid", "each.scrollIntoView()")
    browser.mouse("mouseMoved", *point(browser, 0, (6, 8), (3, 4)))
    browser.settle()
    assert [stage(browser, number, line) for number in (2, 3, 4)] == [
        "feeds 3 outputs", "feeds 2 outputs", "feeds 3 outputs",
    ]  # fmt: skip
    browser.element(".layers", "each.scrollIntoView()")
    browser.click(*point(browser, 4, (3, 3), (1, 0)))
    browser.mouse("mouseMoved", *point(browser, 3, (3, 3), (0, 0)))
    assert "(pinned)" in stage(browser, 4, line), "a pinned value stays"
    browser.press("ArrowRight")
    assert stage(browser, 4, line).startswith("row 1, column 1: ")
    assert text_of(browser) == str(chain.explain(pixels, (1, 1)))
    browser.press("Escape")
    assert stage(browser, 4, line).startswith("values ")
    at = json.loads(browser.run("convcli.state()"))["at"]
    assert text_of(browser) == explained(pixels, "1 2 1", at, padding="valid")
    browser.element(texts, enter % json.dumps("maxpool 7"))
    browser.settle()
    said = "layer 2 (maxpool 7x7): window 7x7 exceeds the 6x6 input"
    assert browser.element(".problem", "each.textContent") == said
    assert browser.element(texts, "each.value") == "abs\nmaxpool 2\nconv -k '1 1'"
    state = browser.run("convcli.state()")
    browser.element(texts, enter % "''")
    browser.settle()
    assert browser.element(".layers", "each.hidden")
    browser.run(f"convcli.set({state})")
    assert browser.run("convcli.map().shape") == [3, 3, 1]


def test_a_map_of_a_layer_is_chosen(browser, write):
    pixels = pixels_of("color")
    browser.open(write(pixels, "-k", "1", "--layer", "maxpool 7", "--padding", "0"))
    choose = "(each.querySelector('select').value = 2, " + (
        "each.querySelector('select').dispatchEvent(new Event('change')))"
    )
    stage(browser, 2, choose)
    browser.element(".layers", "each.scrollIntoView()")
    browser.mouse("mouseMoved", *point(browser, 2, (2, 1), (1, 0)))
    browser.settle()
    largest = pixels[7:, :7, 2].max()
    text = stage(browser, 2, "each.querySelector('.place').textContent")
    assert text == f"row 1, column 0: {largest}\nfield rows 7 to 13, columns 0 to 6"


@pytest.mark.parametrize("name", ["toy-explore"])
def test_the_figure_of_the_page_is_current(browser, name, tmp_path, alike):
    """GOLDEN=write draws it, in a browser with DejaVu Sans."""
    listed = subprocess.run(["fc-list", ":", "family"], capture_output=True, text=True, check=True)
    if "DejaVu Sans Mono" not in listed.stdout:
        pytest.skip("the font DejaVu Sans is not installed here")
    made = Path(__file__).parents[3] / "sample_images" / "made"
    browser.open(made / f"{name}.html")
    # Wait for the line that is read aloud.
    browser.run("new Promise((done) => setTimeout(done, 600))")
    browser.screenshot(tmp_path / "page.png")
    alike(tmp_path / "page.png", made / f"{name}.png")


RESIZED = """new Promise((done) => {
  const canvas = document.querySelector('[data-convcli-page]').shadowRoot.querySelector('.grid');
  new ResizeObserver(() => {
    const copy = document.createElement('canvas');
    copy.getContext('2d').drawImage(canvas, -canvas.width / 2, -canvas.height / 2);
    done(copy.getContext('2d').getImageData(0, 0, 1, 1).data[3]);
  }).observe(canvas);
  canvas.style.height = '150px';
})"""


def test_a_canvas_of_another_size_is_drawn_at_once(browser, write):
    """Printing resizes canvases, and prints them without a frame in between."""
    browser.open(write(pixels_of("gray"), "-k", "sobel"))
    assert browser.run(RESIZED) == 255


EDGES = """(() => {
  const lenses = document.querySelector('[data-convcli-page]').shadowRoot
    .querySelectorAll('.lens:not([hidden])');
  return Array.from(lenses, (lens) => {
    const copy = document.createElement('canvas');
    copy.height = lens.height;
    copy.getContext('2d').drawImage(lens, -lens.width / 2 - 8, 0);
    const { data } = copy.getContext('2d').getImageData(0, 0, 1, lens.height);
    const isEdge = (y) => data[4 * y] === 217 && data[4 * y + 1] === 72 && data[4 * y + 2] === 15;
    return Array.from({ length: lens.height }, (_, y) => isEdge(y) && !isEdge(y - 1))
      .filter(Boolean).length;
  });
})()"""


@pytest.mark.parametrize(
    ("shape", "size"),
    [((200, 200), (1280, 800)), ((200, 200, 3), (1280, 800)), ((200, 200, 3), (3840, 2160))],
)
def test_magnifiers_show_a_window_of_three_rows_whole(browser, write, shape, size):
    """Its upper and its lower edge, and those of the value in the map, are seen."""
    browser.resize(*size)
    browser.open(write(np.zeros(shape, np.uint8), "-k", "blur", "--border", "edge"))
    assert browser.run(EDGES) == [2, 2]


IN_VIEW = """(() => {
  const shadow = document.querySelector('[data-convcli-page]').shadowRoot;
  const boxes = ['.problem', '.formula'].map((each) =>
    shadow.querySelector(each).getBoundingClientRect());
  return boxes.every((box) => box.height > 0 && box.top >= 0 && box.bottom <= innerHeight / 2);
})()"""
COVERED = """(() => {
  const shadow = document.querySelector('[data-convcli-page]').shadowRoot;
  const bar = shadow.querySelector('.formula');
  return Array.from(shadow.querySelectorAll('input, select, textarea, button, canvas, pre'))
    .filter((each) => each.getClientRects().length > 0)
    .toReversed()
    .filter((each) => {
      each.focus();
      const bottom = bar.getBoundingClientRect().bottom;
      return shadow.activeElement === each && each.getBoundingClientRect().top < bottom;
    })
    .map((each) => each.ariaLabel ?? each.textContent);
})()"""


@pytest.mark.parametrize("size", [(1280, 800), (390, 844), (320, 640)])
def test_what_is_refused_is_in_view_with_the_formula(browser, write, size):
    """Wherever the page is scrolled to; and what has the focus is not below it."""
    browser.resize(*size)
    browser.open(write(pixels_of("gray"), "-k", "sobel"))
    for label, text in [("Anchor", "9,9"), ("Layers", "nope 3"), ("State", "garbage")]:
        enter = f"(each.focus(), each.value = '{text}', each.dispatchEvent(new Event('change')))"
        browser.element(f"[aria-label='{label}']", enter)
        browser.settle()
        assert browser.run(IN_VIEW), label
    assert browser.run(COVERED) == []


def test_a_long_kernel_has_a_short_name_and_all_its_cells(browser, write):
    pixels = np.arange(48.0).reshape(6, 8)
    spec = "; ".join(["0 -1 " * 7 + "1"] * 15)
    browser.open(write(pixels, "-k", "1", name="a.npy"))
    browser.run(f"convcli.set({{ kernel: {json.dumps(spec)} }})")
    browser.settle()
    assert browser.element("h1", "each.textContent") == f"{short_name(spec)} over a.npy"
    assert text_of(browser) == explained(pixels, spec, (3, 4))
    assert browser.element(".cells", "each.scrollWidth <= each.clientWidth")


CUT = """(() => {
  const shadow = document.querySelector('[data-convcli-page]').shadowRoot;
  const faults = [];
  const width = document.documentElement.clientWidth;
  for (const each of shadow.querySelectorAll('header *, .page *')) {
    const box = each.getBoundingClientRect();
    if (box.width === 0 || each.closest('pre, .cells, select')) continue;
    if (box.right > width + 0.5 || box.left < -0.5) faults.push(`${each.className} is outside`);
    if (['SPAN', 'SMALL', 'BUTTON', 'H1', 'H2', 'P'].includes(each.tagName) &&
        each.scrollWidth > each.clientWidth + 1 && getComputedStyle(each).display !== 'inline') {
      faults.push(`${each.textContent} is cut`);
    }
  }
  const tags = 'span, small, input, select, button, canvas, h1, h2, p, pre';
  const leaves = Array.from(shadow.querySelectorAll(tags))
    .filter((each) => each.getBoundingClientRect().width > 0 && !each.closest('.cells'));
  leaves.forEach((one, number) => {
    const a = one.getBoundingClientRect();
    for (const other of leaves.slice(number + 1)) {
      const b = other.getBoundingClientRect();
      const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      if (across > 1 && down > 1 && !one.contains(other)) {
        const [first, second] = [one, other].map((each) => `${each.tagName} ${each.textContent}`);
        faults.push(`${first} overlaps ${second}`);
      }
    }
  });
  return faults;
})()"""


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize(
    "size", [(1280, 800), (3840, 2160), (1000, 700), (768, 1024), (390, 844), (320, 640)]
)
def test_nothing_is_cut_or_overlaps(browser, write, size, dark):
    browser.resize(*size, dark=dark)
    options = ["--border", "constant", "--fill", "7", "--layer", "maxpool 3 --stride 2 --padding 1"]
    browser.open(write(pixels_of("color"), "-k", "sobel", *options, "--layer", "normalize"))
    browser.run("convcli.set({ range: 'percentile' })")
    browser.element(".program", "each.open = true")
    browser.settle()
    assert browser.run(CUT) == []
    parts = (
        "Array.from(each.querySelectorAll('span > span'), (part) => part.getClientRects().length)"
    )
    assert set(browser.element(".formula", parts)) == {1}, "a part of the formula is broken"
    browser.call("Emulation.setEmulatedMedia", media="print")
    seen = browser.element(".stages h3", "each.getClientRects().length")
    browser.call("Emulation.setEmulatedMedia", media="")
    assert seen == 1, "a layer has its name in print"
