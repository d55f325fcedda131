"""The .npz format: what numpy writes is read to the bit, and hostile files are refused."""

import io
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from convcli.errors import KernelError
from convcli.kernels.models import archive
from convcli.kernels.models.npz import read_model

TYPES = ("?", "u1", "<i2", ">u4", "<i8", "<f2", ">f4", "<f8")
SHAPES = array_shapes(min_dims=0, min_side=1, max_dims=5)
ARRAYS = st.sampled_from(TYPES).flatmap(lambda code: arrays(code, SHAPES))
NAMES = st.text(
    st.characters(blacklist_categories=("Cs",), blacklist_characters="\0\\"), min_size=1
)


def members(files, method=zipfile.ZIP_STORED):
    """Return a zip file of these bytes."""
    with zipfile.ZipFile(file := io.BytesIO(), "w", method) as zipped:
        for name, data in files.items():
            zipped.writestr(name, data)
    return file.getvalue()


def npy(array):
    np.save(file := io.BytesIO(), array)
    return file.getvalue()


def headed(shape, descr="<f8", numbers=bytes(96)):
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\2\0" + struct.pack("<I", len(text)) + text + numbers


def tensors(data):
    return read_model(io.BytesIO(data)).tensors


def refusal(data):
    with pytest.raises(KernelError) as caught:
        [tensor.numbers() for tensor in tensors(data)]
    return str(caught.value)


@given(st.dictionaries(NAMES, ARRAYS, max_size=3), st.booleans(), st.sampled_from("CF"))
def test_what_numpy_writes_is_read_to_the_bit(given_arrays, packed, order):
    files = {
        f"{name}.npy": npy(np.asarray(each, order=order)) for name, each in given_arrays.items()
    }
    data = members(files, zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED)
    found = tensors(data)
    assert [tensor.name for tensor in found] == list(given_arrays)
    for tensor, array in zip(found, given_arrays.values(), strict=True):
        assert (tensor.shape, tensor.dtype) == (array.shape, array.dtype.name)
        assert tensor.numbers().tobytes() == array.tobytes()


def test_savez_and_savez_compressed():
    weights = np.arange(36.0).reshape(2, 2, 3, 3)
    for save in (np.savez, np.savez_compressed):
        save(file := io.BytesIO(), weights, **{"b/W": np.asfortranarray(weights)})
        for tensor in tensors(file.getvalue()):
            np.testing.assert_array_equal(tensor.numbers(), weights)


def test_other_files_in_the_archive_are_left_out():
    data = members({"readme.txt": b"x", "dir/": b"", "a.npy": npy(np.ones(2))})
    assert [tensor.name for tensor in tensors(data)] == ["a"]


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.array([{}]), "holds Python objects"),
        (np.array(["a"]), "holds text"),
        (np.array([1j]), "holds complex numbers"),
    ],
)
def test_an_array_of_something_else_does_not_harm_the_others(array, words):
    np.savez(file := io.BytesIO(), bad=array, good=np.ones((2, 2)))
    bad, good = tensors(file.getvalue())
    with pytest.raises(KernelError, match=words):
        bad.numbers()
    assert good.numbers().tolist() == [[1, 1], [1, 1]]


def test_damaged_headers_are_told_where_the_array_is_asked_for():
    assert "header is not valid" in refusal(members({"a.npy": b"\x93NUMPY\1\0\4\0{'a}"}))
    assert "is not an .npy file" in refusal(members({"a.npy": b"text"}))
    assert "impossible shape" in refusal(members({"a.npy": headed("(-1, 3)")}))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("shape", ["(13,)", f"({2**30}, {2**20})", f"({2**40},)"])
def test_a_shape_larger_than_the_member_is_refused_at_once(method, shape):
    words = refusal(members({"a.npy": headed(shape)}, method))
    assert "is damaged: array 'a' needs" in words
    assert words.endswith("bytes of numbers, not 96")


def lying(data, claimed):
    """Return a zip file whose directory claims another size for its only member."""
    directory = data.rindex(b"PK\1\2")
    return data[: directory + 24] + struct.pack("<I", claimed) + data[directory + 28 :]


def test_a_directory_that_lies_about_a_size_costs_no_memory():
    data = members({"a.npy": headed(f"({2**23 - 99},)")}, zipfile.ZIP_DEFLATED)
    assert "is truncated" in refusal(lying(data, 2**26))
    data = members({"a.npy": headed(f"({2**28},)")}, zipfile.ZIP_DEFLATED)
    assert "numbers take 2,147,483,648 bytes; a kernel has at most 64 MiB" in refusal(
        lying(data, 2**32 - 2)
    )


def test_bombs_that_unpack_to_much_are_refused_by_the_size_of_a_kernel():
    zeros = headed(f"({2**24},)", numbers=bytes(2**27))
    assert "at most 64 MiB" in refusal(members({"a.npy": zeros}, zipfile.ZIP_DEFLATED))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_methods_that_unpack_without_a_limit_are_refused(method):
    assert "compressed in a way" in refusal(members({"a.npy": npy(np.ones(3))}, method))


def test_encrypted_members_are_refused():
    data = bytearray(members({"a.npy": npy(np.ones(3))}))
    data[data.rindex(b"PK\1\2") + 8] |= 1
    assert "encrypted" in refusal(bytes(data))


def test_damaged_numbers_are_noticed_by_their_checksum():
    data = bytearray(members({"a.npy": npy(np.ones(3))}))
    data[data.index(npy(np.ones(3))[-8:])] ^= 1
    assert "CRC" in refusal(bytes(data))


def test_a_directory_of_any_length_is_not_read_whole(monkeypatch):
    monkeypatch.setattr(archive, "MAX_READ", 2000)
    data = members({f"{n}.npy": b"" for n in range(99)})
    assert "holds too many files" in refusal(data)
    monkeypatch.undo()
    monkeypatch.setattr(archive, "MAX_MEMBERS", 98)
    assert "holds more than 98 files" in refusal(data)


def test_files_cut_short_at_every_byte():
    data = members({"a.npy": npy(np.ones((1, 1, 2, 2)))})
    for end in range(len(data)):
        words = refusal(data[:end])
        assert words.startswith("is damaged, or no zip file")
        assert words.isprintable()
