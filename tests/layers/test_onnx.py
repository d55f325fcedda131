"""The node tests of ONNX, each as a layer of a chain."""

from typing import Any

import numpy as np
import pytest

from convcli.errors import UsageError
from convcli.layers.network import plan_network, run_network
from convcli.teaching.chain.parser import parse_layers

onnx = pytest.importorskip("onnx")
pytestmark = pytest.mark.slow

PLAIN = {"Relu": "relu", "Sigmoid": "sigmoid", "Tanh": "tanh", "Abs": "abs"}


class NotApplyingError(Exception):
    """What a node asks for is no layer of ours."""


def node_cases():
    """Yield the name, the node, and the inputs and outputs of each test of one node."""
    from onnx.backend.test.case.node import collect_testcases

    with np.errstate(all="ignore"):
        cases = collect_testcases(None)
    for case in cases:
        [node, *more] = case.model.graph.node
        if more or node.op_type not in OPERATORS:
            continue
        for inputs, outputs in case.data_sets:
            names = [each.name for each in case.model.graph.input]
            values = dict(zip(names, inputs, strict=True))
            yield case.name, node, [values.get(name) for name in node.input], list(outputs)


def attributes_of(node):
    return {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute}


def tall(numbers, first):
    """Give numbers along one axis a first axis."""
    return (first, *numbers) if len(numbers) == 1 else tuple(numbers)


def joined(numbers):
    return ",".join(str(int(number)) for number in numbers)


def pads_of(given, size, kernel, stride, dilation):
    """Return (top, bottom, left, right), however they are given."""
    auto = given.get("auto_pad", b"NOTSET").decode()
    if auto.startswith("SAME"):
        return "same-upper" if auto == "SAME_UPPER" else "same-lower"
    pads = given.get("pads", [0] * 2 * len(size)) if auto == "NOTSET" else [0] * 2 * len(size)
    if len(pads) == 2:
        pads = [0, pads[0], 0, pads[1]]
    return joined((pads[0], pads[2], pads[1], pads[3]))


def windows(node, size, kernel):
    """Return the options of windows that slide."""
    given = attributes_of(node)
    stride = tall(given.get("strides", [1] * len(size)), 1)
    dilation = tall(given.get("dilations", [1] * len(size)), 1)
    pads = pads_of(given, size, kernel, stride, dilation)
    return f"--stride {joined(stride)} --dilation {joined(dilation)} --padding {pads}"


def saved(array, name):
    np.save(f"{name}.npy", array)
    return f"{name}.npy"


def bank_text(values, name):
    """Save a bank, of one axis as one row, and its biases; return their options."""
    weights = values[1] if values[1].ndim == 4 else values[1][:, :, np.newaxis]
    text = f"-k {saved(weights, name)}"
    biases = values[2] if len(values) > 2 else None
    return text + (f" --bias {saved(biases, 'biases')}" if biases is not None else "")


def conv(node, values):
    groups = attributes_of(node).get("group", 1)
    options = windows(node, values[0].shape[2:], values[1].shape[2:])
    return f"conv {bank_text(values, 'bank')} --border zero --groups {groups} {options}"


def conv_transpose(node, values):
    given, size = attributes_of(node), values[0].shape[2:]
    axes = len(size)
    kernel, ones = values[1].shape[2:], [1] * axes
    stride, dilation = given.get("strides", ones), given.get("dilations", ones)
    more = given.get("output_padding", [0] * axes)
    pads = given.get("pads", [0] * 2 * axes)
    auto = given.get("auto_pad", b"NOTSET").decode()
    target = given.get("output_shape")
    if auto.startswith("SAME"):
        target = [n * s for n, s in zip(size, stride, strict=True)]
    if target is not None:
        pads = [0] * 2 * axes
        for axis, side in enumerate(target):
            whole = (size[axis] - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1
            total = whole + more[axis] - side
            if total < 0:
                raise NotApplyingError("an output larger than its values reach")
            fewer, rest = total // 2, total - total // 2
            first, last = (fewer, rest) if auto == "SAME_UPPER" else (rest, fewer)
            pads[axis], pads[axis + axes] = first, last
    padding = pads_of({"pads": pads}, size, kernel, stride, dilation)
    return (
        f"convtranspose {bank_text(values, 'bank')} --stride {joined(tall(stride, 1))} "
        f"--dilation {joined(tall(dilation, 1))} --padding {padding} "
        f"--output-padding {joined(tall(more, 0))} --groups {given.get('group', 1)}"
    )


def pool(node, values):
    given = attributes_of(node)
    if len(node.output) > 1:
        raise NotApplyingError("the places of the maxima")
    kernel = tall(given["kernel_shape"], 1)
    options = windows(node, values[0].shape[2:], kernel)
    ceil = " --ceil" * bool(given.get("ceil_mode", 0))
    if node.op_type == "MaxPool":
        return f"maxpool {joined(kernel)} {options}{ceil}"
    counted = "" if given.get("count_include_pad", 0) else "no-"
    return f"avgpool {joined(kernel)} {options}{ceil} --{counted}count-padding"


def global_pool(node, values):
    return f"globalpool {'max' if node.op_type == 'GlobalMaxPool' else 'avg'}"


def leaky(node, values):
    return f"leaky-relu --slope {attributes_of(node).get('alpha', 0.01)}"


def softmax(node, values):
    if attributes_of(node).get("axis", -1) % values[0].ndim != 1:
        raise NotApplyingError("another axis")
    return "softmax"


def flatten(node, values):
    if attributes_of(node).get("axis", 1) != 1:
        raise NotApplyingError("another axis")
    return "flatten"


def batchnorm(node, values):
    given = attributes_of(node)
    if given.get("training_mode", 0):
        raise NotApplyingError("training")
    names = "weight", "bias", "mean", "var"
    files = " ".join(f"--{n} {saved(v, n)}" for n, v in zip(names, values[1:], strict=True))
    return f"batchnorm {files} --eps {given.get('epsilon', 1e-5)}"


def resize(node, values):
    given = {n: v.decode() if isinstance(v, bytes) else v for n, v in attributes_of(node).items()}
    given_scales = (v for v in values[1:] if v is not None and v.dtype.kind == "f" and v.size == 4)
    scales = next(given_scales, None)
    if scales is None or len(values) > 3 or not all(float(s).is_integer() for s in scales):
        raise NotApplyingError("sizes, or scales that are not whole")
    mode = given.get("mode", "nearest")
    place = given.get("coordinate_transformation_mode", "half_pixel")
    rest = given.get("antialias", 0), given.get("exclude_outside", 0), "axes" in given
    factor = joined(scales[2:])
    if node.op_type == "Upsample" and mode == "nearest":
        return f"upsample {factor}"
    if mode == "nearest" and place == "asymmetric" and given.get("nearest_mode") == "floor":
        return f"upsample {factor}"
    if mode == "nearest" and place == "half_pixel" and "nearest_mode" not in given:
        return f"upsample {factor}"
    if mode == "linear" and place in ("half_pixel", "align_corners") and not any(rest):
        aligned = " --align-corners" * (place == "align_corners")
        return f"upsample {factor} --mode bilinear{aligned}"
    raise NotApplyingError(f"{mode}, {place}")


OPERATORS: dict[str, Any] = {
    "Conv": conv, "ConvTranspose": conv_transpose, "MaxPool": pool, "AveragePool": pool,
    "GlobalMaxPool": global_pool, "GlobalAveragePool": global_pool, "LeakyRelu": leaky,
    "Softmax": softmax, "Flatten": flatten, "BatchNormalization": batchnorm, "Resize": resize,
    "Upsample": resize,
} | {name: (lambda node, values, text=text: text) for name, text in PLAIN.items()}  # fmt: skip


def computed(node, values):
    """Run a node as a layer on each sample, (C, H, W)."""
    image = values[0]
    if image.dtype.kind not in "iuf" or image.ndim not in (3, 4):
        raise NotApplyingError(f"{image.ndim} axes of {image.dtype}")
    layers = parse_layers(OPERATORS[node.op_type](node, values))
    return np.stack([run_on(layers, sample) for sample in image])


def run_on(layers, sample):
    """Run layers on (C, H, W), or on (C, W), one row."""
    planes = sample if sample.ndim == 3 else sample[:, np.newaxis]
    maps = np.ascontiguousarray(np.moveaxis(planes, 0, -1))
    [found] = run_network(plan_network(layers, maps.shape), maps)
    return np.moveaxis(found, -1, 0)


def check_close(name, found, expected):
    rounded = "last_window_starts_on_pad" in name  # written there with four digits
    sides = [[side for side in each.shape if side > 1] for each in (found, expected)]
    assert sides[0] == sides[1], name
    found = found.reshape(expected.shape)
    scale = np.abs(expected.astype(np.float64)).max()
    near = 2e-3 if expected.dtype == np.float16 else 2e-4 if rounded else 1e-5
    np.testing.assert_allclose(found, expected, rtol=0, atol=near * scale, err_msg=name)


def model_cases():
    """Yield the name, the network, the image and the output of each test of a node of ours."""
    from onnx.backend.test.case.node import collect_testcases

    with np.errstate(all="ignore"):
        cases = collect_testcases(None)
    for case in cases:
        graph = case.model.graph
        inputs, outputs = case.data_sets[0]
        is_image = inputs and isinstance(inputs[0], np.ndarray) and inputs[0].ndim in (3, 4)
        # A batch that Flatten takes as one is no batch of images.
        if len(graph.node) > 1 or not is_image or "axis0" in case.name or "axis4" in case.name:
            continue
        for given, values in zip(graph.input[1:], inputs[1:], strict=True):
            graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(values), given.name))
        del graph.input[1:]
        yield case.name, case.model, inputs[0], outputs[0]


def test_node_tests(tmp_path, monkeypatch):
    """Every test of one node that is a layer of ours, on one or two axes."""
    monkeypatch.chdir(tmp_path)
    passed: dict[str, int] = {}
    for name, node, values, [expected, *_] in node_cases():
        try:
            found = computed(node, values)
        except NotApplyingError:
            continue
        check_close(name, found, expected)
        passed[node.op_type] = passed.get(node.op_type, 0) + 1
    assert set(passed) == set(OPERATORS), passed
    assert sum(passed.values()) >= 60, passed


def test_node_tests_as_files(tmp_path, monkeypatch):
    """The same tests as networks that a chain reads; other inputs than the first are stored."""
    monkeypatch.chdir(tmp_path)
    passed: dict[str, int] = {}
    for name, model, image, expected in model_cases():
        onnx.save(model, "net.onnx")
        try:
            layers = parse_layers("net.onnx")
        except UsageError:
            continue
        found = np.stack([run_on(layers, sample) for sample in image])
        check_close(name, found, expected)
        operator = model.graph.node[0].op_type
        passed[operator] = passed.get(operator, 0) + 1
    assert passed["ConvTranspose"] >= 9, passed
    assert passed["MaxPool"] >= 13, passed
    assert passed["AveragePool"] >= 13, passed
    assert passed["Conv"] >= 6, passed
    assert sum(passed.values()) >= 58, passed
