"""``convcli chain`` as it is typed: where options may stand, help, variables, completion."""

import json
from pathlib import Path

import click
import numpy as np
import pytest
from click.shell_completion import BashComplete

from convcli.cli.chain.chain import chain
from convcli.cli.main import root
from convcli.layers.activations import ACTIVATIONS

LAYERS = [name for name in chain.commands if name != "network"]


@pytest.fixture
def plan(convcli, gray):
    """Run with --summary, and return the labels of the layers."""

    def labels(*words, **env):
        ran = convcli("chain", *words, "--summary", "--json", **env)
        assert (ran.code, ran.err) == (0, ""), ran
        return [layer["label"] for layer in json.loads(ran.out)["layers"]]

    return labels


@pytest.fixture
def refused(convcli, gray):
    return lambda *words, **env: convcli("chain", *words, **env).fails(2)


def test_a_line_of_many_layers(convcli, gray):
    line = "gray.png conv -k gaussian:5 relu maxpool 2 conv -k sobel-x relu globalpool max"
    ran = convcli("chain", *line.split(), "-o", "out.png")
    assert (ran.code, ran.out, ran.err) == (0, b"out.png\n", "")


def test_options_may_follow_arguments(plan):
    first = plan("gray.png", "maxpool", "3", "--stride", "1", "--padding", "1", "relu")
    assert first == ["maxpool 3x3 stride 1 padding 1", "relu"]
    assert plan("gray.png", "maxpool", "--stride=1", "--padding=1", "3", "relu") == first
    assert plan("gray.png", "maxpool", "--stride", "1", "3", "--padding", "1", "relu") == first


@pytest.mark.parametrize(
    "words",
    [
        ["-o", "x.npy", "gray.png", "conv", "-k", "blur", "relu"],
        ["gray.png", "-o", "x.npy", "conv", "-k", "blur", "relu"],
        ["gray.png", "conv", "-o", "x.npy", "-k", "blur", "relu"],
        ["gray.png", "conv", "-k", "blur", "-ox.npy", "relu"],
        ["gray.png", "conv", "-k", "blur", "relu", "--output", "x.npy"],
        ["gray.png", "conv", "-kblur", "relu", "--output=x.npy"],
        ["--overwrite", "-o", "x.npy", "--", "gray.png", "conv", "-k", "blur", "relu"],
    ],
)
def test_the_chains_options_may_stand_anywhere(convcli, gray, load, words):
    ran = convcli("chain", *words)
    assert (ran.code, ran.out) == (0, b"x.npy\n"), ran
    assert load("x.npy").shape == gray.shape


def test_a_matrix_may_begin_with_a_minus(convcli, save):
    save("m.csv", [[1, 2, 4]])
    ran = convcli("chain", "m.csv", "conv", "-k", "-1 0 1", "-o", "-")
    assert ran.out.split() == [b"1", b"3", b"2"]


def test_images_with_the_names_of_layers_and_options(plan, save):
    for name in ("relu", "-o.png", "conv"):
        save("x.png", np.zeros((4, 4), np.uint8)).rename(name)
    assert plan("relu", "relu", "relu") == ["relu", "relu"]
    assert plan("--", "-o.png", "abs") == ["abs"]
    assert plan("conv", "conv", "-k", "blur") == ["conv blur"]


def test_standard_input_is_one_thing(convcli, gray):
    image = Path("gray.png").read_bytes()
    ran = convcli("chain", "-", "relu", "-o", "out.png", stdin=image)
    assert (ran.code, ran.out) == (0, b"out.png\n")
    ran = convcli("chain", "gray.png", "conv", "-k", "-", "-o", "k.png", stdin="1 2 1")
    assert (ran.code, ran.out) == (0, b"k.png\n")
    said = "standard input ('-') can be used once only"
    convcli("chain", "-", "conv", "-k", "-", "-o", "-", stdin=image).fails(2, said)
    convcli("chain", "gray.png", "conv", "-k", "-", "conv", "-k", "-", stdin="1").fails(2, said)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "no INPUT: name a file, or give numbers with --matrix"),
        (["gray.png"], "Missing layer: conv, convtranspose"),
        (["gray.png", "--summary"], "Missing layer"),
        (["gray.png", "maxpol", "2"], "No such layer 'maxpol': did you mean maxpool?"),
        (["gray.png", "xyzzy"], "the layers are conv, convtranspose"),
        (["gray.png", "-k", "blur", "conv"], "options of a layer come after its name"),
        (["conv", "-k", "blur", "relu"], "INPUT comes first"),
        (["gray.png", "relu", "--bogus"], "No such option"),
        (["gray.png", "maxpool", "2", "--slope", "3"], "No such option"),
        (["gray.png", "relu", "maxpool"], "layer 2 (maxpool): Missing argument 'SIZE'"),
        (["gray.png", "maxpool", "0"], "at least 1"),
        (["gray.png", "globalpool", "relu"], "'relu' is not one of"),
        (["gray.png", "conv"], "layer 1 (conv): Missing option '-k'"),
        (["gray.png", "conv", "-k", "blur", "conv", "-k", "blur", "--stride", "x"],
         "layer 2 (conv): Invalid value for '--stride': 'x'"),
        (["gray.png", "relu", "-o"], "requires an argument"),
        (["gray.png", "relu", "-o", "a.png", "-o", "b.png"], "-o/--output is given twice"),
        (["-o", "a.png", "gray.png", "relu", "--output", "b.png"], "is given twice"),
        (["gray.png", "relu", "conv", "-k", "bogus"], "layer 2 (conv): no kernel is named"),
        (["gray.png", "conv", "-k", "blur", "--bias", "no.npy"], "layer 1 (conv): --bias no.npy"),
        (["gray.png", "conv", "-k", "blur", "--bias", "nan"], "'nan' is not a finite number"),
        (["gray.png", "conv", "-k", "blur", "--bias", ""], "it is empty"),
        (["gray.png", "conv", "-k", "blur", "--fill", "3"], "--border constant"),
        (["gray.png", "conv", "-k", "blur", "--combine", "max"], "two kernels or more"),
        (["gray.png", "leaky-relu", "--slope", "inf"], "'inf' is not a finite number"),
        (["gray.png", "leaky-relu", "nan"], "layer 1 (leaky-relu): Invalid value for '--slope'"),
        (["gray.png", "relu", "leaky-relu", "1", "--slope", "2"],
         "layer 2 (leaky-relu): SLOPE is given twice; give it once, with --slope or without"),
        (["gray.png", "leaky-relu", "--slope", "1", "2"], "layer 1 (leaky-relu): SLOPE is given"),
        (["gray.png", "normalize", "--eps", "0"], "eps"),
        (["gray.png", "batchnorm", "--mean", "1"], "layer 1 (batchnorm): Missing option '--var'"),
        (["gray.png", "batchnorm", "--mean", "1", "--var", "no.npy"], "--var no.npy: "),
        (["gray.png", "batchnorm", "--mean", "1", "--var", "-1"], "--var must not be negative"),
        (["gray.png", "convtranspose", "-k", "sobel"], "-k takes one kernel or one bank here"),
        (["gray.png", "convtranspose", "-k", "1", "--padding", "same"], "'same' is a rule"),
        (["gray.png", "upsample", "2", "--align-corners"], "needs --mode bilinear"),
    ],
)  # fmt: skip
def test_usage_errors(refused, words, said):
    assert said in refused(*words).err


def test_the_help_lists_every_layer_on_a_line(convcli):
    page = convcli("chain", "--help").out.decode()
    assert "chain [OPTIONS] INPUT LAYER [ARGS]... " in page
    listed = page.partition("Layers:\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in listed] == [*LAYERS, "MODEL[:UNTIL]"]
    assert all(line.endswith(".") for line in listed)


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_is_explained_and_has_an_example(convcli, here, name):
    page = convcli("chain", "photo.png", name, "--help", COLUMNS="80").out.decode()
    assert page.partition("\n")[0].startswith(f"Usage: convcli chain INPUT {name} ")
    examples = page.partition("Examples:\n")[2].partition("\n\n")[0].splitlines()
    assert 2 <= len(examples) <= 4
    assert all(f" {name}" in example for example in examples)
    assert max(map(len, page.splitlines())) <= 80
    assert convcli("chain", name, "-h", COLUMNS="80").out.decode() == page
    words = ["chain", "photo.png", "relu", name, "-h"]
    assert convcli(*words, COLUMNS="80").out.decode() == page
    for parameter in chain.commands[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.help
            assert parameter.help.endswith((".", "]"))


def test_the_network_of_a_file_is_explained(convcli):
    page = convcli("chain", "photo.png", "a.onnx", "--help", COLUMNS="80").out.decode()
    assert page.startswith("Usage: convcli chain INPUT MODEL[:UNTIL] [OPTIONS]")
    assert all(f"--{name} " in page for name in ("input-scale", "mean", "std", "channel-order"))
    assert convcli("chain", "a.onnx:1", "-h", COLUMNS="80").out.decode() == page


@pytest.mark.parametrize("words", [["-h", "x.png"], ["x.png", "-h"], ["x.png", "-h", "relu"]])
def test_the_chains_own_help_may_be_asked_for_anywhere(convcli, words):
    assert convcli("chain", *words).out == convcli("chain", "--help").out


def test_every_activation_is_a_layer():
    assert set(ACTIVATIONS) <= set(LAYERS)


@pytest.mark.parametrize(
    ("words", "labels"),
    [
        (["0.1"], ["leaky-relu 0.1"]),
        (["-0.5", "--summary", "relu"], ["leaky-relu -0.5", "relu"]),
        (["leaky-relu", "--slope=2", "leaky-relu", "3"],
         ["leaky-relu 0.01", "leaky-relu 2", "leaky-relu 3"]),
        (["--range", "raw", "0.1", "maxpool", "2"], ["leaky-relu 0.1", "maxpool 2x2"]),
    ],
)  # fmt: skip
def test_a_number_after_leaky_relu_is_its_slope(plan, words, labels):
    assert plan("gray.png", "leaky-relu", *words, CONVCLI_CHAIN_LEAKY_RELU_SLOPE="0.01") == labels


def test_variables(plan, convcli, gray, load):
    env = {
        "CONVCLI_CHAIN_CONV_KERNEL": "blur\nsobel-x",
        "CONVCLI_CHAIN_LEAKY_RELU_SLOPE": "0.5",
        "CONVCLI_CHAIN_MAXPOOL_STRIDE": "1",
    }
    words = ["gray.png", "conv", "leaky-relu", "maxpool", "2"]
    labels = plan(*words, **env)
    assert labels == ["conv blur, sobel-x", "leaky-relu 0.5", "maxpool 2x2 stride 1"]
    ran = convcli("chain", "gray.png", "relu", CONVCLI_CHAIN_OUTPUT="v.npy", CONVCLI_CHAIN_JSON="1")
    assert json.loads(ran.out)["output"] == "v.npy"
    ran = convcli("chain", "gray.png", "relu", "-o", "w.npy", CONVCLI_CHAIN_OUTPUT="v.npy")
    assert ran.names == ["w.npy"]


@pytest.mark.parametrize(
    ("words", "offered", "not_offered"),
    [
        ([""], [], ["conv"]),
        (["--ra"], ["--range"], []),
        (["x.png", ""], LAYERS, []),
        (["x.png", "relu", ""], LAYERS, []),
        (["x.png", "relu", "max"], ["maxpool"], ["conv"]),
        (["x.png", "conv", "-k", "sobel"], ["sobel", "sobel-x"], ["conv"]),
        (["x.png", "conv", "-k", "blur", "--pad"], ["--padding"], []),
        (["x.png", "conv", "-k", "blur", "--padding", "f"], ["full"], []),
        (["x.png", "relu", "--ran"], ["--range"], []),
        (["x.png", "relu", "--range", "r"], ["rescale", "raw"], ["clip"]),
        (["x.png", "globalpool", ""], ["max", "avg"], ["conv"]),
        (["x.png", "maxpool", "2", "--st"], ["--stride"], []),
        (["x.png", "bogus", ""], [], []),
    ],
)
def test_completion(words, offered, not_offered):
    completion = BashComplete(root, {}, "convcli", "_CONVCLI_COMPLETE")
    items = completion.get_completions(["chain", *words[:-1]], words[-1])
    found = {item.value for item in items}
    assert set(offered) <= found
    assert not set(not_offered) & found
