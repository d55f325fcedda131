"""Text matrices against np.loadtxt and np.savetxt."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from convcli.images.arrays import aligned_lines, comma_lines, parse_matrix, pixel_lines
from convcli.npy import ArrayError

LIMIT = 10**6


def format_matrix(matrix):
    return "".join(aligned_lines(matrix))


SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 5))
DTYPES = st.sampled_from([np.uint8, np.int16, np.int64, np.uint64, np.float32, np.float64])


@given(DTYPES.flatmap(lambda dtype: hnp.arrays(dtype, SHAPES)))
def test_written_matrices_read_back_exactly(matrix):
    for text in (format_matrix(matrix), "".join(comma_lines(matrix))):
        read, notes = parse_matrix(text, LIMIT)
        assert not notes
        back = read.astype(matrix.dtype)
        np.testing.assert_array_equal(back, matrix)
        if matrix.dtype.kind == "f":
            signs = [np.signbit(m[~np.isnan(m)]) for m in (back, matrix)]
            np.testing.assert_array_equal(*signs)


@given(hnp.arrays(np.float64, SHAPES))
def test_reads_what_savetxt_writes_as_loadtxt_does(matrix):
    for delimiter in (" ", ",", "\t", ";"):
        file = io.StringIO()
        np.savetxt(file, matrix, delimiter=delimiter, header="made by numpy\nin two lines")
        expected = np.loadtxt(io.StringIO(file.getvalue()), delimiter=delimiter, ndmin=2)
        np.testing.assert_array_equal(parse_matrix(file.getvalue(), LIMIT)[0], expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 2\r\n3 4\r\n", [[1, 2], [3, 4]]),
        ("\n# a comment\n1, 2  # more\n\n3 ,4\n", [[1, 2], [3, 4]]),
        ('"1","2"\n"3","4"', [[1, 2], [3, 4]]),
        ('"1,5","2,5"\n"3","4"', [[1.5, 2.5], [3, 4]]),
        ("1,5;2\n-3;4,25e1", [[1.5, 2], [-3, 42.5]]),
        ("1,5;2,5", [[1.5, 2.5]]),
        ("1.5;2", [[1.5, 2]]),
        ("+1 -2", [[1, -2]]),
        ("nan inf\n-inf 0", [[np.nan, np.inf], [-np.inf, 0]]),
        ("5", [[5]]),
    ],
)
def test_ways_of_writing(text, expected):
    matrix, notes = parse_matrix(text, LIMIT)
    np.testing.assert_array_equal(matrix, expected)
    assert matrix.dtype == np.array(expected).dtype
    assert not notes


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "no numbers"),
        ("# nothing\n\n", "no numbers"),
        ("1 2\n\n3 4 5\n", "rows differ in length: the first has 2, line 3 has 3"),
        ("1 2\n3 four\n", "line 2: 'four' is not a number"),
        ("1,2,\n3,4,\n", "line 1 has an empty cell"),
        ("1,5\t2,5\n", r"line 1: '5\\t2' is not a number"),
        ("1_000 2\n", "'1_000' is not a number"),
        ("٣ 4\n", "is not a number"),
        ("1.5;2,5\n", "decimal points and decimal commas"),
        ("name,1\n", "line 1: 'name'"),
        ("x" * 3000, r"line 1: 'x{57}\.\.\.' is not a number$"),
        ("1,2\n3," + "0" * 131_073 + '"', "line 2 has a cell of over 131072 characters"),
        ("1," + "0" * 131_073, "line 1 has a cell of over"),
    ],
)
def test_faults_name_the_line_and_the_word(text, problem):
    with pytest.raises(ArrayError, match=problem):
        parse_matrix(text, LIMIT)


def test_size_is_checked_before_parsing():
    with pytest.raises(
        ArrayError, match=r"3x2 pixels, above the limit of 5; raise it with --max-pixels"
    ):
        parse_matrix("a b c\nd e f", 5)


def test_huge_integers_become_floats_with_a_note():
    matrix, notes = parse_matrix("99999999999999999999 1", LIMIT)
    assert matrix.dtype == np.float64
    assert matrix.tolist() == [[1e20, 1.0]]
    assert "64 bits" in notes[0]


def test_fewest_digits():
    assert format_matrix(np.array([[0.8, 28, 1e300]], np.float64)) == "0.8  28  1e+300\n"
    assert format_matrix(np.array([[0.8], [-10]], np.float32)) == "0.8\n-10\n"
    assert format_matrix(np.array([[1, 20], [300, 4]])) == "  1  20\n300   4\n"


@pytest.mark.parametrize("shape", [(3, 4, 3), (1, 5, 2), (4, 1, 3), (1, 1, 7), (2, 2, 1)])
@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float32, np.float64])
def test_a_table_of_pixels_is_read_back(shape, dtype):
    rng = np.random.default_rng(5)
    pixels = (rng.normal(size=shape) * 1e3).astype(dtype)
    found, notes = parse_matrix("".join(pixel_lines(pixels)), shape[0] * shape[1])
    assert notes == ()
    assert found.dtype == (np.int64 if np.issubdtype(dtype, np.integer) else np.float64)
    expected = pixels[..., 0] if shape[2] == 1 else pixels
    assert np.array_equal(found.astype(dtype), expected)
    count = shape[0] * shape[1]
    with pytest.raises(ArrayError, match=f"has {count} pixels, above the limit of {count - 1};"):
        parse_matrix("".join(pixel_lines(pixels)), count - 1)


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([], "holds no numbers"),
        (["0,0,1,2"], "has 5 titles, but 4 in a line of numbers"),
        (["0,0,1,2,3,4"], "has 5 titles, but 6 in a line of numbers"),
        (["0,0,1,2,3", "0,1,1,2"], "the first has 5, line 3 has 4"),
        (["0,0,1,2,x"], "line 2: 'x' is not a number"),
        (["0,1,1,2,3"], "one line for each pixel"),
        (["1,0,1,2,3"], "one line for each pixel"),
        (["nan,0,1,2,3"], "one line for each pixel"),
        (["0,0,1,2,3", "0,1,4,5,6", "1,0,7,8,9"], "one line for each pixel"),
        (["0,0,1,2,3", "1,0,4,5,6", "0,1,7,8,9", "1,1,0,0,0"], "one line for each pixel"),
        (["0,0,1,2,3", "0,0,4,5,6"], "one line for each pixel"),
        (["0,0,1,2,3", "0.5,0,4,5,6"], "one line for each pixel"),
    ],
)
def test_a_table_with_a_fault_is_refused(lines, problem):
    with pytest.raises(ArrayError, match=problem):
        parse_matrix("\n".join(["row,column,r,g,b", *lines]), LIMIT)
