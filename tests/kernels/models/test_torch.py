"""Files of torch.save: what torch writes is read as torch reads it; nothing in them is called."""

import collections
import io
import os
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from convcli.errors import KernelError
from convcli.kernels.models import pickled
from convcli.kernels.models.pickled import read_pickle
from convcli.kernels.models.torch import MAX_PICKLE, TYPES, read_model
from convcli.kernels.spec import read_spec
from convcli.teaching.kernels.model_text import list_model


class Call:
    """What pickles as a call of a function by its name."""

    def __init__(self, name, *arguments):
        self.name, self.arguments = name, arguments


class Kind:
    """A class, by its name."""

    def __init__(self, name):
        self.name = name


class Writer(pickle._Pickler):
    """A pickler that writes storages, calls and classes by their names, as torch does."""

    def persistent_id(self, value):
        return value.place if isinstance(value, Place) else None

    def save(self, value, save_persistent_id=True):
        if isinstance(value, Kind):
            self.save_named(value.name)
        elif isinstance(value, Call):
            self.save_named(value.name)
            super().save(value.arguments)
            self.write(pickle.REDUCE)  # type: ignore[attr-defined]
        else:
            super().save(value, save_persistent_id)

    def save_named(self, name):
        module, _, attribute = name.rpartition(".")
        line = f"c{module}\n{attribute}\n"
        self.write(line.encode())  # type: ignore[attr-defined]


class Place:
    """A storage."""

    def __init__(self, kind, key, count):
        self.place = "storage", Kind(f"torch.{kind}"), key, "cpu", count


def pickled_value(value, protocol=2):
    Writer(file := io.BytesIO(), protocol).dump(value)
    return file.getvalue()


def view(kind="FloatStorage", key="0", shape=(1, 1, 2, 2), strides=(4, 4, 2, 1), offset=0, count=4):
    arguments: tuple = (
        Place(kind, key, count),
        offset,
        shape,
        strides,
        False,
        collections.OrderedDict(),
    )
    return Call("torch._utils._rebuild_tensor_v2", *arguments)


def archive(value, storages=(), method=zipfile.ZIP_STORED, order=None, folder="net/"):
    """Return a file as torch.save writes it."""
    data = value if isinstance(value, bytes) else pickled_value(value)
    with zipfile.ZipFile(file := io.BytesIO(), "w", method) as zipped:
        zipped.writestr(f"{folder}data.pkl", data)
        if order is not None:
            zipped.writestr(f"{folder}byteorder", order)
        for key, numbers in enumerate(storages):
            zipped.writestr(f"{folder}data/{key}", numbers)
    return file.getvalue()


FOUR = np.array([1, 2, 3, 4], "<f4").tobytes()


def tensors(data):
    return read_model(io.BytesIO(data)).tensors


def refusal(data):
    with pytest.raises(KernelError) as caught:
        [tensor.numbers() for tensor in tensors(data)]
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("folder", ["net/", "a/b/", ""])
def test_a_dictionary_of_tensors(protocol, folder):
    value = {"conv.weight": view(), "conv.bias": view(shape=(4,), strides=(1,))}
    data = archive(pickled_value(value, protocol), [FOUR], folder=folder)
    weight, bias = tensors(data)
    assert (weight.name, weight.shape, weight.dtype) == ("conv.weight", (1, 1, 2, 2), "float32")
    assert weight.numbers().tolist() == [[[[1, 2], [3, 4]]]]
    assert bias.numbers().tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("order", [None, b"little", b"big"])
@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind != "BFloat16Storage"])
def test_every_type_of_number_in_both_orders_of_bytes(kind, order):
    numbers = np.array([0, 1, 1, 0]).astype(np.dtype(TYPES[kind]))
    stored = numbers.astype(numbers.dtype.newbyteorder(">" if order == b"big" else "<"))
    [tensor] = tensors(archive({"w": view(kind)}, [stored.tobytes()], order=order))
    assert tensor.dtype == numbers.dtype.name
    assert tensor.numbers().ravel().tolist() == numbers.tolist()


@given(array_shapes(max_dims=4, max_side=5), st.data())
def test_views_are_those_of_numpy(shape, data):
    """Any strides and offset that stay in the storage, also 0, which repeats numbers."""
    strides = data.draw(st.tuples(*(st.integers(0, 7) for _ in shape)))
    offset = data.draw(st.integers(0, 9))
    count = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True)) + 1
    numbers = np.arange(count, dtype="<f4")
    value = {"w": view(shape=shape, strides=strides, offset=offset)}
    [tensor] = tensors(archive(value, [numbers.tobytes()]))
    places = offset + sum(
        index * step for index, step in zip(np.indices(shape), strides, strict=True)
    )
    np.testing.assert_array_equal(tensor.numbers(), numbers[places])
    words = refusal(archive(value, [numbers[:-1].tobytes()]))
    assert "is damaged: tensor 'w' ends at byte" in words


def test_tensors_are_found_in_dictionaries_and_lists_in_the_order_of_the_file():
    value = {
        "epoch": 7,
        "model": collections.OrderedDict(a=view(), b={"c": view()}),
        "opt": [{"state": {3: view()}}, (view(), "x")],
        "args": Call("argparse.Namespace"),
        5.5: view(),
    }
    names = [tensor.name for tensor in tensors(archive(value, [FOUR]))]
    assert names == ["model.a", "model.b.c", "opt.0.state.3", "opt.1.0"]
    assert [tensor.name for tensor in tensors(archive(view(), [FOUR]))] == ["tensor"]
    parameter = Call("torch._utils._rebuild_parameter", view(), True, collections.OrderedDict())
    assert [tensor.name for tensor in tensors(archive({"p": parameter}, [FOUR]))] == ["p"]


def test_a_module_is_named_without_weight(tmp_path):
    path = tmp_path / "net.pth"
    value = {"stem.bias": view(shape=(2,), strides=(1,)), "stem.conv.weight": view()}
    path.write_bytes(archive(value, [FOUR]))
    for layer in ("", ":1", ":stem.conv", ":stem.conv.weight"):
        assert read_spec(f"{path}{layer}").kernels[0].matrix.tolist() == [[[1, 2], [3, 4]]]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Call("vision.models.ResNet"), "holds an object (vision.models.ResNet), no tensors"),
        (Call("os.system", "touch here"), "holds an object (os.system), no tensors; save"),
        (pickle.dumps(os.getcwd), "holds an object (posix.getcwd)"),
        ({"w": view("ComplexFloatStorage")}, "of the type ComplexFloatStorage, which is not read"),
        ({"w": view(key="7")}, "the numbers of tensor 'w' are not there"),
        ({"w": view(key="../../x")}, "the numbers of tensor 'w' are not there"),
        ({"w": view(shape=(5, 1, 2, 2))}, "'w' ends at byte 80 of 16"),
        ({"w": view(offset=1)}, "'w' ends at byte 20 of 16"),
        ({"w": view(offset=-1)}, "a tensor has no valid shape"),
        ({"w": view(offset=0.5)}, "a tensor has no valid shape"),
        ({"w": view(strides=(4, 4, 2, -1))}, "a tensor has no valid shape"),
        ({"w": view(strides=(4, 4, 2))}, "tensor 'w' is not valid"),
        ({"w": view(shape="abcd")}, "a tensor has no valid shape"),
        ({"w": view(shape=(2**62,) * 4)}, "'w' ends at byte"),
        ({"w": view(shape=(0, 2**62), strides=(1, 1))}, "holds no numbers"),
        ({"w": view(shape=(2**62, 1), strides=(0, 0))}, "a kernel has at most 64 MiB"),
        ({"w": Call("torch._utils._rebuild_tensor_v2", 5, 0, (), ())}, "tensor 'w' is not valid"),
        ({"x" * 501: view()}, "is too long"),
    ],
)  # fmt: skip
def test_hostile_files_are_refused_in_words_and_nothing_is_called(value, words, tmp_path):
    assert words in refusal(archive(value, [FOUR]))
    assert not (tmp_path / "here").exists()


def test_no_function_of_a_pickle_is_called(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    class Attack:
        def __reduce__(self):
            return os.mkdir, ("here",)

    for protocol in range(2, 6):
        value = {"a": Attack(), "b": [Attack()]}
        data = pickle.dumps(value, protocol)
        assert tensors(archive(data)) == []
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "data",
    [
        b"", b".", b"\x80\x02", b"\x80\x02R.", b"\x80\x02Q.", b"\x80\x02t.", b"\x80\x02u.", b"q\0.",
        b"h\0.", b"\x85.", b"\x80\x02]a.", b"NNR.", b"))R.", b"X\xff\xff\xff\xff.",
        b"\x8d" + b"\xff" * 8,
        b"\x8b\xff\xff\xff\x7f.", b"cos\nsystem", b"\x93.", b"NN\x93.", b"S'a'\n.", b"I5\n.", b"2.",
        b"}(K\0u.", b"Nb.", b"0.", b"1.", b"\x95\0\0\0\0\0\0\0\0", b"\xff",
    ],
)  # fmt: skip
def test_pickles_that_are_none(data):
    assert "is damaged: its pickle cannot be read" in refusal(archive(data))


def test_circles_and_values_that_occur_often_are_searched_once():
    circle = {"w": view()}
    circle["self"] = circle
    circle["list"] = [circle, [circle]]
    assert [tensor.name for tensor in tensors(archive(circle, [FOUR]))] == ["w"]
    doubled = {"w": view()}
    for _ in range(60):  # 2**60 names, if each were followed
        doubled = {"a": doubled, "b": doubled}
    assert len(tensors(archive(doubled, [FOUR]))) == 0  # deeper than tensors are searched
    doubled = {"w": view()}
    for _ in range(7):
        doubled = {"a": doubled, "b": doubled}
    assert len(tensors(archive(doubled, [FOUR]))) == 1


def test_pickles_of_many_opcodes_end_soon(monkeypatch):
    assert "more than 500,000 opcodes" in refusal(archive(b"}" * 2_000_000))
    nested = b"\x80\x02" + b")\x85" + b"\x85" * 400_000 + b"."  # whose hash or repr may crash
    assert tensors(archive(nested)) == []
    assert tensors(archive(b"}" + b")\x85" + b"\x85" * 100_000 + b"K\1s.")) == []
    monkeypatch.setattr(pickled, "MAX_OPCODES", 10)
    assert read_pickle(b"N" * 9 + b".") is None
    assert "opcodes" in refusal(archive(b"N" * 10 + b"."))


def test_a_pickle_over_the_limit_is_not_unpacked():
    data = archive(b"N" * (MAX_PICKLE + 1), method=zipfile.ZIP_DEFLATED)
    assert len(data) < 2**16
    assert "has a data.pkl of more than 16 MiB" in refusal(data)


def test_a_long_pickle_below_the_limit_is_read():
    assert tensors(archive(b"B" + (5 << 20).to_bytes(4, "little") + bytes(5 << 20) + b".")) == []


def test_numbers_that_are_packed_are_refused():
    assert "are not there" in refusal(archive({"w": view()}, [FOUR], zipfile.ZIP_DEFLATED))


def rebuilt(name, *arguments):
    return Call(f"torch.{name}", *arguments)


SIZE = rebuilt("Size", (4, 3, 3, 3))
ARGUMENTS: tuple = Place("QInt8Storage", "0", 4), 0, (4, 3, 3, 3), (27, 9, 3, 1), (), False, {}
UNREAD = {
    "quantized": (rebuilt("_utils._rebuild_qtensor", *ARGUMENTS), "dequantize"),
    "sparse": (rebuilt("_utils._rebuild_sparse_tensor", 1, (view(), view(), SIZE, 1)), "to_dense"),
    "sparse rows": (
        rebuilt("_utils._rebuild_sparse_tensor", 1, (view(), view(), view(), SIZE)),
        "to_dense",
    ),
    "negated": (
        rebuilt("_utils._rebuild_tensor_v2", *view().arguments[:2], (4, 3, 3, 3), *[0] * 3,
                {"neg": True}),
        "resolve_neg",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNREAD)
def test_tensors_of_other_kinds_say_what_they_are_and_what_to_do(kind, tmp_path):
    value, advice = UNREAD[kind]
    path = tmp_path / "net.pt"
    path.write_bytes(archive({"conv": {"weight": value, "bias": view()}}, [FOUR]))
    words = rf"weight: is a {kind.split()[0]} tensor, which is not read; save tensor\.{advice}\(\)"
    with pytest.raises(KernelError, match=words):
        read_spec(f"{path}:conv")
    text = list_model(str(path))
    assert "conv.weight        4         3   3x3" in text
    assert kind.split()[0] in text


def test_types_are_listed_on_one_line_whatever_a_file_calls_them(tmp_path):
    path = tmp_path / "net.pt"
    other = view("\tStorage", shape=(2,), strides=(1,))
    path.write_bytes(archive({"conv": {"weight": view("\0Storage")}, "x": other}, [FOUR]))
    text = list_model(str(path))
    assert r"1 convolution (\x00Storage), 1 other tensor" in text
    assert r"\tStorage" in text


def test_what_builds_other_tensors_is_named():
    [tensor] = tensors(archive({"w": rebuilt("_utils._rebuild_nested_tensor", 1)}))
    with pytest.raises(KernelError, match="is a nested_tensor tensor, which is not read"):
        tensor.numbers()


def test_tensors_with_attributes_or_of_a_class_are_read():
    own = view()
    value = rebuilt(
        "_tensor._rebuild_from_type_v2", Kind(own.name), Kind("torch.Tensor"), own.arguments, {}
    )
    [tensor] = tensors(archive({"w": value}, [FOUR]))
    assert tensor.numbers().tolist() == [[[[1, 2], [3, 4]]]]
    name = "torch._tensor._rebuild_from_type_v2"
    circle = Call(name, Kind(name), Kind("torch.Tensor"), (Kind(name), 1, (), 2), {})
    assert tensors(archive({"w": circle})) == []


def test_many_tensors_are_refused():
    value = [view()] * 70_000
    assert "has more than 65,536 tensors" in refusal(archive(pickled_value(value), [FOUR]))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "is in torch's old format; load it in torch"),
        (b"", "no zip file"),
        (b"PK\3\4", "no zip file"),
    ],
)
def test_files_that_are_none(data, words):
    assert words in refusal(data)
    with zipfile.ZipFile(file := io.BytesIO(), "w") as zipped:
        zipped.writestr("a.npy", b"x")
    assert "holds no tensors of torch" in refusal(file.getvalue())


def test_files_cut_short_at_every_byte():
    data = archive({"w": view()}, [FOUR])
    for end in range(0, len(data), 3):
        assert refusal(data[:end])


def test_what_torch_writes_is_read_as_torch_reads_it(tmp_path):
    torch = pytest.importorskip("torch")
    weights = torch.randn(4, 3, 6, 6)
    net = torch.nn.Sequential(
        collections.OrderedDict(
            stem=torch.nn.Conv2d(3, 8, 5), norm=torch.nn.BatchNorm2d(8), dw=torch.nn.Conv1d(8, 2, 3)
        )
    )
    named = {
        "net": net.state_dict(),
        "view": weights[1:, :, ::2, 1:4],
        "turned": weights.permute(1, 0, 3, 2),
        "repeated": weights[:1, :1].expand(2, 3, 6, 6),
        "brain": weights.bfloat16(),
        "half": weights.half(),
        "parameter": torch.nn.Parameter(weights),
        "bytes": (weights * 10).to(torch.int8),
        "eight": weights.to(torch.float8_e4m3fn),
        "complex": weights.to(torch.complex64),
        "score": np.float64(3),
    }
    path = tmp_path / "net.pt"
    torch.save(named, path)
    flat = {f"net.{name}": each for name, each in named.pop("net").items()}
    flat |= {name: each for name, each in named.items() if torch.is_tensor(each)}
    with path.open("rb") as file:
        found = {tensor.name: tensor for tensor in read_model(file).tensors}
        assert list(found) == list(flat)
        for name, tensor in found.items():
            if name in ("eight", "complex"):
                with pytest.raises(KernelError, match="which is not read"):
                    tensor.numbers()
            else:
                expected = flat[name].detach()
                assert tensor.shape == tuple(expected.shape)
                np.testing.assert_array_equal(tensor.numbers(), expected.double().numpy())
    kernels = read_spec(f"{path}:net.dw").kernels
    np.testing.assert_array_equal(
        np.stack([kernel.weights for kernel in kernels])[:, :, 0], flat["net.dw.weight"].numpy()
    )
    torch.save(named["view"], path, _use_new_zipfile_serialization=False)
    with pytest.raises(KernelError, match="old format"):
        read_spec(str(path))
    torch.save(net, path)
    with pytest.raises(KernelError, match=r"holds an object \(torch.nn.modules"):
        read_spec(str(path))


def test_a_number_is_that_of_a_convolution_and_no_module(tmp_path):
    """The modules of torch's Sequential have numbers, too, from 0."""
    path = tmp_path / "net.npz"
    values = {"0.weight": np.ones((1, 1, 3, 3)), "1.weight": np.full(4, 5.0)}
    np.savez(path, **values, **{"3.weight": np.full((1, 1, 2, 2), 7.0)})
    for layer, value in (("1", 1), ("2", 7), ("0.weight", 1), ("3.weight", 7), ("1.weight", 5)):
        [kernel] = read_spec(f"{path}:{layer}").kernels
        assert np.unique(kernel.weights).tolist() == [value]
    with pytest.raises(KernelError, match="has 2 convolutions, no number 3"):
        read_spec(f"{path}:3")
