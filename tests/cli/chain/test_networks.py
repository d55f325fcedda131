"""``chain INPUT MODEL[:UNTIL]`` and ``explain --layer MODEL[:UNTIL]``: networks of .onnx files."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from convcli import Chain
from convcli.errors import UsageError

NET = Path(__file__).parents[2] / "golden" / "net.onnx"


@pytest.fixture
def photo(here):
    """A folder with the network and a photo of 12x9."""
    shutil.copyfile(NET, "net.onnx")
    pixels = np.random.default_rng(2).integers(0, 256, (9, 12, 3), np.uint8)
    np.save("photo.npy", pixels)
    return pixels


def test_options_stand_behind_the_model_and_layers_may_follow(convcli, photo):
    given = "--input-scale 1/255 --mean .4,.5,.6 --std .2 --channel-order bgr"
    typed = f"chain --summary photo.npy net.onnx:relu1 {given} avgpool 2 --json -o out.npy"
    ran = convcli(*typed.split())
    assert (ran.code, ran.err) == (0, "")
    labels = [layer["label"] for layer in json.loads(ran.out)["layers"]]
    assert labels == [
        "preprocess scale 0.003922 mean 0.4,0.5,0.6 std 0.2 bgr", "conv conv1", "relu",
        "avgpool 2x2",
    ]  # fmt: skip
    numbers = ((photo / 255 - [0.4, 0.5, 0.6]) / 0.2)[..., ::-1]
    found = np.load("out.npy")
    np.testing.assert_allclose(found, Chain("net.onnx:2 avgpool 2")(numbers), rtol=1e-5, atol=1e-6)
    model = Chain.from_model(
        "net.onnx", "relu1", input_scale=1 / 255, mean=[0.4, 0.5, 0.6], std=0.2, channel_order="bgr"
    )
    np.testing.assert_allclose(found, Chain("avgpool 2")(model(photo)), rtol=1e-6)
    assert model.layers == tuple(labels[:3])
    assert model[1:].layers == tuple(labels[1:3])
    np.testing.assert_array_equal(model[1:](numbers.astype(np.float32)), model(photo))


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"path": "net.pt"}, "path must name an .onnx file, not 'net.pt'"),
        ({"until": "none"}, "net.onnx: has no node 'none'"),
        ({"mean": "x"}, "mean must be finite numbers, not 'x'"),
        ({"mean": [1, 2]}, "mean has 2 numbers for 3 channels"),
        ({"std": [1, 0, 1]}, "net.onnx: std must be above 0"),
        ({"std": float("nan")}, "std must be finite numbers"),
        ({"input_scale": [1, 2]}, "input_scale must be one number"),
        ({"channel_order": "gbr"}, "channel_order must be rgb or bgr, not 'gbr'"),
    ],
)
def test_arguments_in_python_are_checked(photo, arguments, problem):
    with pytest.raises(UsageError, match=re.escape(problem)):
        Chain.from_model(**{"path": "net.onnx", **arguments})(photo)


def test_gray_enters_three_equal_channels(convcli, photo):
    np.save("gray.npy", photo[..., 0])
    np.save("three.npy", photo[..., [0, 0, 0]])
    results = [convcli("chain", name, "net.onnx", "-o", "-") for name in ("gray.npy", "three.npy")]
    assert results[0] == results[1]
    shares = [float(number) for number in results[0].out.split()]
    assert len(shares) == 3
    assert sum(shares) == pytest.approx(1)


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["net.onnx:conv3"], "layer 1 (net.onnx): has no node 'conv3'; did you mean conv2"),
        (["net.onnx:10"], "layer 1 (net.onnx): has 9 layers, and no number 10"),
        (["relu", "none.onnx"], "layer 2 (none.onnx): no such file"),
        (["net.onnx", "--input-scale", "1/0"], "layer 1 (net.onnx): Invalid value for '--input-s"),
        (["net.onnx", "--mean", "1,x"], "layer 1 (net.onnx): Invalid value for '--mean'"),
        (["net.onnx", "--stride", "2"], "No such option '--stride' of net.onnx"),
        (["photo.npz"], "conv takes the weights"),
    ],
)
def test_refusals_are_one_line(convcli, photo, words, problem):
    convcli("chain", "photo.npy", *words, "-o", "out.npy").fails(2, problem)


def test_a_figure_names_the_network(convcli, photo):
    assert (
        convcli("chain", "photo.npy", "net.onnx:relu1", "--plot", "a.svg", "--dpi", "20").code == 0
    )
    assert "photo.npy, net.onnx" in Path("a.svg").read_text()


def test_words_in_another_place_get_advice(convcli, photo):
    problem = "net.onnx is a network: INPUT comes first, as in convcli chain INPUT net.onnx"
    convcli("chain", "net.onnx", "relu").fails(2, problem)
    ran = convcli("explore", "@camera", "-k", "blur", "--layer", "net.onnx", "-o", "page.html")
    ran.fails(2, "a page has no network; it has conv")


def test_what_does_not_fit_the_image_names_it(convcli, photo):
    words = "chain", "photo.npy", "channelpool", "max", "net.onnx", "--summary"
    convcli(*words).fails(1, "photo.npy: net.onnx takes 3 channels, and the input has 1")
    ran = convcli("chain", "photo.npy", "net.onnx", "--mean", "1,2", "--summary")
    ran.fails(1, "layer 1 (preprocess mean 1,2): mean has 2 numbers for 3 channels")


def test_a_value_is_explained_down_to_the_pixels(convcli, photo):
    layer = "net.onnx --input-scale 1/255 --mean .4,.5,.6 --channel-order bgr"
    words = ["explain", "photo.npy", "--layer", layer, "--at", "0,0", "--map", "2"]
    text = convcli(*words).out.decode()
    chain = Chain(layer)
    [*_, scores, _] = chain.maps(photo)
    assert "layer 9 (dense scores): row 0, column 0 of the 1x1 map 2 of 3 is 1.0" in text
    assert scores[0, 0, 1] == pytest.approx(1.049, abs=1e-3)
    table = text.partition("value*weight\n")[2].splitlines()
    assert [line.split()[:2] for line in table[:4]] == [["map", str(n)] for n in range(1, 5)]
    data = json.loads(convcli(*words, "--json").out)
    steps = {step["layer"]: step for step in data["layers"]}
    assert data["layers"][0]["value"] == pytest.approx(chain(photo)[0, 0, 1], abs=1e-4)
    first = steps["preprocess"]
    row, column, channel = first["next"]
    assert first["input"] == photo[row, column, channel - 1]
    assert first["map"] == 4 - channel
    assert first["mean"] == [0.4, 0.5, 0.6][channel - 1]
    number = first["input"] * first["factor"] - first["mean"]
    assert first["value"] == pytest.approx(number, abs=1e-4)
