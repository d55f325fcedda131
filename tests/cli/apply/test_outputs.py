"""What commands on single images write: refused before any work, and named byte for byte."""

import json
import os
from pathlib import Path

import pytest

DRAWN = {
    "compare": ["compare", "-k", "blur", "--vary", "stride", "broken.png", "-o"],
    "explain": ["explain", "-k", "blur", "--at", "0,0", "broken.png", "-o"],
    "learn": ["learn", "broken.png", "broken.png", "--plot"],
    "chain": ["chain", "broken.png", "relu", "--plot"],
    "animate": ["animate", "-k", "blur", "broken.png", "-o"],
    "list": ["kernels", "list", "--on", "broken.png", "--plot"],
}
BOTH = {
    "learn": ["learn", "gray.png", "gray.png"],
    "chain": ["chain", "gray.png", "relu"],
    "show": ["kernels", "show", "blur"],
}


@pytest.mark.parametrize("command", DRAWN)
def test_a_figure_that_is_there_is_refused_before_the_input_is_read(convcli, here, command):
    Path("broken.png").write_bytes(b"no image")
    name = "there.gif" if command == "animate" else "there.png"
    Path(name).write_bytes(b"mine")
    convcli(*DRAWN[command], name).fails(2, f"{name}: exists already; --overwrite replaces it")
    convcli(*DRAWN[command], name, "--overwrite").fails(1, "broken.png: ")


@pytest.mark.parametrize("command", BOTH)
@pytest.mark.parametrize(
    ("output", "plot", "code", "said"),
    [
        ("k.npy", "there.png", 2, "there.png: exists already"),
        ("there.npy", "p.png", 2, "there.npy: exists already"),
        ("k.npy", "folder.png", 2, "folder.png: cannot be written: Is a directory"),
        ("k.npy", "n" * 300 + ".png", 2, "cannot be written: File name too long"),
        ("same.npy", "link.png", 2, "-o and --plot name the same file; give each its own"),
    ],
)
def test_of_two_files_none_is_written_where_one_cannot_be(
    convcli, gray, here, contents, command, output, plot, code, said
):
    Path("there.png").write_bytes(b"mine")
    Path("there.npy").write_bytes(b"mine")
    (here / "folder.png").mkdir()
    (here / "link.png").symlink_to("same.npy")
    before = contents()
    convcli(*BOTH[command], "-o", output, "--plot", plot).fails(code, said)
    assert contents() == before


NAMED = {
    "compare": ["compare", "-k", "blur", "--vary", "stride", "gray.png", "-o", ".png"],
    "explain": ["explain", "-k", "blur", "--at", "0,0", "gray.png", "-o", ".png"],
    "chain": ["chain", "gray.png", "relu", "-o", ".png"],
    "chain --plot": ["chain", "gray.png", "relu", "--plot", ".png"],
    "animate": ["animate", "-k", "blur", "gray.png", "--to", "0,1", "-o", ".gif"],
    "show -o": ["kernels", "show", "blur", "-o", ".npy"],
    "show --plot": ["kernels", "show", "blur", "--plot", ".png"],
}


@pytest.mark.slow
@pytest.mark.parametrize("command", NAMED)
def test_a_name_is_printed_byte_for_byte(convcli, gray, command):
    *words, suffix = NAMED[command]
    name = b"two\nlines, not utf-8: \xff" + suffix.encode()
    ran = convcli(*words, os.fsdecode(name))
    assert (ran.code, ran.out) == (0, name + b"\n")
    assert Path(os.fsdecode(name)).exists()


@pytest.mark.slow
def test_in_json_output_and_figure_are_the_names_of_files(convcli, gray):
    learned = json.loads(
        convcli("learn", "gray.png", "gray.png", "-o", "k.npy", "--plot", "k.png", "--json").out
    )
    assert (learned["output"], learned["figure"]) == ("k.npy", "k.png")
    chained = json.loads(
        convcli("chain", "gray.png", "relu", "-o", "c.png", "--plot", "p.png", "--json").out
    )
    assert (chained["output"], chained["figure"]) == ("c.png", "p.png")
    assert chained["layers"][0]["size"] == chained["size"] == {"rows": 11, "columns": 14}


def test_the_report_of_learn_has_the_name_byte_for_byte(convcli, gray):
    ran = convcli("learn", "gray.png", "gray.png", "-o", os.fsdecode(b"k-\xff.npy"))
    assert ran.out.endswith(b"\nwritten    k-\xff.npy\n")
