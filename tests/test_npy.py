"""The .npy format: what numpy writes is read, and damaged or other files are refused."""

import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from convcli.npy import MAX_HEADER, ArrayError, read_array, read_header

TYPES = ("?", "u1", "<i2", ">u4", "<i8", "<f2", ">f4", "<f8", "g")
SHAPES = array_shapes(min_dims=0, min_side=0)
ARRAYS = st.sampled_from(TYPES).flatmap(lambda code: arrays(code, SHAPES))


def read(data):
    file = io.BytesIO(data)
    return read_array(file, read_header(file))


def headed(text, version=1, numbers=b""):
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes((version, 0)) + length + text.encode() + numbers


def refusal(data):
    with pytest.raises(ArrayError) as caught:
        read(data)
    return str(caught.value)


@given(ARRAYS, st.sampled_from([(1, 0), (2, 0), (3, 0)]), st.sampled_from("CF"))
def test_what_numpy_writes_is_read_to_the_bit(array, version, order):
    array = np.asarray(array, order=order)
    np.lib.format.write_array(file := io.BytesIO(), array, version)
    back = read(file.getvalue())
    assert (back.dtype, back.shape) == (array.dtype, array.shape)
    assert back.tobytes() == array.tobytes()


@pytest.mark.parametrize(
    "text",
    [
        "{'descr': '<i4', 'fortran_order': False, 'shape': (2L, 3L), }",
        '{"shape":(2,3),"fortran_order":False,"descr":"<i4"}\n',
        "{ 'fortran_order' : False ,\n 'descr' : '<i4' , 'shape' : ( 2 , 3 , ) , } ",
    ],
    ids=["Python 2", "other quotes and order", "blanks"],
)
def test_headers_as_others_write_them(text):
    numbers = np.arange(6, dtype="<i4").reshape(2, 3)
    np.testing.assert_array_equal(read(headed(text, numbers=numbers.tobytes())), numbers)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "{'descr': '<i4', 'fortran_order': False, }",
        "{'descr': '<i4', 'fortran_order': False, 'fortran_order': False, }",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (1\\d,), }",
        "{'descr': '<f3', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': ('<f4',), 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '<i4', 'fortran_order': 0, 'shape': (1,), }",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (1 1), }",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (1,), 'more': 1}",
        "{'descr': '<i4', 'fortran_order': False, 'shape': (1,), }" + " " * MAX_HEADER,
        "{" + "'descr':[]," * 900,
        "(" * 9000,
        "-" * 9000 + "1",
    ],
)
def test_headers_that_are_none(text):
    assert "its header is not valid" in refusal(headed(text, 2, bytes(99)))


@pytest.mark.parametrize(
    "shape", [(-1, -1), (2**62,), (0, 2**62), (10**20, 0), (2**40, 2**40), (1,) * 65]
)
def test_impossible_shapes(shape):
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}"
    assert "impossible shape" in refusal(headed(text, numbers=bytes(99)))


@pytest.mark.parametrize(
    ("descr", "words"),
    [
        ("'S5'", "text"),
        ("'<U5'", "text"),
        ("'<c8'", "complex numbers"),
        ("'|O'", "Python objects"),
        ("'|V8'", "records"),
        ("[('x', '<f4', (2,))]", "records"),
        ("'<m8[s]'", "time differences"),
    ],
)
def test_types_that_are_no_numbers(descr, words):
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': (1,), }}"
    assert refusal(headed(text)) == f"holds {words}; only integers and real numbers are read"


def test_files_that_end_early_at_every_byte():
    np.save(file := io.BytesIO(), np.ones((2, 3)))
    for end in range(len(file.getvalue())):
        refusal(file.getvalue()[:end])
    assert refusal(file.getvalue()[:-1]) == "is truncated: 48 bytes of numbers expected, 47 found"
    assert refusal(b"\x93NUMPY\x04\x01") == "has the unknown .npy version 4.1"
