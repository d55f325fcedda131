"""The grammar of layers: text without a command line, and a table that is complete."""

import subprocess
import sys

import numpy as np
import pytest

from convcli.errors import KernelError, UsageError
from convcli.layers.activations import LeakyRelu
from convcli.layers.conv import Conv
from convcli.layers.network import plan_network
from convcli.layers.pooling import Pool
from convcli.teaching.chain.grammar import LAYERS, find_layer
from convcli.teaching.chain.parser import parse_layers


def labels(text):
    return [layer.label for layer in parse_layers(text)]


def test_text_and_words_with_and_without_bars():
    expected = ["conv sobel-x", "relu", "maxpool 2x2 stride 1"]
    assert labels("conv -k sobel-x | relu | maxpool 2 --stride 1") == expected
    assert labels("conv -ksobel-x relu maxpool --stride=1 2") == expected
    assert labels(["conv", "--kernel", "sobel-x", "relu", "maxpool", "2", "--stride=1"]) == expected
    assert labels("") == []


def test_values_become_the_layers_arguments():
    [conv, pool] = parse_layers(
        'conv -k "-1 0 1" -k blur --bias -2 --padding 1,2 --border zeros avgpool 4x3 '
        "--no-count-padding --ceil --padding 0"
    )
    assert isinstance(conv, Conv)
    assert isinstance(pool, Pool)
    assert [kernel.matrix.shape for kernel in conv.kernels] == [(1, 3), (3, 3)]
    assert (conv.bias, conv.options.padding, conv.options.border) == (-2, (1, 2), "zeros")
    assert (conv.options.stride, conv.options.fill, conv.method) == ((1, 1), 0, "auto")
    assert (pool.window, pool.stride, pool.padding) == ((3, 4), None, (0,))
    assert (pool.count_padding, pool.ceil) == (False, True)


@pytest.mark.parametrize("slope", ["0.1", "-0.3", "1e-2", "2"])
def test_a_number_without_its_flag_is_the_slope(slope):
    expected = parse_layers(f"leaky-relu --slope={slope} leaky-relu maxpool 2")
    assert parse_layers(f"leaky-relu {slope} leaky-relu maxpool 2") == expected
    assert parse_layers(["leaky-relu", slope, "|", "leaky-relu", "maxpool", "2"]) == expected
    assert expected[0] == LeakyRelu(float(slope))


@pytest.mark.parametrize(
    "text", ["leaky-relu 1 2", "leaky-relu 1 --slope 2", "leaky-relu --slope 1 2"]
)
def test_a_slope_is_given_once(text):
    with pytest.raises(UsageError) as caught:
        parse_layers(f"relu {text}")
    said = "SLOPE is given twice; give it once, with --slope or without"
    assert str(caught.value) == f"layer 2 (leaky-relu): {said}"


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("avgpool 2 --padding 0,1,0,1", "avgpool 2x2 padding 0,1,0,1"),
        (
            "avgpool 3 --padding 1 --no-count-padding --ceil",
            "avgpool 3x3 padding 1 no-count-padding ceil",
        ),
        ("avgpool 2 --padding 0,0 --no-count-padding", "avgpool 2x2"),
        (
            "maxpool 3 --stride 2 --padding 1,2 --dilation 2",
            "maxpool 3x3 dilation 2 stride 2 padding 1,2",
        ),
        ("minpool 3 --padding same-upper", "minpool 3x3 padding same-upper"),
        ("maxpool 3 --padding valid", "maxpool 3x3"),
    ],
)
def test_the_label_of_a_pool_tells_what_is_not_the_default(text, label):
    assert labels(text) == [label]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("conv -k 'blur", "No closing quotation"),
        ("maxpol 2", "No such layer 'maxpol': did you mean maxpool"),
        ("xyzzy", "the layers are conv, convtranspose"),
        ("relu | maxpool", r"layer 2 \(maxpool\): Missing argument 'SIZE'"),
        ("relu conv", r"layer 2 \(conv\): Missing option '--kernel'"),
        ("maxpool 2 --slope 3", "No such option '--slope'"),
        ("maxpool 2 --ceil=1", "'--ceil' takes no value"),
        ("conv -k", "'-k' requires an argument"),
        ("maxpool 0", "Invalid value for 'SIZE': '0': numbers must be at least 1"),
        ("conv -k blur --border round", "'--border': 'round' is not one of"),
        ("conv -k blur --threads 0", "'0' is not a whole number of at least 1"),
        ("conv -k blur --fill 3", "--border constant"),
        ("leaky-relu inf", "Invalid value for '--slope': 'inf' is not a finite number"),
        ("leaky-relu relu 0.1", "0.1 is no layer: a number follows an option, or a layer that"),
        ("leaky-relu 0.1x", "No such layer '0.1x'|0.1x is no layer"),
        ("normalize --eps -1", "'-1' is not greater than 0"),
        ("conv -k blur --bias no.npy", r"layer 1 \(conv\): --bias no.npy"),
        ("conv -k blur --bias inf", "'inf' is not a finite number"),
    ],
)
def test_errors_name_the_layer_and_the_option(text, said):
    with pytest.raises(UsageError, match=said):
        parse_layers(text)


def test_standard_input_is_not_read_unless_it_is_passed(tmp_path):
    with pytest.raises(KernelError, match="standard input"):
        parse_layers("conv -k -")


@pytest.mark.parametrize("name", LAYERS)
def test_every_example_is_a_network(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("bank.npy", np.ones((4, 3, 3, 3)))
    np.save("b.npy", np.zeros(4))
    np.save("depthwise.npy", np.ones((3, 1, 3, 3)))
    np.save("mean.npy", np.zeros(3))
    np.save("var.npy", np.ones(3))
    np.save("up.npy", np.ones((3, 2, 4, 4)))
    np.save("dense.npy", np.ones((10, 12, 1, 1)))
    layer = find_layer(name)
    assert layer.summary.endswith(".")
    assert all(option.help.endswith(".") for option in layer.options)
    for example in layer.examples:
        assert name in example
        assert plan_network(parse_layers(example), (8, 9, 3))


def test_the_table_loads_no_numpy():
    code = "import sys, convcli.teaching.chain.parser; sys.exit('numpy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
