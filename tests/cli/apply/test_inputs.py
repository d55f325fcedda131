"""Which files are taken: folders, patterns, lists, and odd names."""

import os
from pathlib import Path

import numpy as np
import pytest


def ok(ran):
    assert (ran.code, ran.errors) == (0, []), ran
    return ran


# Folders, patterns, lists


def test_a_folder_is_its_images_in_order(apply, tree):
    ran = ok(apply("-k", "blur", "in", "--out-dir", "out"))
    assert ran.names == ["out/a_blur.png", "out/b_blur.jpg"]


def test_a_folder_and_those_inside_are_mirrored(apply, tree):
    ran = ok(apply("-k", "blur", "in", "--recursive", "--out-dir", "out"))
    assert ran.names == [
        "out/a_blur.png",
        "out/b_blur.jpg",
        "out/sub/a_blur.png",
        "out/sub/deep/c_blur.tif",
    ]
    assert all(Path(name).exists() for name in ran.names)


def test_a_pattern_is_mirrored_below_its_fixed_part(apply, tree):
    ran = ok(apply("-k", "blur", "in/**/*.png", "--out-dir", "out"))
    assert ran.names == ["out/a_blur.png", "out/sub/a_blur.png"]


def test_a_list_is_mirrored(apply, tree, here):
    (here / "list").write_text("in/a.png\nin/sub/a.png\n../" + here.name + "/in/b.jpg\n")
    ran = ok(apply("-k", "blur", "--files-from", "list", "--out-dir", "out"))
    assert ran.names[:2] == ["out/in/a_blur.png", "out/in/sub/a_blur.png"]
    assert os.path.realpath(ran.names[2]).startswith(str(here / "out"))


def test_an_output_folder_inside_the_input_is_not_searched(apply, tree):
    first = ok(apply("-k", "blur", "in", "-r", "--out-dir", "in/out"))
    second = ok(apply("-k", "blur", "in", "-r", "--out-dir", "in/out", "--overwrite"))
    assert second.names == first.names
    third = ok(apply("-k", "blur", "in", "-r", "--out-dir", "in/out", "--skip-existing"))
    assert third.names == []
    assert third.err == "4 of 4 done, 4 left as they were, 4 other files skipped\n"


@pytest.mark.processes
def test_what_is_no_regular_file_in_a_folder_does_not_stop_the_run(process, tree, here):
    os.mkfifo(here / "in/fifo.png")
    (here / "in/folder.png").mkdir()
    ran = process("apply", "-k", "blur", "in", "--out-dir", "out")
    assert (ran.code, len(ran.names)) == (0, 2)


def test_links_to_folders_are_not_entered(apply, tree, here):
    (here / "in/loop").symlink_to(here / "in")
    assert len(ok(apply("-k", "blur", "in", "-r", "--out-dir", "out")).names) == 4


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("empty", "no image in this folder"),
        ("missing.png", "no such file"),
        ("*.jpg", "no file matches"),
        ("missing/**/*.png", "no file matches"),
    ],
)
def test_nothing_to_be_found(apply, here, name, said):
    (here / "empty").mkdir()
    apply("-k", "blur", name).fails(1, f"Error: {name}: ", said)


def test_names_that_look_like_patterns_are_files_first(apply, save):
    save("a[1].png", np.zeros((3, 3), np.uint8))
    save("a1.png", np.zeros((3, 3), np.uint8))
    assert ok(apply("-k", "blur", "a[1].png")).names == ["a[1]_blur.png"]


def test_no_input_at_all(apply, here):
    apply("-k", "blur").fails(2, "no INPUT")


# Lists


@pytest.mark.parametrize(
    ("text", "flags", "found"),
    [
        (b"a.png\nb.png\n", [], ["a_blur.png", "b_blur.png"]),
        (b"a.png\nb.png", [], ["a_blur.png", "b_blur.png"]),
        (b"a.png\r\nb.png\r\n", [], ["a_blur.png", "b_blur.png"]),
        (b"\n\na.png\n\n\nb.png\n\n", [], ["a_blur.png", "b_blur.png"]),
        (b"a.png\0b.png\0", ["-0"], ["a_blur.png", "b_blur.png"]),
        (b"a.png\0b.png", ["-0"], ["a_blur.png", "b_blur.png"]),
        (b"\0\0a.png\0", ["-0"], ["a_blur.png"]),
        (b"", [], []),
        (b"\n", [], []),
    ],
)
@pytest.mark.parametrize("source", ["list", "-"])
def test_a_list_of_names(apply, save, here, source, text, flags, found):
    for name in ("a.png", "b.png"):
        save(name, np.zeros((3, 3), np.uint8))
    (here / "list").write_bytes(text)
    ran = ok(apply("-k", "blur", "--files-from", source, *flags, stdin=text))
    end = b"\0" if flags else b"\n"
    assert ran.out == b"".join(name.encode() + end for name in found)


ODD = [b"caf\xe9.png", b"two\nlines.png", b" blank .png", b"100%d.png", b"-o.png", b"{stem}.png"]


@pytest.mark.processes
def test_odd_names_go_in_and_out_byte_for_byte(process, save, contents):
    for name in ODD:
        save(b"./" + name, np.eye(5, dtype=np.uint8))
    ran = process("apply", "-k", "blur", "-0", "--files-from", "-", stdin=b"\0".join(ODD))
    assert (ran.code, ran.err) == (0, "")
    results = [name.replace(b".png", b"_blur.png") for name in ODD]
    assert ran.out.split(b"\0") == [*results, b""]
    assert set(results) <= set(contents())


@pytest.mark.processes
def test_odd_names_as_arguments(process, save):
    for name in ODD:
        save(b"./" + name, np.eye(5, dtype=np.uint8))
    ran = process("apply", "-k", "blur", "--out-dir", b"out\xff", "--", *ODD)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(b"out\xff/caf\xe9_blur.png\nout\xff/two\nlines_blur.png\n")


@pytest.mark.processes
def test_odd_names_in_errors_are_one_line(process):
    ran = process("apply", "-k", "blur", b"caf\xe9.png", b"two\nlines.png", b"esc\x1b[31m.png")
    assert ran.code == 1
    assert ran.err.count("\n") == 4
    assert "\x1b" not in ran.err
    assert len(ran.errors) == 3


def test_a_name_of_one_minus_in_a_list_is_a_file(apply, save, here):
    save("x.png", np.eye(5, dtype=np.uint8))
    Path("x.png").rename("-")
    ran = ok(apply("-k", "blur", "--files-from", "-", "--out-dir", "out", stdin=b"-\n"))
    assert ran.names == ["out/-_blur.png"]


def test_a_list_that_cannot_be_read(apply, here):
    apply("-k", "blur", "--files-from", "nope").fails(2, "--files-from nope: ")
