"""``convcli size``: every form of size, the worked formula, the JSON, and what is refused."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from convcli import Chain
from convcli.cli.main import root


def size(*arguments):
    return CliRunner().invoke(root, ["size", *arguments])


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ("--n 5 --k 3 --p 0 --s 1", "3"),
        ("--n 448x224 --k 3", "446x222"),
        ("--n 224,448 --k 3", "222,446"),
        ("--size 5 --kernel 3 --padding 0 --stride 1 --dilation 1", "3"),
        ("--n 5 --k 3 --p same", "5"),
        ("--n 5 --k 3 --p full", "7"),
        ("--n 5 --k 3 --p valid", "3"),
        ("--n 5 --k 4 --p same --s 2", "3"),
        ("--n 224 --k 7 --p 3 --s 2", "112"),
        ("--n 32 --k 3 --d 2", "28"),
        ("--n 10x8 --k 5x3", "6x6"),
        ("--n 8,10 --k 3,5", "6,6"),
        ("--n 10x8 --k 3 --s 1,2", "4x6"),
        ("--n 10x8 --k 3 --p 1,0", "8x8"),
        ("--n 10x8 --k 3 --p 1,0,2,0", "10x7"),
        ("--n 5 --k 3x1", "5,3"),
        ("--n 1 --k 1", "1"),
    ],
)
def test_answer_has_the_form_of_the_input(arguments, answer):
    result = size(*arguments.split())
    assert (result.exit_code, result.output) == (0, answer + "\n")


def test_explain_substitutes_the_numbers_and_names_the_unused_pixels():
    result = size(*["--n", "224", "--k", "7", "--p", "3", "--s", "2", "--explain"])
    assert result.output.splitlines() == [
        "size = floor((n + p - d*(k - 1) - 1) / s) + 1, where p is the padding before and after",
        "     = floor((224 + 3+3 - 1*(7 - 1) - 1) / 2) + 1",
        "     = floor(223 / 2) + 1",
        "     = 111 + 1",
        "     = 112",
        "floor drops 1/2: of 230 padded pixels the last pixel is in no window",
        "112",
    ]


def test_the_anchor_moves_the_padding_of_an_even_kernel():
    given = ["--n", "5", "--k", "4", "--p", "same", "--explain"]
    assert "(5 + 1+2 - 1*(4 - 1) - 1)" in size(*given).output
    assert "(5 + 2+1 - 1*(4 - 1) - 1)" in size(*given, "--anchor", "after").output
    assert "(5 + 0+3 - 1*(4 - 1) - 1)" in size(*given, "--a", "0,0").output
    refused = size("--n", "5", "--layer", "k=3", "--a", "after")
    assert (refused.exit_code, "leave out --anchor" in refused.stderr) == (2, True)


def test_explain_works_each_axis_where_they_differ():
    lines = size(*["--n", "9x5", "--k", "3", "--s", "3", "--explain"]).output.splitlines()
    assert "columns:" in lines
    assert "rows:" in lines
    assert "nothing is lost: the last window ends at the last pixel" in lines
    assert "floor drops 2/3: of 5 padded pixels the last 2 pixels are in no window" in lines
    assert lines[-1] == "3x1"


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        (
            "--n 224 --k 7 --p 3 --s 2",
            [
                "size = floor((N - K + 2P) / S) + 1",
                "     = floor((224 - 7 + 2*3) / 2) + 1",
                "     = floor(223 / 2) + 1",
            ],
        ),
        (
            "--n 5 --k 4 --p same",
            [
                "size = floor((N - K + P1 + P2) / S) + 1",
                "     = floor((5 - 4 + 1 + 2) / 1) + 1",
                "     = floor(4 / 1) + 1",
            ],
        ),
        (
            "--n 9 --k 3 --d 2",
            [
                "size = floor((N - K + 2P) / S) + 1",
                "K    = 2*(3 - 1) + 1 = 5, the extent of the dilated kernel",
                "     = floor((9 - 5 + 2*0) / 1) + 1",
            ],
        ),
        (
            "--n 9x5 --k 3x4 --p same",
            [
                "columns:",
                "size = floor((N - K + 2P) / S) + 1",
                "     = floor((9 - 3 + 2*1) / 1) + 1",
            ],
        ),
    ],
)
def test_the_formula_of_textbooks(options, lines):
    found = size(*options.split(), "--explain", "--form", "textbook").output.splitlines()
    assert found[: len(lines)] == lines
    general = size(*options.split(), "--explain").output.splitlines()
    assert found[-1] == general[-1]
    assert found[-4:-2] == general[-4:-2]


def test_each_axis_has_the_formula_of_its_padding():
    options = ["--n", "9x5", "--k", "3x4", "--p", "same", "--explain", "--form", "textbook"]
    lines = size(*options).output.splitlines()
    formulas = [line for line in lines if line.startswith("size")]
    assert formulas == [
        "size = floor((N - K + 2P) / S) + 1",
        "size = floor((N - K + P1 + P2) / S) + 1",
    ]


def test_json_has_every_number():
    numbers = json.loads(
        size(
            *["--n", "10x8", "--k", "3", "--p", "1,0,2,0", "--s", "2", "--d", "2", "--json"]
        ).output
    )
    assert numbers == {
        "size": {"rows": 8, "columns": 10},
        "kernel": {"rows": 3, "columns": 3},
        "stride": {"rows": 2, "columns": 2},
        "dilation": {"rows": 2, "columns": 2},
        "extent": {"rows": 5, "columns": 5},
        "padded": {"rows": 9, "columns": 12},
        "output": {"rows": 3, "columns": 4},
        "unused": {"rows": 0, "columns": 1},
        "pads": {"top": 1, "bottom": 0, "left": 2, "right": 0},
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--n 9x5 --k 7 --d 2", "kernel 7x7 (dilation 2, extent 13x13) exceeds the 9x5 input"),
        ("--n 3x7 --k 7 --p 1", "kernel 7x7 exceeds the padded 5x9 input"),
        ("--n 5 --k 3 --s 0", "'0': numbers must be at least 1"),
        ("--n 0 --k 3", "'0': numbers must be at least 1"),
        ("--n five --k 3", "'five' is not a number N"),
        ("--n 5 --k 3 --p 1,2,3", "'1,2,3' is not one of same, valid, full"),
        ("--n 5 --k 3 --p -1", "'-1' is not one of same"),
        ("--n 5", "Missing option '--k'"),
        ("--n 5 --k 3 --explain --json", "choose one"),
        ("--n 5 --k 3 --form textbook", "--form is the formula of --explain; give both"),
        ("--n 5 --layer k=3 --form textbook", "--layer has its own numbers; leave out --form"),
    ],
)
def test_what_is_impossible_is_one_line_and_exit_code_2(arguments, said):
    result = size(*arguments.split())
    assert result.exit_code == 2
    assert result.stdout == ""
    assert said in result.stderr
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1


def test_options_come_from_the_environment_too():
    result = CliRunner().invoke(
        root, ["size", "--n", "5", "--k", "3"], auto_envvar_prefix="CONVCLI",
        env={"CONVCLI_SIZE_PADDING": "same"},
    )  # fmt: skip
    assert result.output == "5\n"


def test_a_stack_of_layers():
    done = size("--n", "224", "--layer", "k=7,s=2,p=3", "--layer", "k=3,s=2,p=1")
    assert done.stdout.splitlines()[1:] == [
        "    1       7       2        3         1     112      7     2     -3",
        "    2       3       2        1         1      56     11     4     -5",
    ]
    uneven = size("--n", "30x20", "--layer", "k=5x3,p=same", "--layer", "d=2,k=3,s=2x1")
    assert uneven.stdout.splitlines()[2] == (
        "    2       3     2x1        0         2   13x16    9x7   2x1  -2x-1"
    )


def test_a_stack_as_json():
    (layer,) = json.loads(size("--n", "9", "--layer", "k=2,p=same", "--json").stdout)
    assert layer["receptive_field"] == {"rows": 2, "columns": 2}
    assert layer["pads"] == {"top": 0, "bottom": 1, "left": 0, "right": 1}
    assert layer["output"] == {"rows": 9, "columns": 9}


def test_a_stack_of_layers_as_chain_has_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("bank.npy", np.ones((4, 5, 3, 3)))
    texts = ["conv -k bank.npy --stride 2", "k=3,s=2,p=1", "relu", "maxpool 2x3", "globalpool max"]
    done = size("--n", "30x20", *(word for text in texts for word in ("--layer", text)))
    assert done.stdout.splitlines() == [
        "   layer           kernel  stride  padding  dilation  output  field  jump  start",
        "1  conv bank.npy        3       2        1         1   15x10      3     2     -1",
        "2  k=3,s=2,p=1          3       2        1         1     8x5      7     4     -3",
        "3  relu                 1       1        0         1     8x5      7     4     -3",
        "4  maxpool 2x3        2x3     2x3        0         1     4x1  11x15  8x12     -3",
        "5  globalpool max     4x1       1        0         1       1  35x15  8x12     -3",
    ]
    alone = size("--n", "9", "--layer", "k=3,s=2")
    named = size("--n", "9", "--layer", "conv -k box:3 --stride 2 --padding valid", "--json")
    [layer] = json.loads(named.stdout)
    assert layer.pop("label") == "conv box:3"
    [same] = json.loads(size("--n", "9", "--layer", "k=3,s=2", "--json").stdout)
    assert layer == same
    assert alone.stdout.splitlines()[0].split()[0] == "layer"
    piped = CliRunner().invoke(root, ["size", "--n", "9", "--layer", "conv -k -"], input="1 2 1")
    assert piped.stdout.splitlines()[1].split()[3:6] == ["3x1", "1", "0,1"]


def test_a_stack_is_the_summary_of_a_chain():
    texts = ["conv -k gaussian:5 --dilation 2", "avgpool 3 --stride 2 --padding 1 --ceil", "tanh"]
    options = [word for text in texts for word in ("--layer", text)]
    layers = json.loads(size("--n", "40,30", *options, "--json").stdout)
    summary = Chain(texts).summary((40, 30)).as_record()["layers"]
    for layer, row in zip(layers, summary, strict=True):
        names = ("receptive_field", "jump", "start", "label")
        assert {name: layer[name] for name in names} == {name: row[name] for name in names}
        assert layer["output"] == row["size"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--layer", "maxpol 2"], "No such layer 'maxpol': did you mean maxpool?"),
        (["--layer", "k=3", "--layer", "maxpool"], "layer 2 (maxpool): Missing argument 'SIZE'"),
        (["--layer", "relu", "--layer", "maxpool 9"], "layer 2 (maxpool 9x9): window 9x9 exceeds"),
        (["--layer", "relu", "--layer", "relu tanh"], "layer 2: 'relu tanh' is more than"),
        (["--layer", "conv -k nonsense"], "layer 1 (conv): no kernel is named"),
        (["--layer", "relu", "--stride", "2"], "leave out --stride"),
        (["--layer", "k 3"], "each once"),
        (["--layer", ""], "each once"),
        (["--layer", "k=5", "--layer", "k=5"], "layer 2 (k=5): kernel 5x5 exceeds the 4x4 input"),
        (["--layer", "k=3", "--k", "3"], "leave out --kernel"),
        (["--layer", "k=3", "--explain"], "leave out --explain"),
        (["--layer", "s=3"], "has no k=K"),
        (["--layer", "k=3,k=3"], "each once"),
        (["--layer", "k=3,q=3"], "each once"),
        (["--layer", "k=x"], "'x' is not a number"),
    ],
)
def test_a_stack_that_is_none(options, said):
    done = size("--n", "8", *options)
    assert done.exit_code == 2
    assert said in done.stderr
