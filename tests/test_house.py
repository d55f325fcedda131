"""The rooms: imports point down, libraries stay in their rooms, nothing heavy loads early."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import convcli

ROOT = Path(__file__).parents[1]
PACKAGE = Path(convcli.__file__).parent
FLOORS = [
    "errors",
    "choices",
    "atomic",
    "figure_options",
    "samples",
    "html",
    "geometry",
    "conventions",
    "signals",
    "npy",
    "core",
    "kernels",
    "images",
    "layers",
    "filtering",
    "frames",
    "plotting",
    "teaching",
    "batch",
    "api",
    "cli",
]
ABOVE_ALL = {"__init__", "__main__"}
NO_NUMPY = {
    *(
        "errors",
        "choices",
        "atomic",
        "figure_options",
        "samples",
        "html",
        "geometry",
        "conventions",
    ),
    "signals",
    *("batch", "cli"),
}
NUMPY_ROOMS = set(FLOORS) - NO_NUMPY
DRAWING = ("figure.py", "scene.py", "sheet.py")  # may use matplotlib in teaching/
MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def imported(path):
    """Every module named by an import anywhere in a file."""
    names = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names.append(node.module)
    return names


def may_import(path, library):
    """Tell whether a library is at home in this file."""
    room = room_of(path)
    if library == "numpy":
        return room in NUMPY_ROOMS
    if library == "PIL":
        return room == "images"
    if library == "click":
        return room == "cli"
    if library == "matplotlib":
        return room == "plotting" or (room == "teaching" and path.name.endswith(DRAWING))
    if library == "h5py":
        return path == PACKAGE / "kernels" / "models" / "hdf5.py"
    if library == "xlsxwriter":
        return path == PACKAGE / "plotting" / "spreadsheet.py"
    return True


def test_a_room_imports_only_rooms_below_it():
    for path in MODULES:
        room = room_of(path)
        if room in ABOVE_ALL:
            continue
        for name in imported(path):
            first, _, rest = name.partition(".")
            if first == "convcli" and rest:
                other = rest.split(".")[0]
                assert FLOORS.index(other) <= FLOORS.index(room), f"{path} imports {name}"


def test_no_two_modules_import_each_other():
    """Neither directly nor in a circle, not even for types."""
    names = {
        ".".join(("convcli", *path.relative_to(PACKAGE).with_suffix("").parts)): path
        for path in MODULES
    }
    arrows = {name: {to for to in imported(path) if to in names} for name, path in names.items()}
    while free := {name for name, to in arrows.items() if not to}:
        arrows = {name: to - free for name, to in arrows.items() if name not in free}
    assert not arrows


def test_libraries_stay_in_their_rooms():
    for path in MODULES:
        for name in imported(path):
            assert may_import(path, name.split(".")[0]), f"{path} imports {name}"


def test_pyplot_is_imported_where_windows_open_and_nowhere_else():
    users = [path for path in MODULES if "matplotlib.pyplot" in imported(path)]
    assert users == [PACKAGE / "plotting" / "save.py"]


def test_what_lies_lowest_needs_no_library():
    assert set(imported(PACKAGE / "errors.py")) == {"collections.abc", "contextlib", "enum", "os"}
    assert set(imported(PACKAGE / "choices.py")) == {"typing"}
    standard = set(sys.stdlib_module_names) | {"convcli"}
    assert {name.split(".")[0] for name in imported(PACKAGE / "geometry.py")} <= standard


def test_no_module_shadows_a_public_name():
    stems = {path.stem for path in PACKAGE.iterdir() if path.name != "__pycache__"}
    assert stems.isdisjoint(convcli.__all__)


def test_every_public_name_is_there_and_documented():
    for name in convcli.__all__:
        assert getattr(convcli, name).__doc__
        assert "{" not in getattr(convcli, name).__doc__, "shared arguments are missing"
    assert dir(convcli) == convcli.__all__
    assert "skimage.filters call ``symmetric`` reflect" in convcli.cross_correlate.__doc__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = convcli.nothing


def test_help_lists_the_attributes_of_every_result():
    for name in convcli.__all__:
        public = getattr(convcli, name)
        fields = getattr(public, "__match_args__", ())  # of dataclasses and named tuples
        for field in fields:
            assert re.search(rf"^ {{8}}{field}: ", public.__doc__, re.MULTILINE), (name, field)


HEAVY = {"numpy", "PIL", "matplotlib"}


def modules_loaded_by(code):
    """The modules loaded after running some code in a fresh interpreter."""
    script = f"import sys\n{code}\nprint('\\n'.join(sys.modules), file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    return set(done.stderr.split())


def loaded_by(code):
    """Their top-level packages."""
    return {name.split(".")[0] for name in modules_loaded_by(code)}


def running(*arguments):
    return (
        "from convcli.cli.main import root\n"
        f"try: root.main({list(arguments)!r}, prog_name='convcli')\n"
        "except SystemExit as end: assert end.code == 0, end.code"
    )


LIGHT = [
    ["--help"],
    ["--version"],
    ["size", "--n", "5", "--k", "3"],
    ["size", "--n", "5", "--k", "3", "--explain"],
    ["size", "--help"],
    ["apply", "--help"],
    ["explain", "--help"],
    ["explore", "--help"],
    ["animate", "--help"],
    ["compare", "--help"],
    ["chain", "--help"],
    ["chain", "conv", "--help"],
    ["learn", "--help"],
    ["pad", "--help"],
    ["kernels", "--help"],
    ["kernels", "list"],
    ["kernels", "list", "--json"],
    ["samples"],
    ["samples", "--json"],
]


@pytest.mark.processes
def test_filtering_loads_no_masked_arrays():
    code = (
        "import sys, numpy as np; from convcli import cross_correlate\n"
        "image, kernel = np.ones((99, 99), 'f4'), np.arange(49.0).reshape(7, 7)\n"
        "for method in ('auto', 'direct', 'toeplitz', 'fft'):\n"
        "    cross_correlate(image, kernel, stride=2, method=method)\n"
        "sys.exit('numpy.ma' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.processes
def test_light_commands_load_nothing_heavy():
    """Not even all of them, one after another in one interpreter."""
    assert HEAVY.isdisjoint(loaded_by("\n".join(running(*arguments) for arguments in LIGHT)))


@pytest.mark.processes
@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("import convcli", set()),
        ("from convcli import output_size, ConvcliError; output_size(5, 3)", set()),
        ("from convcli import cross_correlate, convolve", {"numpy"}),
        ("from convcli import list_kernels; list_kernels()", set()),
        ("from convcli import pool; pool([[1]], 1)", {"numpy"}),
        ("from convcli import pad; pad([[1]], 1)", {"numpy"}),
        ("from convcli import read_image; read_image('@letter-h')", {"numpy", "PIL"}),
        ("from convcli import Kernel, get_kernel; get_kernel('gaussian:5')", {"numpy"}),
        ("from convcli import explain; explain([[1]], [[1]], (0, 0))", {"numpy"}),
        (running("kernels", "show", "sobel"), {"numpy"}),
        (running("explain", "-k", "blur", "--at", "0,0", "sample_images/letter-h.txt"),
         {"numpy", "PIL"}),
        (running("explore", "-k", "blur", "sample_images/letter-h.txt", "-o", "-"),
         {"numpy", "PIL"}),
        (running("chain", "sample_images/letter-h.txt", "conv", "-k", "blur", "-o", "-"),
         {"numpy", "PIL"}),
        ("from convcli import learn_kernel; learn_kernel([[1, 2]], [[3, 6]], 1)", {"numpy"}),
        (running("learn", *["sample_images/letter-h.txt"] * 2, "--size", "1"), {"numpy", "PIL"}),
        (running("apply", "-k", "outline", "sample_images/rocket.jpg", "--dry-run"),
         {"numpy", "PIL"}),
        (running("apply", "-k", "outline", "sample_images/letter-h.txt", "-o", "-"),
         {"numpy", "PIL"}),
    ],
)  # fmt: skip
def test_nothing_loads_before_it_is_used(code, allowed):
    assert loaded_by(code) & (HEAVY | {"scipy", "cv2", "torch"}) <= allowed


ALWAYS = {
    *("batch", "choices", "cli", "conventions", "errors", "figure_options", "geometry", "images"),
    *("samples", "signals"),
}
FILTERS = ALWAYS | {"atomic", "core", "filtering", "kernels", "npy"}
TEACHES = FILTERS | {"teaching"}


@pytest.mark.processes
@pytest.mark.parametrize(
    ("arguments", "rooms"),
    [
        (["size", "--n", "5", "--k", "3"], ALWAYS),
        (["samples"], ALWAYS),
        (["manual"], ALWAYS - {"batch", "conventions", "figure_options"}),
        (["kernels", "list"], ALWAYS | {"kernels"}),
        (["kernels", "show", "sobel"], TEACHES - {"filtering"}),
        (["apply", "-k", "outline", "@camera", "-o", "out.png"], FILTERS | {"frames"}),
        (["apply", "-k", "outline", "@letter-h", "-o", "-"], FILTERS | {"frames"}),
        (["explain", "-k", "blur", "--at", "0,0", "@letter-h"], TEACHES | {"layers"}),
        (["explore", "-k", "blur", "@letter-h", "-o", "-"], TEACHES | {"layers"}),
        (["chain", "@letter-h", "conv", "-k", "blur", "-o", "-"], TEACHES | {"layers"}),
        (["learn", "@letter-h", "@letter-h", "--size", "1"], TEACHES),
        (["pad", "--padding", "1", "@letter-h"], FILTERS),
        (["compare", "-k", "blur", "@letter-h", "--vary", "border", "-o", "out.png"],
         TEACHES | {"plotting"}),
        (["animate", "-k", "blur", "@letter-h", "--step", "99", "-o", "out.gif"],
         TEACHES | {"plotting", "layers"}),
    ],
)  # fmt: skip
def test_a_command_loads_the_rooms_that_it_uses(arguments, rooms, tmp_path):
    code = f"import os; os.chdir({str(tmp_path)!r})\n{running(*arguments)}"
    names = [name.split(".") for name in modules_loaded_by(code)]
    assert {parts[1] for parts in names if parts[0] == "convcli" and parts[1:]} == rooms


@pytest.mark.processes
@pytest.mark.parametrize("arguments", [["apply", "--help"], ["apply", "-h"], ["size", "--help"]])
def test_the_program_shows_help_without_numpy(arguments):
    command = [sys.executable, "-X", "importtime", "-m", "convcli", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "click" in done.stderr
    assert "numpy" not in done.stderr


UNUSED = {
    *("csv", "dataclasses", "glob", "json", "multiprocessing", "pathlib"),
    *(f"convcli.images.{name}" for name in ("animated_webp", "animation", "apng", "arrays", "gif")),
    *("convcli.images.frame_changes", "convcli.images.frame_spool", "convcli.images.tiff_pages"),
    *("convcli.batch.executors.process_pool", "convcli.batch.executors.worker"),
    *("convcli.batch.executors.ordered", "convcli.batch.summary_files", "convcli.kernels.files"),
}


@pytest.mark.processes
@pytest.mark.parametrize(
    ("name", "output", "plugin"), [("@camera", "out.png", "Png"), ("@rocket", "out.jpg", "Jpeg")]
)
def test_apply_loads_the_plugin_of_its_input_and_nothing_for_other_formats(
    name, output, plugin, tmp_path
):
    arguments = ["apply", "-k", "outline", name, "-o", str(tmp_path / output)]
    names = modules_loaded_by(running(*arguments))
    assert [name for name in names if name.endswith("Plugin")] == [f"PIL.{plugin}ImagePlugin"]
    assert not names & UNUSED


@pytest.mark.slow
def test_the_fast_run_covers_every_room_and_the_whole_run_more():
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-n0", "tests"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    *tests, summary = done.stdout.splitlines()
    fast, whole = map(int, re.match(r"(\d+)/(\d+) tests collected", summary).groups())
    assert 0 < fast < whole
    rooms = {path.name for path in PACKAGE.iterdir() if any(path.glob("*.py"))}
    assert rooms <= {name.split("/")[1] for name in tests if name.startswith("tests/")}
