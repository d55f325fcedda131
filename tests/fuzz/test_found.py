"""Regression tests: the smallest input for each fault that fuzzing found."""

import io
import struct

import numpy as np
import pytest
from verdicts import judge_image, judge_spec

pytestmark = pytest.mark.usefixtures("folder", "little_memory")


def array(shape, dtype="'<f8'", version=1):
    """Return an .npy file of 96 bytes of numbers, under a header that says anything."""
    header = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}}}\n".encode()
    length = struct.pack("<H" if version == 1 else "<I", len(header))
    return b"\x93NUMPY" + bytes((version, 0)) + length + header + np.ones(12).tobytes()


def saved(values, dtype):
    np.save(file := io.BytesIO(), np.array(values, dtype))
    return file.getvalue()


UNUSUAL = b"\xff" * 7 + b"\x7f\xff\x3f" + bytes(6)  # a long double that x86 takes for no number
HEADERS = {
    "written by Python 2": array("(3L, 4L)"),
    "written by Python 2, version 2": array("(3L, 4L)", version=2),
    "old name of a type": array("(3,)", "'a5'"),
    "less than nothing": array("(5, -1)", "'<i8'"),
    "two unknown sides": array("(-2, -1)"),
    "a side that is true": array("(True, 12)"),
    "over an index": array("(999999999999999999999999999999,)"),
    "nothing, times too much": array(f"(0, {2**62})"),
    "nothing, times far too much": array(f"({2**64}, 0)"),
    "seventy dimensions": array("(" + "1," * 70 + ")"),
    "a long double too large": saved([[np.finfo("g").max]], "g"),
    "a long double that is none": saved([[1]], "g")[:-16] + UNUSUAL,
}


@pytest.mark.parametrize("data", HEADERS.values(), ids=HEADERS)
def test_arrays(data):
    judge_image(io.BytesIO(data))
    judge_spec("-", data)


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (b"1," + b"0" * 131_073, {}),  # the csv module's limit
        (b'"' + b"0" * 131_073 + b'";1', {}),
        (b"1" * 3000 + b"x", {}),  # quoted whole in the message
        (b"1e300 2", {"resize": (3, 3)}),
        (saved([[[np.inf, -np.inf, 0]]], "f8"), {"channels": "gray"}),
        (saved([[[np.inf, -np.inf, 0]]], "f2"), {"channels": "gray"}),
    ],
    ids=["long cell", "long quoted cell", "long word", "large", "infinite", "infinite halves"],
)
def test_images(data, options):
    judge_image(io.BytesIO(data), **options)


@pytest.mark.parametrize(
    ("text", "stdin"),
    [
        ("9" * 400 + " 1.5", b""),
        ("1" * 100_000 + "x", b""),  # its digits are counted in each way they can be split
        ("-", b"0" * 100_000 + b"x"),
    ],
    ids=["large with a decimal", "long", "long in a file"],
)
def test_specs(text, stdin):
    judge_spec(text, stdin)
