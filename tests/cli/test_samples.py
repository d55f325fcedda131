"""``convcli samples``, and ``@NAME`` wherever an INPUT or the file of a kernel goes."""

import json
from pathlib import Path

import numpy as np
import pytest

from convcli.samples import SAMPLES


@pytest.fixture
def toy(samples):
    return np.loadtxt(samples / "toy-6x6.csv", delimiter=",", dtype=int)


def test_the_list(convcli, contents):
    ran = convcli("samples")
    assert (ran.code, ran.err) == (0, "")
    assert [line.split()[0] for line in ran.names] == list(SAMPLES)
    assert "rocket     640x427  a launch, RGB (SpaceX, public domain)" in ran.names
    assert max(map(len, ran.names)) <= 80
    found = json.loads(convcli("samples", "--json").out)
    assert [each["name"] for each in found] == list(SAMPLES)
    assert (found[-1]["rows"], found[-1]["columns"]) == (427, 640)
    assert contents() == {}


def test_copies(convcli, samples):
    ran = convcli("samples", "camera", "@letter-h", "camera")
    assert (ran.code, ran.names, ran.err) == (0, ["camera.png", "letter-h.txt"], "")
    assert Path("camera.png").read_bytes() == (samples / "camera.png").read_bytes()
    assert convcli("samples", "rocket", "--out-dir", "a/b").names == ["a/b/rocket.jpg"]
    assert convcli("samples", "toy-6x6", "-o", "c/t.csv").names == ["c/t.csv"]
    assert convcli("samples", "toy-6x6", "-o", "-").out == Path("c/t.csv").read_bytes()


def test_nothing_is_overwritten_unless_asked(convcli, contents):
    Path("camera.png").write_text("mine")
    before = contents()
    convcli("samples", "letter-h", "camera").fails(2, "camera.png: exists already")
    assert contents() == before
    assert convcli("samples", "camera", "--overwrite").code == 0
    assert contents() != before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["camra"], "@camra: there is no such sample; did you mean @camera?"),
        (["-o", "x"], "name the samples"),
        (["--out-dir", "x"], "name the samples"),
        (["camera", "rocket", "-o", "x"], "-o names a single copy"),
        (["camera", "-o", "x", "--out-dir", "y"], "-o names a single copy"),
        (["camera", "--json"], "--json lists all samples"),
    ],
)
def test_what_makes_no_sense_is_refused(convcli, contents, words, said):
    convcli("samples", *words).fails(2, said)
    assert contents() == {}


def test_results_go_to_the_current_folder(convcli, contents, toy, load):
    for words in (["apply", "-k", "2", "@toy-6x6"], ["chain", "@toy-6x6", "conv", "-k", "2"]):
        name = f"toy-6x6_{'chain' if words[0] == 'chain' else 'custom'}.csv"
        assert convcli(*words).names == [name]
        assert (load(name) == 2 * toy).all()
    assert len(contents()) == 2
    ran = convcli("apply", "-k", "2", "@toy-6x6", "@letter-h", "--out-dir", "out")
    assert ran.names == ["out/toy-6x6_custom.csv", "out/letter-h_custom.txt"]


def test_one_value_of_a_sample_is_explained(convcli):
    ran = convcli("explain", "-k", "2", "--at", "0,0", "--json", "@toy-6x6")
    found = json.loads(ran.out)
    assert (found["input"], found["outputs"][0]["pixel"]) == ("@toy-6x6", 20)


@pytest.mark.slow
def test_figures_take_a_sample(convcli):
    ran = convcli("apply", "-k", "2", "@toy-6x6", "--plot", "drawn/")
    assert ran.names == ["drawn/toy-6x6_custom.png"]
    ran = convcli("compare", "-k", "1 2 1", "--vary", "border", "@toy-6x6")
    assert ran.names == ["toy-6x6_compare-border.png"]
    ran = convcli("animate", "-k", "1 2 1", "--to", "0,1", "@toy-6x6", "-o", "a.gif")
    assert ran.names == ["a.gif"]


def test_a_kernel_is_learned_from_a_sample(convcli):
    convcli("apply", "-k", "3", "@toy-14x14", "-o", "three.csv")
    ran = convcli("learn", "@toy-14x14", "three.csv", "--size", "1", "-o", "k.npy")
    assert (ran.code, ran.err) == (0, "")
    assert np.load("k.npy") == pytest.approx(3)


def test_a_sample_is_a_kernel(apply, toy):
    ran = apply("-k", "@toy-6x6@90", "--padding", "valid", "@toy-6x6", "-o", "-")
    assert int(ran.out) == (np.rot90(toy) * toy).sum()
    apply("-k", "@toy-6", "@toy-6x6").fails(2, "@toy-6: there is no such sample")
    apply("-k", "@camera", "@toy-6x6").fails(2, "camera.png: is neither")


def test_a_list_names_samples(apply, save, gray):
    save("@mine.png", gray)
    Path("list").write_text("@toy-6x6\n@nothing\n@mine.png\n./@mine.png\n@toy-6x6\n")
    ran = apply("-k", "2", "--files-from", "list", "--out-dir", "out")
    assert ran.code == 1
    assert ran.names == ["out/toy-6x6_custom.csv", "out/@mine_custom.png"]
    assert [error[7:15] for error in ran.errors] == ["@nothing", "@mine.pn"]
    assert "the file of this name is ./@mine.png" in ran.errors[1]


def test_an_unknown_sample_is_an_error_of_the_command_line(convcli, contents, gray):
    before = contents()
    for words in (
        ["apply", "-k", "2", "gray.png"],
        ["explain", "-k", "2", "--at", "0,0"],
        ["compare", "-k", "2", "--vary", "border"],
        ["animate", "-k", "2", "-o", "a.gif"],
        ["learn", "gray.png"],
    ):
        convcli(*words, "@camra").fails(2, "@camra: there is no such sample; did you mean @camera?")
    convcli("chain", "@camra", "relu").fails(2, "@camra")
    assert contents() == before


def test_files_with_an_at_are_found_as_files(apply, save):
    save("@camera.png", np.zeros((2, 2), np.uint8))
    assert apply("-k", "2", "*.png", "--dry-run").names == ["@camera_custom.png"]
    assert apply("-k", "2", ".", "--dry-run").names == ["./@camera_custom.png"]
    assert apply("-k", "2", "./@camera.png", "--dry-run").names == ["./@camera_custom.png"]


def test_a_dry_run_knows_samples(apply):
    assert apply("-k", "2", "@rocket", "--dry-run").names == ["rocket_custom.jpg"]


@pytest.mark.processes
def test_workers_take_samples(process, load):
    ran = process("apply", "-k", "2", "@toy-6x6", "@toy-14x14", "-j", "2")
    assert (ran.code, ran.err) == (0, "")
    assert load("toy-6x6_custom.csv").shape == (6, 6)
