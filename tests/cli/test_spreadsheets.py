"""``-o lesson.xlsx`` of apply and explain: which files are written, and what is refused."""

import subprocess
import sys
import zipfile

import numpy as np
import pytest

pytest.importorskip("xlsxwriter")


@pytest.fixture
def explain(convcli):
    return lambda *arguments, **extra: convcli("explain", *arguments, **extra)


@pytest.fixture
def small(save, rng):
    """A photo small enough for a spreadsheet."""
    return save("small.png", rng.integers(0, 256, (6, 8, 3), np.uint8))


def sheets(path):
    with zipfile.ZipFile(path) as archive:
        return archive.read("xl/workbook.xml").decode().count("<sheet ")


def test_apply_and_explain_write_one(apply, explain, here, small):
    assert apply("-k", "blur", "small.png", "-o", "lesson.xlsx").names == ["lesson.xlsx"]
    assert sheets("lesson.xlsx") == 10
    ran = explain("-k", "blur", "--at", "1,2", "small.png", "-o", "marked.XLSX")
    assert (ran.code, ran.names, ran.err) == (0, ["marked.XLSX"], "")
    assert sheets("marked.XLSX") == 10


def test_names_formats_and_streams_are_those_of_images(apply, here, small):
    flags = ["-k", "blur", "-k", "sharpen", "small.png", "--format", "xlsx"]
    assert apply(*flags).names == ["small_blur.xlsx", "small_sharpen.xlsx"]
    named = apply("-k", "blur", "small.png", "--out-dir", "out", "--name", "{stem}-{index}.xlsx")
    assert named.names == ["out/small-1.xlsx"]
    printed = apply("-k", "blur", "small.png", "-o", "-", "--format", "xlsx").out
    assert printed == (here / "small_blur.xlsx").read_bytes()
    assert apply("-k", "1 2 1", "--matrix", "1 2 3", "-o", "typed.xlsx").code == 0


def test_a_figure_and_an_array_can_stand_beside_it(apply, here, small):
    flags = ["--plot", "figure.svg", "--stack", "maps.npy"]
    ran = apply("-k", "blur", "small.png", "-o", "lesson.xlsx", *flags)
    assert set(ran.names) == {"lesson.xlsx", "figure.svg", "maps.npy"}


def test_a_bank_gives_one_for_each_filter(apply, explain, here, small, rng):
    np.save("bank.npy", rng.normal(size=(2, 3, 2, 2)))
    ran = apply("-k", "bank.npy", "small.png", "--format", "xlsx", "--range", "raw")
    assert ran.names == ["small_bank-1.xlsx", "small_bank-2.xlsx"]
    flags = ["-k", "bank.npy", "--filter", "2", "--activation", "relu", "--range", "raw"]
    assert explain(*flags, "--at", "0,0", "small.png", "-o", "second.xlsx").code == 0
    assert sheets("second.xlsx") == 3 + 3 + 3 + 1


@pytest.mark.parametrize("command", ["apply", "explain"])
def test_existing_files_are_kept(convcli, here, small, command):
    (here / "lesson.xlsx").write_text("mine")
    flags = [command, "-k", "blur", "small.png", "-o", "lesson.xlsx"]
    flags += ["--at", "0,0"] * (command == "explain")
    convcli(*flags).fails(2, "lesson.xlsx: exists already")
    assert (here / "lesson.xlsx").read_text() == "mine"
    if command == "apply":
        assert convcli(*flags, "--skip-existing").code == 0
        assert (here / "lesson.xlsx").read_text() == "mine"
    assert convcli(*flags, "--overwrite").code == 0
    assert sheets("lesson.xlsx") == 10


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["-k", "sobel"], "sobel joins the maps of 2"),
        (["-k", "blur", "-k", "box:3", "--combine", "max"], "shows one kernel"),
        (["-k", "blur", "--range", "rescale"], "shows no --range rescale"),
        (["-k", "blur", "--range", "percentile"], "shows no --range percentile"),
    ],
)
def test_what_it_cannot_show_is_refused_before_anything_is_read(apply, explain, here, flags, said):
    apply(*flags, "missing.png", "-o", "lesson.xlsx").fails(2, said)
    explain(*flags, "--at", "0,0", "missing.png", "-o", "lesson.xlsx").fails(2, said)
    assert not list(here.iterdir())


def test_directions_and_frames_are_refused(apply, here):
    flags = ["missing.png", "-o", "lesson.xlsx"]
    apply("-k", "sobel", "--combine", "direction", *flags).fails(2, "shows one kernel")
    apply("-k", "blur", "--frames", "all", *flags).fails(2, "leave out --frames all")


@pytest.mark.parametrize("command", [["apply"], ["explain", "--at", "0,0"]])
def test_a_large_image_leaves_no_file(convcli, here, save, command):
    save("wide.png", np.zeros((9, 65), np.uint8))
    flags = [*command, "-k", "blur", "wide.png", "-o", "lesson.xlsx"]
    said = "wide.png: image has 65x9 pixels, and a spreadsheet shows at most 64x64"
    convcli(*flags).fails(1, said)
    assert not (here / "lesson.xlsx").exists()
    assert convcli(*flags, "--resize", "64x8").code == 0


def test_alpha_is_left_out_with_a_note(apply, here, save, rng):
    save("alpha.png", rng.integers(0, 256, (4, 4, 4), np.uint8))
    ran = apply("-k", "blur", "alpha.png", "-o", "lesson.xlsx")
    assert "alpha left out: .xlsx holds none" in ran.err
    flags = ["--alpha", "premultiply", "--overwrite"]
    ran = apply("-k", "blur", "alpha.png", "-o", "lesson.xlsx", *flags)
    ran.fails(1, "alpha.png: a spreadsheet shows no --alpha premultiply; use keep or drop")


def test_commands_that_write_none_say_which_do(convcli, here, small):
    ran = convcli("chain", "small.png", "relu", "-o", "lesson.xlsx")
    ran.fails(2, "cannot write .xlsx files; apply and explain write spreadsheets")
    ran = convcli("chain", "small.png", "relu", "--format", "xlsx")
    ran.fails(2, "apply and explain write spreadsheets")


@pytest.mark.processes
@pytest.mark.parametrize("command", [["apply"], ["explain", "--at", "0,0"]])
def test_without_the_extra_it_is_named(command, here):
    code = (
        "import sys; sys.modules['xlsxwriter'] = None; from convcli.cli.main import main;"
        "sys.argv = ['convcli', *sys.argv[1:]]; main()"
    )
    arguments = [*command, "-k", "blur", "missing.png", "-o", "lesson.xlsx"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert done.stderr == "Error: .xlsx needs the extra: pip install 'convcli[xlsx]'\n"
