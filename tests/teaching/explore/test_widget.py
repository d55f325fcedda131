"""The page as a widget: what comes back to Python, what goes to the page, and what is refused."""

import json
import subprocess
import sys

import numpy as np
import pytest
from ipywidgets import Widget
from PIL import Image
from traitlets import TraitError

from convcli import ConvcliError, Kernel, UsageError, cross_correlate, explain, explore, get_filter
from tests.teaching.explore.test_browser import button_of, point

IMAGE = np.arange(48, dtype=np.uint8).reshape(6, 8)


class Messages:
    """A comm that keeps what a widget sends, and hands it what the page's model sends."""

    comm_id = "0"

    def __init__(self, widget):
        self.sent = []
        widget.comm = self

    def on_msg(self, callback):
        self.callback = callback

    def from_page(self, **state):
        message = {"content": {"data": {"method": "update", "state": state}}, "buffers": []}
        self.callback(message)

    def send(self, data, buffers=()):
        assert not buffers
        self.sent.append((data["method"], json.loads(json.dumps(data["state"]))))

    @property
    def updates(self):
        return [state for method, state in self.sent if method == "update"]

    def close(self, *_):
        pass


def lesson_of(image=IMAGE, kernel="sobel-x", **options):
    """A widget whose comm is a :class:`Messages`."""
    lesson = explore(image, kernel, widget=True, **options)
    Messages(lesson)
    return lesson


def page_settings(widget, **changes):
    return dict(widget.get_state("settings")["settings"], **changes)


def test_arguments_are_the_start():
    lesson = lesson_of(
        [1, 2, 3, 4], [1, -1], padding=(0, 1), border="replicate", stride=np.int64(2), at=1,
        layers="relu | maxpool 2x1", divisor=2, range="percentile", percentile=(5, 90),
    )  # fmt: skip
    assert lesson.settings == {
        "operation": "correlate", "padding": [0, 0, 0, 1], "border": "edge", "fill": 0,
        "stride": 2, "dilation": 1, "anchor": "before", "divisor": 2, "bias": None,
        "combine": None, "range": "percentile", "percentile": [5, 90],
        "layers": ["relu", "maxpool 2x1"],
    }  # fmt: skip
    assert lesson.at == (0, 1)
    assert (lesson.image.tolist(), lesson.kernel.tolist()) == ([[1, 2, 3, 4]], [[1, -1]])
    state = lesson.get_state()
    assert state["kernel"] == [[1, -1]]
    assert state["image"]["shape"] == [1, 4, 1]


def test_what_a_lesson_has_makes_the_same_page():
    lesson = lesson_of(border="constant", fill=3, kernel="sobel", combine="max", layers=["abs"])
    again = explore(lesson.image, lesson.kernel, at=lesson.at, **lesson.settings)
    settings = {"border": "constant", "fill": 3, "combine": "max", "layers": ["abs"]}
    assert again.html == explore(IMAGE, "sobel", **settings).html


@pytest.mark.parametrize(
    ("kernel", "sent"),
    [
        ([[1, 2]], [[1, 2]]),
        (np.ones((2, 1, 1, 2)), [[[[1, 1]]], [[[1, 1]]]]),
        ("gaussian:5, sigma=2", "gaussian:5, sigma=2"),
        ("sobel", "sobel"),
        (Kernel([[1, 2]], divisor=3, name="mine"), "mine"),
        (get_filter("scharr"), "scharr"),
        (["blur", Kernel([[1]], name="one")], "bank"),
    ],
)
def test_kernels_of_any_form_go_to_the_page_and_come_back(kernel, sent):
    lesson = lesson_of()
    lesson.kernel = kernel
    weights = [each.matrix.tolist() for each in lesson.kernels]
    data = lesson.get_state("kernel")["kernel"]
    assert (data["spec"] if isinstance(data, dict) else data) == sent
    lesson.comm.from_page(kernel="blur")
    assert lesson.kernel == "blur"
    lesson.comm.from_page(kernel=sent)
    same = np.array_equal if isinstance(sent, list) else lambda a, b: a is b or a == b
    assert same(lesson.kernel, kernel)
    assert [each.matrix.tolist() for each in lesson.kernels] == weights


def test_changes_of_the_page_reach_observers_and_are_not_sent_back():
    lesson = lesson_of()
    messages, seen = lesson.comm, []
    names = ["at", "kernel", "settings"]
    lesson.observe(lambda change: seen.append((change.name, change.new)), names)
    lesson.comm.from_page(at=[2, 3])
    lesson.comm.from_page(kernel="1 2; 3 4", settings=page_settings(lesson, padding=[1, 0, 2, 0]))
    lesson.comm.from_page(at=None)
    assert seen[0] == ("at", (2, 3))
    assert ("kernel", "1 2; 3 4") in seen[1:3]
    assert lesson.settings["padding"] == [1, 0, 2, 0]
    assert seen[3] == ("at", None)
    assert messages.updates == []
    assert np.array_equal(
        cross_correlate(IMAGE, lesson.kernel, padding=lesson.settings["padding"]),
        cross_correlate(IMAGE, [[1, 2], [3, 4]], padding=(1, 0, 2, 0)),
    )


@pytest.mark.parametrize("dtype", ["u1", "u2", "f8"])
@pytest.mark.parametrize("shape", [(3, 4), (3, 4, 3)])
def test_an_image_comes_back_as_it_went(dtype, shape):
    pixels = np.arange(np.prod(shape)).astype(dtype).reshape(shape)
    lesson, other = lesson_of(pixels), lesson_of()
    other.comm.from_page(**lesson.get_state("image"))
    assert other.image.dtype == dtype
    assert np.array_equal(other.image, pixels)


def test_changes_of_python_are_sent_at_once_and_whole():
    lesson = lesson_of()
    messages = lesson.comm
    lesson.set(kernel=[[1, 2, 1]], divisor=4, stride=2, at=(1, 2))
    [state] = messages.updates
    assert state["kernel"] == [[1, 2, 1]]
    assert (state["settings"]["divisor"], state["settings"]["stride"]) == (4, 2)
    assert state["at"] == [1, 2]
    lesson.set(kernel="blur")
    assert messages.updates[-1]["settings"]["divisor"] is None, "blur has its own"
    lesson.settings = {"layers": ["conv -k disk:7", "relu"]}
    [table] = messages.updates[-1]["settings"]["layerKernels"]
    assert table["spec"] == "disk:7"
    assert messages.updates[-1]["settings"]["stride"] == 1, "what is left out has its default"


def test_layers_that_were_typed_need_no_tables():
    lesson = lesson_of()
    messages = lesson.comm
    lesson.comm.from_page(settings=page_settings(lesson, layers=["conv -k gaussian:5,sigma=2"]))
    assert lesson.settings["layers"] == ["conv -k gaussian:5,sigma=2"]
    assert messages.updates == []


def test_a_pinned_position_stays_in_the_map():
    lesson = lesson_of(at=(5, 7))
    messages = lesson.comm
    lesson.settings = {"padding": "valid", "stride": 2}
    assert lesson.at == (1, 2)
    lesson.image = [[1, 2, 3], [3, 4, 5], [1, 1, 1]]
    assert lesson.at == (0, 0)
    assert messages.updates[-1]["at"] == [0, 0]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kernel": "no-such"}, "no kernel is named 'no-such'"),
        ({"kernel": np.ones((2, 3, 1, 1))}, "channels"),
        ({"kernel": [[1, "a"]]}, "a kernel's weights must be integers or reals"),
        ({"stride": 0}, "stride must be at least 1, not 0"),
        ({"kernel": "box:9", "padding": "valid"}, "exceeds the 8x6 input"),
        ({"fill": 3}, "fill needs border='constant'; give both"),
        ({"border": "constant", "fill": np.inf}, "the fill of a page must be a finite number"),
        ({"at": (6, 0)}, "position 6,0 is outside"),
        ({"at": 3}, "at must be two whole numbers"),
        ({"layers": ["maxpool 7"]}, "layer 2 (maxpool 7x7)"),
        ({"percentile": (9, 3)}, "percentile must be two numbers, from 0 to 100 and rising"),
        ({"image": "photo.png"}, "read the file first"),
        ({"image": np.zeros((0, 3))}, "image"),
        ({"image": Image.new("RGBA", (3, 3))}, "image.convert('RGB')"),
        ({"strides": 2}, "there is no setting strides; use operation, padding,"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(changes, said):
    lesson = lesson_of()
    before = lesson.get_state()
    messages = lesson.comm
    with pytest.raises(ConvcliError) as refused:
        lesson.set(**changes, operation="convolve")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert isinstance(refused.value, TraitError), "as traitlets expects of observers"
    assert lesson.get_state() == before
    assert messages.updates == []


@pytest.mark.parametrize(
    ("name", "value"), [("kernel", "no-such"), ("settings", {"stride": -1}), ("at", (9, 9))]
)
def test_assignments_are_refused_as_well(name, value):
    lesson = lesson_of()
    before = getattr(lesson, name)
    with pytest.raises(UsageError):
        setattr(lesson, name, value)
    assert getattr(lesson, name) == before


def test_without_the_extra_the_error_says_how_to_install_it():
    code = (
        "import sys; sys.modules['anywidget'] = None\n"
        "from convcli import explore, UsageError\n"
        "explore([[1]], [[1]])\n"
        "try: explore([[1]], [[1]], widget=True)\n"
        "except UsageError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "widget=True needs the extra: pip install 'convcli[jupyter]'\n"


@pytest.fixture(autouse=True)
def _closed_widgets():
    """Forget the widgets of a test, which ipywidgets keeps."""
    yield
    Widget.close_all()


# A model as anywidget gives it to a view, and a view of it.
DOCUMENT = """<!doctype html><meta charset="utf-8"><body><div id="cell"></div>
<script type="application/json" id="model">STATE</script>
<script type="module">
const state = JSON.parse(document.querySelector("#model").textContent);
const listeners = {};
window.saved = [];
let unsaved = {};
const model = {
  get: (name) => state[name],
  set: (name, value) => {
    unsaved[name] = state[name] = value;
    (listeners[`change:${name}`] ?? []).forEach((listener) => listener());
  },
  save_changes: () => { saved.push(JSON.parse(JSON.stringify(unsaved))); unsaved = {}; },
  on: (event, listener) => (listeners[event] ??= []).push(listener),
  off: (event, listener) => listeners[event].splice(listeners[event].indexOf(listener), 1),
};
// From Python: all values first, then their events, as Backbone has it.
window.receive = (changes) => {
  const changed = Object.keys(changes)
    .filter((name) => JSON.stringify(state[name]) !== JSON.stringify(changes[name]));
  Object.assign(state, changes);
  changed.forEach((name) =>
    (listeners[`change:${name}`] ?? []).forEach((listener) => listener()));
};
window.listening = () => Object.values(listeners).flat().length;
const url = URL.createObjectURL(new Blob([state._esm], { type: "text/javascript" }));
const { default: { render } } = await import(url);
window.end = render({ model, el: document.querySelector("#cell") });
window.again = (el) => render({ model, el });
document.querySelector("#cell > div").dataset.convcliPage = "";
window.convcli = {};
</script>"""


class Notebook:
    """A widget in Python and its view in a browser; messages go between them when asked to."""

    def __init__(self, browser, folder, lesson):
        self.browser, self.lesson = browser, lesson
        state = json.dumps(lesson.get_state()).replace("<", "\\u003c")
        path = folder / "widget.html"
        path.write_text(DOCUMENT.replace("STATE", state), encoding="utf-8")
        browser.open(path)
        self.messages = lesson.comm

    def to_python(self):
        """Hand over what the page has saved; return it."""
        self.browser.settle()
        saved = self.browser.run("saved.splice(0)")
        for state in saved:
            self.lesson.comm.from_page(**state)
        return saved

    def to_page(self):
        """Hand over what Python has sent."""
        for state in self.messages.updates:
            self.browser.run(f"receive({json.dumps(state)})")
        self.messages.sent.clear()
        self.browser.settle()

    @property
    def text(self):
        self.browser.settle()
        return self.browser.element("pre", "each.textContent")

    def enter(self, label, text):
        """Type into the field of a label."""
        self.browser.element(
            f"[aria-label={json.dumps(label)}]",
            f"(each.value = {json.dumps(text)}, each.dispatchEvent(new Event('change')), 0)",
        )


@pytest.fixture
def notebook(browser, tmp_path):
    return lambda *arguments, **options: Notebook(
        browser, tmp_path, lesson_of(*arguments, **options)
    )


@pytest.mark.slow
@pytest.mark.processes
def test_the_page_follows_python_and_python_the_page(notebook, browser):
    cell = notebook(IMAGE, Kernel([[1, 2], [3, 4]], divisor=3, name="mine"), padding="valid")
    lesson = cell.lesson

    def explained(at):
        settings = {name: lesson.settings[name] for name in ("padding", "stride", "divisor")}
        return str(explain(lesson.image, lesson.kernel, at, **settings))

    assert cell.to_python() == []
    assert lesson.at is None
    # A person pins, frees, and changes weights.
    browser.mouse("mouseMoved", *point(browser, 1, (5, 7), (2, 3)))
    assert cell.to_python() == [], "only what is pinned comes back"
    browser.click(*point(browser, 1, (5, 7), (2, 3)))
    assert cell.to_python() == [{"at": [2, 3]}]
    assert lesson.at == (2, 3)
    assert cell.text == explained((2, 3))
    cell.enter("SPEC", "1 2 1")
    assert [list(each) for each in cell.to_python()] == [["kernel"]]
    assert lesson.kernel == "1 2 1"
    browser.run(f"{button_of('Negate')}.click()")
    cell.to_python()
    assert [kernel.matrix.tolist() for kernel in lesson.kernels] == [[[-1, -2, -1]]]
    assert cell.messages.updates == [], "nothing echoes"
    # Python changes all at once, and what the page cannot compute by itself.
    lesson.set(kernel="binomial:2", stride=2, padding="same", at=(1, 2))
    cell.to_page()
    assert cell.to_python() == []
    assert cell.text == explained((1, 2))
    lesson.kernel = Kernel([[1, 2], [3, 5]], divisor=3, name="mine")
    cell.to_page()
    assert cell.text == explained((1, 2))
    assert cell.to_python() == []
    lesson.set(image=np.array([[1.5, 2, 3], [3, 4, 5]]))
    assert lesson.at == (0, 1)
    cell.to_page()
    assert cell.text == explained((0, 1))
    lesson.at = None
    cell.to_page()
    browser.mouse("mouseMoved", *point(browser, 1, (1, 2), (0, 0)))
    assert cell.text == explained((0, 0))
    assert cell.to_python() == []
    # A person paints, which gives Python the pixels.
    browser.run(
        "((shadow) => { shadow.querySelector('.tools input[type=checkbox]').click(); })"
        "(document.querySelector('[data-convcli-page]').shadowRoot)"
    )
    cell.enter("Value to paint with", "7")
    browser.click(*point(browser, 0, (3, 4), (0, 1)))
    assert [list(each) for each in cell.to_python()] == [["image"]]
    assert lesson.image.tolist() == [[1.5, 7, 3], [3, 4, 5]]
    assert browser.run("end() ?? listening()") == 0


@pytest.mark.slow
@pytest.mark.processes
def test_a_widget_begins_with_what_the_model_has(notebook, browser):
    layers = ["conv -k binomial:3", "maxpool 2"]
    cell = notebook(at=(1, 2), layers=layers, bias=1, border="constant", fill=2)
    options = {"bias": 1, "border": "constant", "fill": 2}
    assert cell.text == str(explain(IMAGE, "sobel-x", (1, 2), **options))
    assert browser.element(".stages", "each.children.length") == 2
    assert cell.to_python() == []
    # What the page refuses, the model takes back.
    browser.run("receive({kernel: 'nothing'})")
    browser.settle()
    assert "no kernel is named" in browser.element(".problem", "each.textContent")
    assert [each["kernel"] for each in cell.to_python()] == ["sobel-x"]
    # A second view in the same document shows the same, and follows.
    browser.run("again(document.body.appendChild(document.createElement('div')))")
    cell.enter("SPEC", "1 2")
    browser.settle()
    second = "document.querySelector('body > div:last-of-type > div').shadowRoot"
    assert browser.run(f"{second}.querySelector('pre').textContent") == cell.text
    assert cell.text.startswith("1 2 at row 1, column 2 ")
