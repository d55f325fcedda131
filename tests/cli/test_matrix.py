"""``--matrix TEXT`` in place of INPUT, in every command that has it."""

import json

import numpy as np
import pytest
from scipy import signal


def text_of(ran):
    assert (ran.code, ran.errors) == (0, []), ran
    return ran.out.decode()


@pytest.mark.parametrize(
    "text",
    [
        *("1 2 3; 4 5 6", "1 2 3\n4 5 6", "[[1, 2, 3], [4, 5, 6]]"),
        *("[1 2 3; 4 5 6]", "1;2;3\n4;5;6\n", "1 2 3;\n4 5 6;"),
    ],
)
def test_the_result_is_printed(apply, contents, text):
    flags = ("--operation", "convolve", "--padding", "full", "--border", "zero")
    printed = text_of(apply("-k", "1 -2; 0 3", *flags, "--matrix", text))
    found = [[int(word) for word in line.split()] for line in printed.splitlines()]
    expected = signal.convolve2d([[1, 2, 3], [4, 5, 6]], [[1, -2], [0, 3]])
    assert found == expected.tolist()
    assert contents() == {}


def test_a_named_result_is_written(apply, load):
    assert apply("-k", "2", "--matrix", "1.5 2", "-o", "o.npy").names == ["o.npy"]
    assert load("o.npy").tolist() == [[3, 4]]
    ran = apply("-k", "2", "-k", "3", "--matrix", "1.5 2", "--out-dir", "out")
    assert ran.names == ["out/matrix_custom-1.txt", "out/matrix_custom-2.txt"]


def test_a_file_called_matrix_is_not_read(apply, here):
    (here / "matrix").write_text("9 9")
    assert text_of(apply("-k", "2", "--matrix", "1 2")) == "2  4\n"


def test_it_stands_for_input(convcli, gray):
    commands = (
        ("apply", "-k", "2"),
        ("chain", "conv", "-k", "2"),
        ("explain", "-k", "2", "--at", "0,0"),
        ("compare", "-k", "2", "--vary", "border", "-o", "c.png"),
        ("animate", "-k", "2", "-o", "a.gif"),
    )
    for command in commands:
        name, *words = command
        convcli(name, "gray.png", *words, "--matrix", "1 2").fails(2, "--matrix stands for INPUT")
        convcli(*command).fails(2, "INPUT")
        convcli(*command, "--matrix", "1 x").fails(1, "matrix: line 1: 'x' is not a number")


@pytest.mark.parametrize("flags", [["-k", "3"], ["--json"]])
def test_one_result_is_printed_and_nothing_else(apply, flags):
    apply("-k", "2", *flags, "--matrix", "1 2").fails(2, "--matrix prints one result")


def test_one_value_is_explained(convcli):
    ran = convcli("explain", "-k", "4 5 6", "--at", "0,1", "--matrix", "1 2 3", "--json")
    found = json.loads(text_of(ran))
    assert found["input"] == "matrix"
    assert [output["pixel"] for output in found["outputs"]] == [32]


def test_borders_are_compared(convcli, here):
    ran = convcli("compare", "-k", "1 2 1", "--vary", "border", "--matrix", "1 2 3 4", "--json")
    found = [json.loads(line) for line in text_of(ran).splitlines()]
    assert {each["input"] for each in found} == {"matrix"}
    edge = np.convolve(np.pad([1, 2, 3, 4], 1, "edge"), [1, 2, 1], "valid")
    assert (found[0]["min"], found[0]["max"]) == (edge.min(), edge.max())


@pytest.mark.parametrize(
    "words",
    [
        ["--matrix", "1 -2; 3 4", "conv", "-k", "2", "relu"],
        ["conv", "-k", "2", "relu", "--matrix=1 -2; 3 4"],
        ["conv", "--matrix", "1 -2; 3 4", "-k", "2", "relu"],
    ],
)
def test_all_other_words_of_a_chain_are_layers(convcli, contents, words):
    assert text_of(convcli("chain", *words)) == "2  0\n6  8\n"
    assert contents() == {}


def test_a_chain_writes_where_it_is_told(convcli, load):
    words = ("chain", "--matrix", "1 2", "conv", "-k", "2")
    assert convcli(*words, "-o", "o.npy").names == ["o.npy"]
    assert load("o.npy").tolist() == [[2, 4]]
    assert "2x1" in text_of(convcli(*words, "--summary"))
    convcli(*words, "--json").fails(2, "--matrix and --json both print")
    convcli("chain", "--matrix", "1 2").fails(2, "Missing layer")
    convcli("chain", "--matrix", "1 2", "conv", "-k", "2", "rellu").fails(2, "did you mean relu?")


def test_a_variable_gives_the_matrix(convcli):
    ran = convcli("chain", "conv", "-k", "2", CONVCLI_CHAIN_MATRIX="1 2")
    assert text_of(ran) == "2  4\n"
    assert text_of(convcli("apply", "-k", "2", CONVCLI_APPLY_MATRIX="1 2")) == "2  4\n"
