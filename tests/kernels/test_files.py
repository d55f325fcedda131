"""Kernel files: what is written reads back, and damaged files are explained."""

import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from convcli.errors import ImageError, KernelError, UsageError
from convcli.kernels.files import (
    matrix_text,
    read_biases,
    read_content,
    read_kernel_file,
    save_kernel,
)
from convcli.kernels.kernel import Kernel
from convcli.kernels.reading import MAX_BYTES
from convcli.kernels.spec import get_kernel

SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 4))
MATRICES = arrays(np.int64, SHAPES, elements=st.integers(-(2**53), 2**53)) | arrays(
    np.float64, SHAPES, elements=st.floats(-1e9, 1e9, allow_subnormal=False)
)
SPECS = ["blur", "sobel-x", "cross-blur", "gaussian:5", "frei-chen-y", "motion:7@20", "1 2 3"]


def npy(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("suffix", [".txt", ".csv", ".npy", ".json", ".TXT"])
@pytest.mark.parametrize("spec", SPECS)
def test_a_saved_kernel_reads_back_to_its_weights(spec, suffix, tmp_path):
    kernel = get_kernel(spec)
    target = tmp_path / f"made here{suffix}"
    save_kernel(kernel, target)
    read = read_kernel_file(str(target))
    assert np.array_equal(read.weights, kernel.weights)
    if suffix == ".json":
        assert (read.slug, read.divisor, read.summary) == (
            kernel.slug,
            kernel.divisor,
            kernel.summary,
        )
        assert np.array_equal(read.matrix, kernel.matrix)
    else:
        assert read.slug == "made-here"


@given(MATRICES, st.sampled_from([1, 3, 16, -5, 0.7]))
def test_text_holds_the_weights_to_the_bit(matrix, divisor):
    kernel = Kernel(matrix, divisor=divisor)
    read = read_content(matrix_text(kernel).encode(), ".txt", "read")
    assert np.array_equal(read.weights, kernel.weights)


def test_json_keeps_the_bias_and_the_rest_refuse_to_lose_it(tmp_path):
    contour = get_kernel("contour")
    save_kernel(contour, tmp_path / "k.json")
    assert read_kernel_file(str(tmp_path / "k.json")).bias == 255
    for suffix in (".txt", ".csv", ".npy"):
        with pytest.raises(KernelError, match="bias of 255"):
            save_kernel(contour, tmp_path / f"k{suffix}")
    assert [path.name for path in tmp_path.iterdir()] == ["k.json"]


def test_a_channel_kernel_goes_to_npy_and_json_only(tmp_path):
    kernel = Kernel(np.arange(12).reshape(3, 2, 2))
    for suffix in (".npy", ".json"):
        save_kernel(kernel, tmp_path / f"k{suffix}")
        assert np.array_equal(read_kernel_file(str(tmp_path / f"k{suffix}")).matrix, kernel.matrix)
    with pytest.raises(KernelError, match="over channels"):
        save_kernel(kernel, tmp_path / "k.csv")


def test_saving_keeps_what_is_there_and_refuses_other_formats(tmp_path):
    target = tmp_path / "k.txt"
    target.write_text("precious")
    with pytest.raises(ImageError, match="--overwrite"):
        save_kernel(get_kernel("blur"), target)
    assert target.read_text() == "precious"
    save_kernel(get_kernel("blur"), target, overwrite=True)
    assert np.loadtxt(io.StringIO(target.read_text().replace("1/16", "0.0625")), str).shape == (
        3,
        3,
    )
    with pytest.raises(UsageError, match=r"\.json or \.png"):
        save_kernel(get_kernel("blur"), tmp_path / "k.tiff")


@pytest.mark.parametrize(
    ("dtype", "kept"),
    [
        ("uint8", "int64"),
        (">i4", "int64"),
        ("uint64", "int64"),
        ("float16", "float64"),
        (">f4", "float64"),
    ],
)
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_of_every_kind_of_number_is_read(dtype, kept, order):
    array = np.array([[1, 2, 3], [4, 5, 6]], dtype=dtype, order=order)
    matrix = read_content(npy(array), ".npy", "k").matrix
    assert matrix.dtype == kept
    assert np.array_equal(matrix, array)


@pytest.mark.parametrize(
    ("content", "suffix", "message"),
    [
        (npy(np.array([[{}]]), allow_pickle=True), ".npy", "holds Python objects"),
        (npy(np.array([["a"]])), ".npy", "holds text"),
        (npy(np.array([[1j]])), ".npy", "holds complex numbers"),
        (npy(np.zeros(2, dtype=[("a", "i4")])), ".npy", "holds records"),
        (npy(np.array(1)), ".npy", "dimensions, not 0"),
        (npy(np.zeros((0, 3))), ".npy", "at least one"),
        (npy(np.array([[np.nan]])), ".npy", "NaN"),
        (
            npy(np.array([[2**64 - 1]], dtype=np.uint64)),
            ".npy",
            "must lie within ±9223372036854775807",
        ),
        (npy(np.ones((9, 9)))[:-1], ".npy", "truncated: 648 bytes of numbers expected, 647 found"),
        (npy(np.ones((9, 9)))[:20], ".npy", "damaged"),
        (b"1 2 3", ".npy", "not an .npy file"),
        (b"PK\x03\x04\xff", ".npz", "neither UTF-8"),
        (b"", ".txt", "empty"),
        (b"# only a comment\n", ".txt", "empty"),
        (b"1;2;1\n2;4;2", ".csv", "row 1 holds ';'"),
        (b"1 2\n3", ".txt", "row 1 has 2, row 2 has 1"),
        ("1 2".encode("utf-16"), ".txt", "neither UTF-8"),
        (b"1 2", ".json", "not valid JSON"),
        (b"[[1, 2], [3]]", ".json", "row 1 has 2, row 2 has 1"),
        (b"[[1, true]]", ".json", "'True' is not a number"),
        (b'[["1"]]', ".json", "'1' is not a number"),
        (b"[[NaN]]", ".json", "NaN"),
        (b"[[1e999]]", ".json", "NaN or infinity"),
        (b"[[9223372036854775808]]", ".json", "must lie within ±9223372036854775807"),
        (b"[]", ".json", "at least one"),
        (b"3", ".json", "list of rows"),
        (b'{"divisor": 2}', ".json", 'has no "matrix"'),
        (b'{"matrix": [[1]], "divsor": 2}', ".json", "unknown key 'divsor'"),
        (b'{"matrix": [[1]], "divisor": "2"}', ".json", "divisor must be one number"),
        (b'{"matrix": [[1]], "divisor": 0}', ".json", "cannot be 0"),
        (b'{"matrix": [[1]], "name": 5}', ".json", '"name" must be text'),
        (b" " * (MAX_BYTES + 1), ".txt", "at most 64 MiB"),
    ],
)
def test_a_file_that_holds_no_kernel_is_explained(content, suffix, message, tmp_path):
    path = tmp_path / f"k{suffix}"
    path.write_bytes(content)
    with pytest.raises(KernelError, match=message) as caught:
        read_kernel_file(str(path))
    assert str(caught.value).startswith(f"{path}: ")


def test_a_folder_is_no_kernel(tmp_path):
    with pytest.raises(KernelError, match="cannot be read"):
        read_kernel_file(str(tmp_path))


def test_biases_are_read_from_text_and_npy_of_any_shape(tmp_path):
    (tmp_path / "b.txt").write_text("1 -2.5\n3 1/2")
    np.save(tmp_path / "b.npy", np.array([1, -2], dtype=np.int8))
    assert read_biases(str(tmp_path / "b.txt")) == (1, -2.5, 3, 0.5)
    assert read_biases(str(tmp_path / "b.npy")) == (1, -2)
    np.save(tmp_path / "b.npy", np.array([np.nan]))
    with pytest.raises(KernelError, match=r"--bias .*b\.npy: must hold finite numbers"):
        read_biases(str(tmp_path / "b.npy"))
    with pytest.raises(KernelError, match=r"--bias .*none\.txt: no such file"):
        read_biases(str(tmp_path / "none.txt"))


def test_text_as_spreadsheets_and_numpy_write_it(tmp_path):
    np.savetxt(tmp_path / "k.txt", [[1, 2], [3, 4]], header="from numpy")
    kernel = read_kernel_file(str(tmp_path / "k.txt"))
    assert kernel.matrix.dtype == np.float64
    assert kernel.matrix.tolist() == [[1, 2], [3, 4]]
    assert read_content(b"0\t1\r\n2\t3\r\n\r\n", ".csv", "k").matrix.tolist() == [[0, 1], [2, 3]]
    assert read_content(b"1 2; 3 4", ".txt", "k").matrix.tolist() == [[1, 2], [3, 4]]


def test_json_keeps_the_largest_integers():
    matrix = read_content(b"[[9223372036854775807, -9223372036854775807]]", ".json", "k").matrix
    assert matrix.tolist() == [[2**63 - 1, 1 - 2**63]]


def test_json_with_every_field():
    document = {"matrix": [[1, 2]], "divisor": 3, "bias": -1.5, "name": "a/b", "source": "here"}
    kernel = read_content(json.dumps(document).encode(), ".json", "file")
    assert (kernel.divisor, kernel.bias, kernel.slug, kernel.source) == (3, -1.5, "a-b", "here")


def test_integers_of_a_json_file_reach_the_ends_of_int64(tmp_path):
    file = tmp_path / "k.json"
    file.write_text(json.dumps({"matrix": [[2**63 - 1, 1 - 2**63]]}))
    assert read_kernel_file(str(file)).matrix.tolist() == [[2**63 - 1, 1 - 2**63]]
    file.write_text(json.dumps({"matrix": [[2**63]]}))
    with pytest.raises(KernelError, match="must lie within"):
        read_kernel_file(str(file))
