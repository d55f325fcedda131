"""Networks of .onnx files as layers of a chain, compared with the reference evaluator of onnx."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from convcli import Chain, read_image
from convcli.errors import ConvcliError, GeometryError, UsageError
from convcli.layers.network import plan_network, run_network
from convcli.teaching.chain.parser import parse_layers

onnx = pytest.importorskip("onnx")

OPSET, IR_VERSION = 17, 8
RNG = np.random.default_rng(4)


def numbers(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def network(nodes, stored, sides=(1, 3, None, None), outputs=("y",), opset=OPSET):
    """Return a model: nodes as (operator, inputs, output, attributes), and its stored numbers."""
    from onnx import helper

    made = [
        helper.make_node(operator, inputs, [output], name=f"n-{output}", **attributes)
        for operator, inputs, output, attributes in nodes
    ]
    kind = onnx.TensorProto.FLOAT
    inputs = [helper.make_tensor_value_info("x", kind, sides)]
    ends = [helper.make_tensor_value_info(output, kind, None) for output in outputs]
    kept = [onnx.numpy_helper.from_array(array, name) for name, array in stored.items()]
    graph = helper.make_graph(made, "g", inputs, ends, kept)
    ids = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=ids, ir_version=IR_VERSION)


@pytest.fixture
def saved(tmp_path, monkeypatch):
    """Save a model, and return the name of its file."""
    monkeypatch.chdir(tmp_path)

    def save(model):
        onnx.save(model, "net.onnx")
        return "net.onnx"

    return save


def computed(text, image):
    """Run layers on (H, W, C); return (C', H', W')."""
    *_, maps = run_network(plan_network(parse_layers(text), image.shape), image)
    return np.moveaxis(maps, 2, 0)


def expected(model, image):
    """Run a model on (H, W, C) by the reference evaluator; return its output, of one image."""
    from onnx.reference import ReferenceEvaluator

    [given] = [each.name for each in model.graph.input]
    planes = np.moveaxis(image, 2, 0)[np.newaxis].astype(np.float32)
    if len(model.graph.input[0].type.tensor_type.shape.dim) == 3:
        planes = planes[:, :, 0]
    return ReferenceEvaluator(model).run(None, {given: planes})[0][0]


def check(found, wanted):
    assert [side for side in found.shape if side > 1] == [side for side in wanted.shape if side > 1]
    scale = np.abs(wanted).max()
    np.testing.assert_allclose(found.reshape(wanted.shape), wanted, rtol=0, atol=1e-5 * scale)


CONV = {"pads": [1, 1, 1, 1]}


def denoiser():
    """Return a model of seven convolutions and LeakyRelu, as waifu2x has them."""
    nodes: list[Any] = []
    stored: dict[str, Any] = {}
    tensor, channels = "x", 3
    for number in range(1, 8):
        maps = 3 if number == 7 else 8
        stored |= {
            f"w{number}": numbers(maps, channels, 3, 3) / (9 * channels) ** 0.5,
            f"b{number}": numbers(maps) * 10,
        }
        end = "y" if number == 7 else f"c{number}"
        nodes.append(("Conv", [tensor, f"w{number}", f"b{number}"], end, CONV))
        tensor, channels = end, maps
        if number < 7:
            nodes.append(("LeakyRelu", [tensor], f"r{number}", {"alpha": 0.1}))
            tensor = f"r{number}"
    return network(nodes, stored)


def test_a_denoising_network_of_seven_layers(saved):
    model = denoiser()
    photo = np.ascontiguousarray(read_image("@rocket")[100:140, 300:330])
    check(computed(saved(model), photo), expected(model, photo))


@pytest.mark.slow
def test_a_denoising_network_on_a_whole_photo(saved):
    """The evaluator would take minutes; onnxruntime takes a second."""
    runtime = pytest.importorskip("onnxruntime")
    photo = read_image("@rocket")
    session = runtime.InferenceSession(saved(denoiser()), providers=["CPUExecutionProvider"])
    planes = np.moveaxis(photo, 2, 0)[np.newaxis].astype(np.float32)
    check(computed("net.onnx", photo), session.run(None, {"x": planes})[0][0])


def test_a_classifier_with_weights_in_every_place(saved):
    """Identity and Constant nodes hold weights; Dropout and Identity change nothing."""
    from onnx import helper, numpy_helper

    stored = {
        "w1": numbers(8, 3, 5, 5), "w2": numbers(8, 1, 3, 3), "scale": abs(numbers(8)),
        "shift": numbers(8), "mean": numbers(8), "var": abs(numbers(8)), "map": numbers(8, 1, 1),
        "row": numbers(1, 1, 1, 3), "fc": numbers(10, 8 * 4 * 3) / 10, "fb": numbers(10),
    }  # fmt: skip
    nodes: list[Any] = [
        ("Identity", ["w1"], "w1a", {}),
        ("Identity", ["w1a"], "w1b", {}),
        ("Conv", ["x", "w1b"], "c1", {"strides": [2, 2], "pads": [2, 1, 1, 2]}),
        ("BatchNormalization", ["c1", "scale", "shift", "mean", "var"], "bn", {}),
        ("Relu", ["bn"], "r", {}),
        ("MaxPool", ["r"], "p", {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}),
        ("Conv", ["p", "w2"], "c2", {"group": 8, "auto_pad": "SAME_LOWER", "strides": [2, 1]}),
        ("Add", ["map", "c2"], "a", {}),
        ("Add", ["a", "constant"], "a2", {}),
        ("Add", ["a2", "row"], "a3", {}),
        ("Dropout", ["a3"], "d", {}),
        ("AveragePool", ["d"], "q", {"kernel_shape": [1, 2], "pads": [0, 0, 0, 1]}),
        ("Flatten", ["q"], "f", {}),
        ("Gemm", ["f", "fc", "fb"], "g", {"transB": 1, "alpha": 0.5, "beta": 2.0}),
        ("Identity", ["g"], "i", {}),
        ("Softmax", ["i"], "y", {}),
    ]  # fmt: skip
    model = network(nodes, stored, (1, 3, 28, 15))
    value = numpy_helper.from_array(np.float32(0.25), "v")
    model.graph.node.insert(0, helper.make_node("Constant", [], ["constant"], value=value))
    image = RNG.integers(0, 256, (28, 15, 3), np.uint8)
    wanted = expected(model, image)
    check(computed(saved(model), image), wanted)
    del model.graph.node[0].attribute[:]
    model.graph.node[0].attribute.append(helper.make_attribute("value_float", 0.25))
    check(computed(saved(model), image), wanted)


def test_a_network_over_a_signal(saved):
    stored = {"w": numbers(4, 2, 3), "up": numbers(4, 2, 4), "c": numbers(2, 1)}
    nodes = [
        ("Conv", ["x", "w"], "c1", {"dilations": [2], "pads": [3, 1], "group": 1}),
        ("Relu", ["c1"], "r", {}),
        ("MaxPool", ["r"], "p", {"kernel_shape": [2], "strides": [2]}),
        ("ConvTranspose", ["p", "up"], "t", {"strides": [2], "pads": [1, 1]}),
        ("Add", ["t", "c"], "a", {}),
        ("GlobalAveragePool", ["a"], "y", {}),
    ]
    model = network(nodes, stored, (1, 2, None))
    signal = RNG.normal(size=(1, 21, 2))
    check(computed(saved(model), signal), expected(model, signal))


PADDED = st.fixed_dictionaries(
    {"strides": st.tuples(st.integers(1, 3), st.integers(1, 3)),
     "dilations": st.tuples(st.integers(1, 2), st.integers(1, 2))},
    optional={"pads": st.tuples(*[st.integers(0, 1)] * 4)},
)  # fmt: skip
RULES = st.sampled_from(["SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET"])


@settings(max_examples=30, deadline=None, derandomize=True, phases=[Phase.generate])
@given(st.data())
def test_windows_slide_as_in_onnx(tmp_path_factory, data):
    """Any stride, padding, dilation, rule and number of groups of convolutions and pools."""
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    attributes: dict[str, Any] = {key: list(value) for key, value in data.draw(PADDED).items()}
    operator = data.draw(st.sampled_from(["Conv", "ConvTranspose", "MaxPool", "AveragePool"]))
    if "pads" not in attributes and operator == "Conv":  # the evaluator's pools fail with rules
        attributes["auto_pad"] = data.draw(RULES)
    groups = data.draw(st.sampled_from([1, 2, 4]))
    kernel = data.draw(st.tuples(st.integers(1, 3), st.integers(2, 3)))
    stored = {}
    if operator.startswith("Conv"):
        groups = groups if operator == "Conv" else 1  # the evaluator fails with more
        stored["w"] = rng.normal(size=(4, 4 // groups, *kernel)).astype(np.float32)
        attributes["group"] = groups
    else:
        attributes["kernel_shape"] = list(kernel)
    if operator == "MaxPool":  # means with ceil_mode are shifted by the evaluator
        attributes["ceil_mode"] = data.draw(st.integers(0, 1))
    if operator == "AveragePool":
        attributes["count_include_pad"] = data.draw(st.integers(0, 1))
    model = network(
        [(operator, ["x", *stored], "y", attributes)], stored, (1, 4, None, None), opset=22
    )
    image = rng.normal(size=(rng.integers(5, 8), rng.integers(5, 8), 4)).astype(np.float32)
    path = tmp_path_factory.getbasetemp() / "windows.onnx"
    onnx.save(model, path)
    try:
        found = computed(f"'{path}'", image)
    except GeometryError:  # windows of padding alone, or outputs that are cut off
        return
    check(found, expected(model, image))


@pytest.fixture
def branched(saved):
    """A network of two layers, a branch, and an operator that is no layer."""
    nodes = [
        ("Conv", ["x", "w"], "c1", CONV),
        ("Relu", ["c1"], "r1", {}),
        ("Conv", ["r1", "w"], "c2", CONV),
        ("Relu", ["c2"], "r2", {}),
        ("Add", ["r2", "r1"], "a", {}),
        ("Elu", ["a"], "y", {}),
    ]
    return saved(network(nodes, {"w": numbers(3, 3, 3, 3)}))


def labels(text):
    return Chain(text).layers


def refusal(text):
    with pytest.raises(UsageError) as caught:
        Chain(text)
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_until_is_a_node_an_output_or_a_number(branched):
    whole = ("conv n-c1", "relu")
    assert labels("net.onnx:n-r1") == labels("net.onnx:r1") == labels("net.onnx:2") == whole
    assert labels("net.onnx:1") == labels("net.onnx:n-c1") == whole[:1]
    assert labels("net.onnx:c2 maxpool 2 net.onnx:1") == (
        *whole, "conv n-c2", "maxpool 2", "conv n-c1"
    )  # fmt: skip


def test_only_what_leads_to_until_must_be_a_line(branched):
    """The branch lies after r1, and joins at a; what r1 also feeds does not matter to c2."""
    assert labels("net.onnx:r2") == ("conv n-c1", "relu", "conv n-c2", "relu")
    last = "net.onnx:n-r1 is the last node before the network branches, into n-c2 and n-a"
    branch = f"layer 1 (net.onnx): {last}; net.onnx:n-c2 follows one branch"
    assert refusal("net.onnx") == refusal("net.onnx:y") == refusal("net.onnx:3") == branch


def test_a_branch_at_the_input_names_a_node_that_can_be_shown(saved):
    nodes = [("Conv", ["x", "w"], "c1", CONV), ("Add", ["c1", "x"], "y", {})]
    saved(network(nodes, {"w": numbers(3, 3, 3, 3)}))
    branch = (
        "the network branches at its input, into n-c1 and n-y; net.onnx:n-c1 follows one branch"
    )
    assert refusal("net.onnx") == refusal("net.onnx:1") == f"layer 1 (net.onnx): {branch}"
    assert labels("net.onnx:n-c1") == ("conv n-c1",)


@pytest.mark.parametrize(
    ("node", "problem"),
    [
        (("Elu", ["c1"], "y", {}), "node n-y (Elu) is no layer of chain"),
        (("Add", ["c1", "c1"], "y", {}), "node n-y (Add) joins branches"),
        (("Add", ["c1", "z"], "y", {}), "node n-y (Add) reads z, which is computed (Neg);"),
        (("Conv", ["c1", "lost"], "y", {}), "reads lost, which is not in the file"),
        (("Gemm", ["c1", "w"], "y", {}), "a Flatten node must come before it"),
        (("Softmax", ["c1"], "y", {}), "axis -1 is not supported, only the maps, axis 1"),
        (("Flatten", ["c1"], "y", {"axis": 2}), "axis 2 is not supported, only 1"),
        (("MaxPool", ["c1"], "y", {"kernel_shape": [2]}), "its kernel_shape do not fit its axes"),
        (("Conv", ["c1", "w"], "y", {"strides": [0, 1]}), "its strides, 0,1, are not supported"),
        (("Conv", ["c1", "w"], "y", {"kernel_shape": [5, 5]}), "is not that of its weights"),
        (("Conv", ["c1", "z"], "y", {}), "reads z, which is computed (Neg);"),
        (("Conv", ["c1", "bad"], "y", {}), "bad: holds numbers that are not finite"),
    ],
)
def test_what_is_no_layer_is_refused_by_name(saved, node, problem):
    stored = {"w": numbers(3, 3, 3, 3), "bad": np.full((3, 3, 1, 1), np.nan, np.float32)}
    nodes = [("Neg", ["w"], "z", {}), ("Conv", ["x", "w"], "c1", CONV), node]
    text = refusal(saved(network(nodes, stored)))
    assert problem in text
    assert text.endswith("net.onnx:n-c1 is the last node that can be shown")
    assert labels("net.onnx:n-c1") == ("conv n-c1",)


def test_other_refusals(saved, branched, monkeypatch):
    assert "did you mean n-c1 or" in refusal("net.onnx:n-cc1")
    assert "has no node 'w'" in refusal("net.onnx:w")
    assert "no such file" in refusal("none.onnx")
    np.savez("a.npz", w=np.ones((1, 1, 3, 3)))
    assert "conv takes the weights: conv -k a.npz:LAYER" in refusal("a.npz")
    saved(network([("Conv", ["x", "w"], "y", CONV)], {"w": numbers(3, 3, 3, 3)}))
    with monkeypatch.context() as patch:
        patch.setattr("convcli.layers.onnx_layers.MAX_NUMBERS", 80)
        assert "w: its layers have more than 80 numbers" in refusal("net.onnx")
    assert "has 1 layer, and no number 9" in refusal("net.onnx:9")
    chained: list[Any] = [("Relu", [f"t{n}"], f"t{n + 1}", {}) for n in range(1001)]
    chained[0] = ("Relu", ["x"], "t1", {})
    saved(network(chained, {}, outputs=["t1001"]))
    assert "has more than 1,000 layers" in refusal("net.onnx")
    assert len(Chain("net.onnx:3")) == 3
    saved(network([("Elu", ["x"], "y", {})], {}))
    assert refusal("net.onnx").endswith(
        "(Elu) is no layer of chain; no node before it can be shown"
    )
    saved(network([("Identity", ["x"], "y", {})], {}))
    assert refusal("net.onnx").endswith("has no layer: its nodes keep values as they are")
    assert "has no layer up to there: " in refusal("net.onnx:y")
    saved(network([("Relu", ["x"], "y", {})], {}, (1, 3, 4, 5, 6)))
    assert "an input of 5 axes" in refusal("net.onnx")
    saved(network([("Relu", ["y"], "z", {}), ("Relu", ["z"], "y", {})], {}))
    assert "its graph is a loop" in refusal("net.onnx:z")
    saved(network([("Relu", ["w"], "y", {})], {"w": numbers(1, 3, 1, 1)}))
    assert "computes nothing" in refusal("net.onnx:y")
    short = {"strides": [3, 2], "auto_pad": "SAME_UPPER"}
    saved(network([("ConvTranspose", ["x", "w"], "y", short)], {"w": numbers(3, 2, 1, 4)}))
    assert "its auto_pad SAME_UPPER needs a kernel, with its gaps" in refusal("net.onnx")
    loop: list[Any] = [
        ("Conv", ["q", "w"], "a", {}),
        ("Relu", ["a"], "q", {}),
        ("Relu", ["q"], "y", {}),
    ]
    saved(network([*loop, ("Abs", ["x"], "z", {})], {"w": numbers(3, 3, 1, 1)}))
    assert "its graph is a loop, as node " in refusal("net.onnx:y")
    assert len(Chain("net.onnx:z")) == 1
    saved(network([("Relu", ["x"], "y", {}), ("Abs", ["x"], "y", {})], {}))
    assert "is damaged: two nodes make 'y'" in refusal("net.onnx")


def test_weights_of_a_network_that_does_not_run_are_advised(saved):
    """As networks of TensorFlow begin; some exporters write -1 for sides of any length."""
    nodes: list[Any] = [
        ("Transpose", ["x"], "t", {"perm": [0, 3, 1, 2]}),
        ("Conv", ["t", "w"], "y", CONV),
    ]
    model = network(nodes, {"w": numbers(3, 3, 3, 3)}, (-1, -1, -1, 3))
    text = refusal(saved(model))
    assert text.endswith(
        "no node before it can be shown, but weights can: 'convcli kernels list net.onnx' lists "
        "those of its convolutions, and -k net.onnx takes the first"
    )
    model.graph.input[0].type.tensor_type.shape.dim[3].dim_value = -(2**63)
    assert refusal(saved(model)) == text
    for weights in (np.full((3, 3, 3, 3), np.nan, np.float32), numbers(3, 1, 3, 3)):
        nodes[1] = ("Conv", ["t", "w"], "y", {"group": 3 // weights.shape[1]})
        text = refusal(saved(network(nodes, {"w": weights}, (-1, -1, -1, 3))))
        assert text.endswith("no node before it can be shown")  # -k would refuse them too


def test_what_a_network_takes(saved):
    """Scale, mean and standard deviation in this order, and then the channels backwards."""
    weights = {"w": np.eye(3, dtype=np.float32)[:, :, np.newaxis, np.newaxis]}
    saved(network([("Conv", ["x", "w"], "y", {})], weights, (1, 3, 2, None)))
    pixels = RNG.integers(0, 256, (2, 3, 3), np.uint8)
    chain = Chain("net.onnx --input-scale 1/255 --mean .4,.5,.6 --std .1,.2,.3 --channel-order bgr")
    assert chain.layers == (
        "preprocess scale 0.003922 mean 0.4,0.5,0.6 std 0.1,0.2,0.3 bgr", "conv n-y"
    )  # fmt: skip
    wanted = ((pixels / 255 - [0.4, 0.5, 0.6]) / [0.1, 0.2, 0.3])[..., ::-1]
    np.testing.assert_allclose(chain(pixels), wanted, rtol=1e-6)
    assert chain(pixels).dtype == np.float32
    assert Chain("net.onnx")(pixels).tolist() == pixels.tolist()
    assert Chain("net.onnx")(pixels[..., 0])[..., 2].tolist() == pixels[..., 0].tolist()
    with pytest.raises(UsageError, match="of 3x2, and this one is 3x4; use --resize 3x2"):
        Chain("net.onnx")(np.zeros((4, 3, 3)))
    with pytest.raises(UsageError, match=r"net.onnx takes 3 channels, and the input has 4"):
        Chain("net.onnx")(np.zeros((2, 3, 4)))
    with pytest.raises(UsageError, match="mean has 2 numbers for 3 channels"):
        Chain("net.onnx --mean 1,2")(pixels)
    for std in ("1,0,1", "-1,1,1"):
        with pytest.raises(UsageError, match="std must be above 0"):
            Chain(f"net.onnx --std {std}")
    with pytest.raises(UsageError, match="input scale must not be 0"):
        Chain("net.onnx --input-scale 0")
    Path("net.onnx:1").write_bytes(b"")
    with pytest.raises(UsageError, match=r"net.onnx:1 is a file, but no network"):
        Chain("net.onnx:1")


@pytest.mark.parametrize(
    ("before", "made", "advice"),
    [
        ("maxpool 2", "16x12", "; use --resize 6x4"),
        ("upsample 2", "64x48", ""),
        ("conv -k box:3 --padding 0", "30x22", "; use --resize 5x4"),
        ("globalpool avg", "1x1", ""),
    ],
)
def test_layers_before_a_network_change_the_size_that_is_advised(saved, before, made, advice):
    saved(network([("Relu", ["x"], "y", {})], {}, (1, 3, 2, 3)))
    with pytest.raises(UsageError) as caught:
        Chain([before, "net.onnx"])(np.zeros((24, 32, 3)))
    words = f"takes inputs of 3x2, and the layers before it give {made}{advice}"
    assert str(caught.value).endswith(words)
    if advice:
        columns, rows = map(int, advice.rpartition(" ")[2].split("x"))
        assert Chain([before, "net.onnx"])(np.zeros((rows, columns, 3))).shape == (2, 3, 3)


def test_a_network_of_one_channel_takes_gray(saved):
    saved(network([("Conv", ["x", "w"], "y", {})], {"w": numbers(2, 1, 2, 2)}, None))
    pixels = RNG.integers(0, 256, (5, 4, 3), np.uint8)
    gray = (pixels @ np.array([19595, 38470, 7471]) + 32768) >> 16
    np.testing.assert_array_equal(
        Chain("net.onnx")(pixels), Chain("net.onnx")(gray.astype(np.uint8))
    )


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_damaged_files_are_refused_in_one_line(tmp_path_factory, data):
    stored = {"w": np.ones((2, 3, 2, 2), np.float32), "fc": np.ones((8, 2), np.float32)}
    nodes = [
        ("Conv", ["x", "w"], "c", CONV), ("MaxPool", ["c"], "p", {"kernel_shape": [2, 2]}),
        ("Flatten", ["p"], "f", {}), ("Gemm", ["f", "fc"], "g", {}), ("Softmax", ["g"], "y", {}),
    ]  # fmt: skip
    content = bytearray(network(nodes, stored, (1, 3, 3, 3)).SerializeToString())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.onnx"
    path.write_bytes(content[: data.draw(st.integers(len(content) - 40, len(content)))])
    with suppress(ConvcliError):
        Chain(f"'{path}'")(np.ones((3, 3, 3), np.uint8))
