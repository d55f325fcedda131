"""The .safetensors format: what its library writes is read; hostile files are refused."""

import io
import json
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from convcli.errors import KernelError
from convcli.kernels.models.safetensors import MAX_HEADER, TYPES, read_model
from convcli.kernels.spec import read_spec

CODES = {code: kind for code, kind in TYPES.items() if code != "BF16"}
NAMES = st.text(st.characters(blacklist_categories=("Cs",)), max_size=9).filter(
    lambda name: name != "__metadata__"
)
SHAPES = array_shapes(min_dims=0, min_side=1, max_dims=5)
ARRAYS = st.sampled_from(list(CODES)).flatmap(
    lambda code: st.tuples(st.just(code), arrays(CODES[code], SHAPES))
)


def saved(header, numbers=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + numbers


def written(named):
    header: dict = {"__metadata__": {"format": "pt"}}
    numbers = b""
    for name, (code, array) in named.items():
        ends = [len(numbers), len(numbers) + array.nbytes]
        header[name] = {"dtype": code, "shape": array.shape, "data_offsets": ends}
        numbers += array.tobytes()
    return saved(header, numbers)


def entry(dtype="F32", shape=(2, 2), ends=(0, 16)):
    return {"t": {"dtype": dtype, "shape": shape, "data_offsets": ends}}


def tensors(data):
    return read_model(io.BytesIO(data)).tensors


def refusal(data):
    with pytest.raises(KernelError) as caught:
        [tensor.numbers() for tensor in tensors(data)]
    return str(caught.value)


@given(st.dictionaries(NAMES, ARRAYS, max_size=3))
def test_tensors_of_every_type_are_read_to_the_bit(named):
    found = tensors(written(named))
    assert [tensor.name for tensor in found] == list(named)
    for tensor, (_, array) in zip(found, named.values(), strict=True):
        assert (tensor.shape, tensor.dtype) == (array.shape, array.dtype.name)
        assert tensor.numbers().tobytes() == array.tobytes()


def test_bfloat16_is_the_upper_half_of_float32():
    numbers = np.array([1, -2.5, 3.140625, 1e30], "<f4").view("<u2")[1::2].tobytes()
    [tensor] = tensors(saved(entry("BF16", [4], [0, 8]), numbers))
    assert tensor.dtype == "bfloat16"
    np.testing.assert_allclose(tensor.numbers(), [1, -2.5, 3.140625, 1e30], rtol=2**-7)
    assert tensor.numbers()[:3].tolist() == [1, -2.5, 3.140625]


def test_what_its_own_library_writes_is_read(tmp_path):
    torch = pytest.importorskip("torch")
    library = pytest.importorskip("safetensors.torch")
    weights = torch.randn(4, 3, 5, 5)
    named = {
        "stem.weight": weights,
        "half": weights.half(),
        "brain": weights.bfloat16(),
        "turned": weights.permute(1, 0, 3, 2).contiguous(),
        "eight": weights.to(torch.float8_e4m3fn),
    }
    path = tmp_path / "net.safetensors"
    library.save_file(named, path)
    with path.open("rb") as file:
        found = {tensor.name: tensor for tensor in read_model(file).tensors}
        assert found.keys() == named.keys()
        for name in ("stem.weight", "half", "brain", "turned"):
            np.testing.assert_array_equal(found[name].numbers(), named[name].float().numpy())
        with pytest.raises(KernelError, match="of the type 'F8_E4M3', which is not read"):
            found["eight"].numbers()
    kernels = read_spec(f"{path}:stem.weight").kernels
    np.testing.assert_array_equal(np.stack([k.weights for k in kernels]), weights.numpy())


def test_weights_of_one_dimension_become_kernels_of_one_row(tmp_path):
    weights = np.arange(12, dtype="<f4").reshape(2, 1, 6)
    (tmp_path / "a.safetensors").write_bytes(written({"c.weight": ("F32", weights)}))
    kernels = read_spec(f"{tmp_path}/a.safetensors:c.weight").kernels
    assert [kernel.matrix.tolist() for kernel in kernels] == weights[:, :, np.newaxis].tolist()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is no .safetensors file"),
        (b"\0" * 7, "is no .safetensors file"),
        (struct.pack("<Q", 2**63) + b"{}", "its header has no valid length"),
        (saved({}, length=3), "its header has no valid length"),
        (saved(b"[]"), "not valid JSON"),
        (saved(b"{'a': 1}"), "not valid JSON"),
        (saved(b"\xff\xfe"), "not valid JSON"),
        (saved(b"[" * 99_999), "not valid JSON"),
        (saved(b'{"a":' + b"9" * 9999 + b"}"), "not valid JSON"),
        (saved(b'{"a": 1, "a": 2}'), "not valid JSON"),
        (saved({"t": 5}), "the entry of tensor 't' is not valid"),
        (saved({"t": {}}), "the entry of tensor 't' is not valid"),
        (saved(entry(dtype=5), bytes(16)), "the entry of tensor 't' is not valid"),
        (saved(entry(dtype=["F32"]), bytes(16)), "the entry of tensor 't' is not valid"),
        (saved(entry(shape=4), bytes(16)), "the entry of tensor 't' is not valid"),
        (saved(entry(shape=[-2, -2]), bytes(16)), "the entry of tensor 't' is not valid"),
        (saved(entry(shape=[2.0, 2]), bytes(16)), "the entry of tensor 't' is not valid"),
        (saved(entry(shape=[True, 4]), bytes(16)), "the entry of tensor 't' is not valid"),
        (saved(entry(shape=[1] * 65), bytes(16)), "the entry of tensor 't' is not valid"),
        (saved(entry(shape=[2**64]), bytes(16)), "the entry of tensor 't' is not valid"),
        (saved(entry(ends=[0, 17]), bytes(16)), "the entry of tensor 't' is not valid"),
        (saved(entry(ends=[16, 0]), bytes(16)), "the entry of tensor 't' is not valid"),
        (saved(entry(ends=[-4, 12]), bytes(16)), "the entry of tensor 't' is not valid"),
        (saved(entry(ends=[0, 8, 16]), bytes(16)), "the entry of tensor 't' is not valid"),
        (saved(entry(ends="ab"), bytes(16)), "the entry of tensor 't' is not valid"),
        (saved(entry(ends=[0.0, 16.0]), bytes(16)), "the entry of tensor 't' is not valid"),
        (saved(entry(ends=[0, 12]), bytes(16)), "has 12 bytes, which does not fit"),
        (saved(entry(shape=[2**40, 2**40]), bytes(16)), "has 16 bytes, which does not fit"),
        (saved(entry(shape=[0, 2**62, 2**62], ends=[0, 0])), "holds no numbers"),
        (saved(entry("F8_E5M2", [16]), bytes(16)), "of the type 'F8_E5M2', which is not read"),
    ],
)  # fmt: skip
def test_hostile_files_are_refused_in_words(data, words):
    assert words in refusal(data)


def test_headers_over_the_limit_are_not_read(tmp_path):
    path = tmp_path / "long.safetensors"
    with path.open("wb") as file:
        file.write(struct.pack("<Q", MAX_HEADER + 1))
        file.truncate(2**30)
    with (
        path.open("rb") as file,
        pytest.raises(KernelError, match="has a header of 8,388,609 bytes"),
    ):
        read_model(file)


def test_tensors_over_the_limit_are_refused_and_small_ones_beside_them_read(tmp_path):
    path = tmp_path / "large.safetensors"
    header = {
        "large": {"dtype": "F32", "shape": [4, 2**26], "data_offsets": [0, 2**30]},
        "small": {"dtype": "F32", "shape": [1, 1, 1, 2], "data_offsets": [2**30, 2**30 + 8]},
    }
    with path.open("wb") as file:
        file.write(saved(header))
        file.seek(2**30, 1)
        file.write(np.ones(2, "<f4").tobytes())
    assert read_spec(str(path)).kernels[0].matrix.tolist() == [[[1, 1]]]
    with pytest.raises(KernelError, match=r"large: its numbers take 1,073,741,824 bytes"):
        read_spec(f"{path}:large")


def test_files_cut_short_at_every_byte():
    data = written({"a": ("F32", np.ones((1, 1, 2, 2), "<f4"))})
    for end in range(len(data)):
        assert "\n" not in refusal(data[:end])
