"""The .onnx format: what the onnx package writes is read to the bit; hostile files are refused."""

import io
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from convcli.errors import KernelError
from convcli.kernels.models import protobuf
from convcli.kernels.models.onnx import read_model
from convcli.kernels.models.onnx_graph import TYPES
from convcli.kernels.spec import get_kernel, read_spec
from convcli.teaching.kernels.model_text import list_model

KINDS = {kind: np.dtype(code) for kind, code in TYPES.items() if kind != 16}
SHAPES = array_shapes(min_dims=0, max_dims=4, max_side=4)


def varint(number):
    number &= 2**64 - 1
    data = b""
    while number >= 0x80:
        data += bytes([number & 0x7F | 0x80])
        number >>= 7
    return data + bytes([number])


def field(number, value):
    """Return a field of a message: a number, or bytes with their length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def tensor(name="w", shape=(1, 1, 2, 2), kind=1, numbers=None, more=b""):
    dims = b"".join(field(1, side) for side in shape)
    raw = np.arange(1, 5, dtype="<f4").tobytes() if numbers is None else numbers
    return dims + field(2, kind) + field(8, name) + field(9, raw) + more


def attribute(name, integers=(), text=None):
    packed = field(8, b"".join(map(varint, integers))) if integers else b""
    return field(1, name) + packed + (b"" if text is None else field(4, text))


def node(operator="Conv", inputs=("x", "w"), name="c", attributes=()):
    ends = b"".join(field(1, each) for each in inputs) + field(2, f"{name}_out")
    return ends + field(3, name) + field(4, operator) + b"".join(field(5, a) for a in attributes)


def model(*, nodes=(), tensors=()):
    graph = b"".join(field(1, each) for each in nodes) + b"".join(field(5, t) for t in tensors)
    return field(1, 8) + field(2, "tests") + field(7, graph)


def opened(data):
    return read_model(io.BytesIO(data))


def refusal(data):
    with pytest.raises(KernelError) as caught:
        [each.numbers() for each in opened(data).tensors]
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_a_file_written_by_hand():
    [weights] = opened(model(tensors=[tensor()])).tensors
    assert (weights.name, weights.shape, weights.dtype) == ("w", (1, 1, 2, 2), "float32")
    assert weights.numbers().tolist() == [[[[1, 2], [3, 4]]]]


@given(
    st.sampled_from(list(KINDS)).flatmap(lambda k: st.tuples(st.just(k), arrays(KINDS[k], SHAPES)))
)
def test_tensors_of_every_type_in_every_field(kind_and_array):
    onnx = pytest.importorskip("onnx")
    kind, array = kind_and_array
    raw = onnx.numpy_helper.from_array(array, "raw")
    assert raw.data_type == kind
    listed = onnx.helper.make_tensor("listed", kind, array.shape, array.ravel().tolist())
    values = [onnx.helper.make_node("Constant", [], ["constant"], value=raw)]
    graph = onnx.helper.make_graph(values, "g", [], [], [raw, listed])
    data = onnx.helper.make_model(graph).SerializeToString()
    found = opened(data).tensors
    assert [each.name for each in found] == ["constant", "raw", "listed"]
    for each in found:
        assert (each.shape, each.dtype) == (array.shape, array.dtype.name)
        np.testing.assert_array_equal(each.numbers(), array)


def test_bfloat16_and_types_that_are_not_read():
    half = np.array([1, -2.5], "<f4").view("<u2")[1::2]
    [brain] = opened(model(tensors=[tensor(shape=(2,), kind=16, numbers=half.tobytes())])).tensors
    assert (brain.dtype, brain.numbers().tolist()) == ("bfloat16", [1, -2.5])
    assert "of the type string, which" in refusal(model(tensors=[tensor(kind=8)]))
    assert "of the type complex64, which" in refusal(model(tensors=[tensor(kind=14)]))
    assert "of the type number 23, which" in refusal(model(tensors=[tensor(kind=23)]))


def convolution(attributes, shape=(4, 3, 3, 3)):
    numbers = np.zeros(shape, "<f4").tobytes()
    data = model(nodes=[node(attributes=attributes)], tensors=[tensor("w", shape, 1, numbers)])
    [found] = opened(data).convolutions
    return found


@pytest.mark.parametrize(
    ("attributes", "stride", "padding", "dilation", "groups"),
    [
        ([], (1, 1), "0", (1, 1), 1),
        ([attribute("strides", [2, 2]), attribute("pads", [3] * 4)], (2, 2), "3", (1, 1), 1),
        ([attribute("pads", [1, 2, 1, 2])], (1, 1), "1,2", (1, 1), 1),
        ([attribute("pads", [0, 1, 2, 3])], (1, 1), "0,2,1,3", (1, 1), 1),
        ([attribute("dilations", [1, 3])], (1, 1), "0", (1, 3), 1),
        ([attribute("auto_pad", text="SAME_UPPER")], (1, 1), "same-upper", (1, 1), 1),
        ([attribute("auto_pad", text="SAME_LOWER")], (1, 1), "same-lower", (1, 1), 1),
        ([attribute("auto_pad", text="VALID")], (1, 1), "0", (1, 1), 1),
        ([attribute("auto_pad", text="NOTSET")], (1, 1), "0", (1, 1), 1),
        ([field(1, "group") + field(3, 3)], (1, 1), "0", (1, 1), 3),
        ([field(3, 3) + field(1, "group")], (1, 1), "0", (1, 1), 3),
        ([attribute("strides", [1, 2, 3]), attribute("pads", [1])], None, None, (1, 1), 1),
        ([attribute("group")], (1, 1), "0", (1, 1), 1),
    ],
)  # fmt: skip
def test_nodes_tell_strides_and_pads(attributes, stride, padding, dilation, groups):
    found = convolution(attributes)
    assert found[2:6] == (stride, padding, dilation, groups)


def test_convolutions_of_one_and_of_three_dimensions(tmp_path):
    attributes = [attribute("strides", [2]), attribute("pads", [1, 2])]
    found = convolution(attributes, (2, 3, 5))
    assert found[2:6] == ((1, 2), "0,0,1,2", (1, 1), 1)
    assert convolution([], (2, 3, 5, 5, 5))[2:6] == (None, None, None, 1)
    weights = np.arange(6, dtype="<f4")
    data = model(nodes=[node()], tensors=[tensor("w", (2, 1, 3), 1, weights.tobytes())])
    (tmp_path / "a.onnx").write_bytes(data)
    kernels = read_spec(str(tmp_path / "a.onnx")).kernels
    assert [kernel.matrix.tolist() for kernel in kernels] == [[[[0, 1, 2]]], [[[3, 4, 5]]]]


def test_layers_are_named_by_node_by_tensor_and_by_number(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    other = np.full(4, 7, "<f4").tobytes()
    nodes = [
        node("Relu", ["x"], "first"),
        node("Conv", ["x", "a:0@9"], "/net/conv:0"),
        node("ConvTranspose", ["x", "b"], "up"),
        node("Conv", ["y", "b"], ""),
        node("Conv", ["z", "computed_out"], "late"),
        node("DequantizeLinear", ["q"], "computed"),
    ]
    data = model(nodes=nodes, tensors=[tensor("b", numbers=other), tensor("a:0@9")])
    (tmp_path / "net.onnx").write_bytes(data)
    first, second = [[[1, 2], [3, 4]]], [[[7, 7], [7, 7]]]
    for layer in ("", ":1", ":/net/conv:0", ":a:0@9"):
        assert get_kernel(f"net.onnx{layer}").matrix.tolist() == first
    for layer in (":2", ":up", ":3", ":_out", ":b"):
        assert get_kernel(f"net.onnx{layer}").matrix.tolist() == second
    for layer in (":4", ":late"):
        with pytest.raises(KernelError, match=r"not stored, but computed .* \(DequantizeLinear\)"):
            get_kernel(f"net.onnx{layer}")
    assert read_spec("net.onnx").note == "in the network stride 1, padding 0, dilation 1, groups 1"


def test_weights_that_are_copied_are_read(tmp_path):
    copies = [node("Identity", ["w"], "a"), node("Identity", ["a_out"], "b")]
    data = model(nodes=[*copies, node("Conv", ["x", "b_out"])], tensors=[tensor()])
    (tmp_path / "net.onnx").write_bytes(data)
    assert get_kernel(f"{tmp_path}/net.onnx").matrix.tolist() == [[[1, 2], [3, 4]]]
    circle = [
        node("Identity", ["b_out"], "a"),
        node("Identity", ["a_out"], "b"),
        node("Identity", []),
    ]
    [convolution] = opened(model(nodes=[*circle, node("Conv", ["x", "b_out"])])).convolutions
    assert "computed by the network (Identity)" in convolution.weights.problem


@pytest.mark.parametrize(
    ("operator", "inputs", "maker", "words"),
    [
        ("QLinearConv", ["x", "s", "z", "w"], "Relu", r"are quantized \(QLinearConv\); export the"),
        ("ConvInteger", ["x", "w"], "Relu", r"are quantized \(ConvInteger\); export the network b"),
        ("Conv", ["x", "m_out"], "DequantizeLinear", "export it before it was quantized"),
        ("Conv", ["x", "m_out"], "Reshape", "export it with its constants folded"),
    ],
)
def test_weights_that_are_not_read_say_what_to_do(tmp_path, operator, inputs, maker, words):
    (tmp_path / "net.onnx").write_bytes(
        model(nodes=[node(maker, ["q"], "m"), node(operator, inputs)], tensors=[tensor()])
    )
    with pytest.raises(KernelError, match=words):
        get_kernel(f"{tmp_path}/net.onnx:c")


def test_transposed_nodes_are_no_first_convolution(tmp_path):
    other = np.full(4, 7, "<f4").tobytes()
    nodes = [node("ConvTranspose", ["x", "b"], "up", [attribute("output_padding", [1, 0])])]
    nodes += [node()]
    path = tmp_path / "net.onnx"
    path.write_bytes(model(nodes=nodes, tensors=[tensor("b", numbers=other), tensor()]))
    assert get_kernel(str(path)).matrix.tolist() == [[[1, 2], [3, 4]]]
    with path.open("rb") as file:
        up, plain = read_model(file).convolutions
    assert (up.name, up.is_transposed, up.output_padding) == ("up", True, (1, 0))
    assert (plain.name, plain.is_transposed, plain.output_padding) == ("c", False, None)


def test_weights_of_constant_nodes(tmp_path):
    value = field(1, "value") + field(5, tensor(""))
    constant = field(2, "k") + field(4, "Constant") + field(5, value)
    (tmp_path / "net.onnx").write_bytes(model(nodes=[constant, node("Conv", ["x", "k"])]))
    assert get_kernel(f"{tmp_path}/net.onnx:c").matrix.tolist() == [[[1, 2], [3, 4]]]


@pytest.mark.parametrize(
    "place", [field(14, 1), field(13, field(1, "location") + field(2, "/etc/passwd"))]
)
def test_data_in_other_files_are_refused(place):
    words = refusal(model(tensors=[tensor(more=place)]))
    assert words == "its numbers lie in another file, which is not read; save the model in one file"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "it holds no graph"),
        (field(1, 8), "it holds no graph"),
        (b"\x3a", "a number does not end"),
        (b"\x80" * 30, "a number does not end"),
        (b"\x3a\x7f", "reaches beyond the end"),
        (b"\x3a" + b"\xff" * 9 + b"\x01", "reaches beyond the end"),
        (b"\x3b\x3c", "is no .onnx file, or damaged"),
        (field(7, 5), "a message is not valid"),
        (model(nodes=[b"\x0a\x05ab"]), "reaches beyond the end"),
        (model(nodes=[node(name="x" * 2000)]), "a name is not valid"),
        (model(nodes=[field(3, 7)]), "a name is not valid"),
        (model(tensors=[tensor(shape=(-1, 4))]), "a tensor has no valid shape"),
        (model(tensors=[tensor(shape=(1,) * 65)]), "a tensor has no valid shape"),
        (model(tensors=[field(1, varint(1) * 999)]), "a tensor has no valid shape"),
        (model(tensors=[field(1, varint(1) * 1001)]), "a list of numbers is too long"),
        (model(tensors=[field(1, b"\x81")]), "a number does not end"),
        (model(tensors=[tensor(shape=(2**40, 2**40))]), "has 16 bytes, which does not fit"),
        (model(tensors=[tensor(shape=(0, 2**61), numbers=b"")]), "holds no numbers"),
        (model(tensors=[field(1, 4) + field(2, 1)]), "holds no numbers"),
        (model(tensors=[field(1, 4) + field(2, 7) + field(7, b"\1\2\3")]), "3 numbers do not fit"),
        (model(tensors=[field(1, 4) + field(2, 7) + field(7, b"")]), "0 numbers do not fit"),
        (model(tensors=[field(1, 4) + field(2, 7) + field(7, b"\1\x82")]), "a number does not end"),
        (model(tensors=[field(1, 1) + field(2, 7) + field(7, b"\x81" * 11 + b"\1")]), "not end"),
        (model(tensors=[field(1, 2**30) + field(2, 7) + field(7, b"\1")]), "at most 64 MiB"),
        (model(nodes=[node(attributes=[attribute("pads", [1] * 1001)])]), "numbers is too long"),
    ],
)  # fmt: skip
def test_hostile_files_are_refused_in_words(data, words):
    assert words in refusal(data)


def test_numbers_of_repeated_fields_are_joined():
    halves = [np.array(pair, "<f4").tobytes() for pair in ([1, 2], [3, 4])]
    data = field(1, 4) + field(2, 1) + field(4, halves[0]) + field(4, halves[1])
    assert opened(model(tensors=[data])).tensors[0].numbers().tolist() == [1, 2, 3, 4]
    data = field(1, 4) + field(2, 7) + field(7, 1) + field(7, b"\2\3") + field(7, -4)
    assert opened(model(tensors=[data])).tensors[0].numbers().tolist() == [1, 2, 3, -4]


@given(st.lists(st.integers(0, 2**64 - 1), max_size=50))
def test_packed_numbers_are_those_of_a_loop(numbers):
    packed = b"".join(map(varint, numbers))
    reader = protobuf.Reader(io.BytesIO(packed))
    assert reader.unsigned(reader.whole).tolist() == numbers


def test_a_file_of_many_fields_is_given_up(monkeypatch):
    monkeypatch.setattr(protobuf, "MAX_FIELDS", 1000)
    assert "has more than 1,000 fields" in refusal(field(1, 8) * 1001)
    nested = model(tensors=[field(1, 1) * 40 for _ in range(30)])
    assert "has more than 1,000 fields" in refusal(nested)


def test_large_tensors_are_not_read_before_they_are_asked_for(tmp_path):
    path = tmp_path / "large.onnx"
    size = 2**28
    head = field(1, 4) + field(1, size // 16) + field(2, 1) + field(8, "large")
    head += varint(9 << 3 | 2) + varint(size)
    graph = field(5, tensor()) + varint(5 << 3 | 2) + varint(len(head) + size) + head
    with path.open("wb") as file:
        file.write(varint(7 << 3 | 2) + varint(len(graph) + size) + graph)
        file.seek(size, os.SEEK_CUR)
        file.truncate()
    assert get_kernel(f"{path}:w").matrix.tolist() == [[[1, 2], [3, 4]]]
    with pytest.raises(KernelError, match="large: its numbers take 268,435,456 bytes"):
        get_kernel(f"{path}:large")


def test_files_cut_short_at_every_byte():
    data = model(nodes=[node(attributes=[attribute("pads", [1] * 4)])], tensors=[tensor()])
    for end in range(len(data)):
        assert refusal(data[:end])


def test_a_network_of_the_onnx_package(tmp_path):
    onnx = pytest.importorskip("onnx")
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(4, 3, 5, 5)).astype(np.float32)
    depthwise = rng.normal(size=(4, 1, 3, 3)).astype(np.float16)
    make, value = onnx.helper.make_node, onnx.helper.make_tensor_value_info
    nodes = [
        make("Conv", ["x", "W", "b"], ["h"], "stem", strides=[2, 2], pads=[2, 2, 2, 2]),
        make("Conv", ["h", "D"], ["y"], "depthwise", group=4, auto_pad="SAME_UPPER"),
    ]
    stored = [onnx.numpy_helper.from_array(each, name) for name, each in
              {"W": weights, "D": depthwise, "b": np.ones(4, "f4")}.items()]  # fmt: skip
    ends = [[value(name, 1, None)] for name in "xy"]
    graph = onnx.helper.make_graph(nodes, "g", *ends, stored)
    path = tmp_path / "net.onnx"
    onnx.save(onnx.helper.make_model(graph), path)
    with path.open("rb") as file:
        first, second = read_model(file).convolutions
        np.testing.assert_array_equal(first.weights.numbers(), weights)
        np.testing.assert_array_equal(second.weights.numbers(), depthwise)
    assert (first.name, *first[2:6]) == ("stem", (2, 2), "2", (1, 1), 1)
    assert (second.name, *second[2:6]) == ("depthwise", (1, 1), "same-upper", (1, 1), 4)
    onnx.save(onnx.helper.make_model(graph), path, save_as_external_data=True, size_threshold=0)
    with pytest.raises(KernelError, match=r"net\.onnx: W: its numbers lie in another file"):
        read_spec(str(path))
    text = " ".join(list_model(str(path)).split())
    assert "1, 2 cannot be used: its numbers lie in another file, which is not read" in text
