"""SPEC text: every form is read, and any other text is refused in one line."""

import io
import json

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from convcli.errors import KernelError
from convcli.images.arrays import parse_matrix
from convcli.kernels.catalogue import CATALOGUE
from convcli.kernels.spec import KernelSet, find_computed, get_kernel, read_spec
from convcli.npy import ArrayError

ROWS = st.integers(1, 4).flatmap(
    lambda columns: st.lists(
        st.lists(st.fractions(-9, 9, max_denominator=20), min_size=columns, max_size=columns),
        min_size=1,
        max_size=4,
    )
)


@pytest.mark.parametrize(
    ("text", "matrix", "divisor"),
    [
        ("0 -1 0; -1 5 -1; 0 -1 0", [[0, -1, 0], [-1, 5, -1], [0, -1, 0]], 1),
        ("0,-1,0;-1,5,-1;0,-1,0;", [[0, -1, 0], [-1, 5, -1], [0, -1, 0]], 1),
        ("1 2\n3, 4", [[1, 2], [3, 4]], 1),
        ("2", [[2]], 1),
        ("-2", [[-2]], 1),
        ("−2 +1", [[-2, 1]], 1),
        ("1 2 1", [[1, 2, 1]], 1),
        ("1/16", [[1]], 16),
        ("1/4 1/6; 0 1", [[3, 2], [0, 12]], 12),
        ("2/4 1", [[1, 2]], 2),
        (".5 1e-1; 1 2.", [[0.5, 0.1], [1, 2]], 1),
        ("1/2 0.25", [[0.5, 0.25]], 1),
    ],
)
def test_a_matrix_is_read_from_its_text(text, matrix, divisor):
    kernel = get_kernel(text)
    assert kernel.matrix.tolist() == matrix
    assert kernel.divisor == divisor
    assert kernel.matrix.dtype == (np.float64 if "." in text else np.int64)
    assert read_spec(text).slug == "custom"


@given(ROWS)
def test_fractions_are_read_to_the_bit(rows):
    kernel = get_kernel(";".join(" ".join(map(str, row)) for row in rows))
    assert kernel.matrix.dtype == np.int64
    assert kernel.weights.tolist() == [[float(weight) for weight in row] for row in rows]


def test_fractions_without_a_handy_divisor_become_reals():
    primes = (97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151)
    kernel = get_kernel(" ".join(f"1/{p}" for p in primes))
    assert kernel.matrix.dtype == np.float64
    assert kernel.weights.tolist() == [[1 / p for p in primes]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no kernel is given"),
        ("  ", "no kernel is given"),
        ("@45", "@45: there is no such sample"),
        (";", "empty"),
        ("1 2; 3", "^kernel '1 2; 3': rows differ in length: row 1 has 2, row 2 has 1"),
        (
            "[[1, 2], [3]]",
            r"^kernel '\[\[1, 2\], \[3\]\]': rows differ in length: row 1 has 2, row",
        ),
        ("1,,2", "row 1 has an empty cell"),
        ("1 2,", "row 1 has an empty cell"),
        ("1 2; 3 x", "row 2: 'x' is not a finite number"),
        ("nan 1", "^kernel 'nan 1': row 1: 'nan' is not a finite number"),
        ("1 inf", "'inf' is not a finite number"),
        ("1/0", "divides by 0"),
        ("1e999", "too large"),
        ("2; 1e31", r"row 2: '1e31' is too large; weights must lie within ±1e\+30"),
        ("9" * 400 + " 1.5", "row 1: '9+...' is too large"),
        ("9" * 390 + "/7 1.5", "row 1: '9+...' is too large"),
        ("1" * 10_000 + "x", "no kernel is named '1+...'"),
        ("1; " + "0" * 10_000 + "x", "row 2: '0+...' is not a finite number"),
        ("1e40", "within"),
        ("9223372036854775808", "must lie within ±9223372036854775807"),
        ("9" * 5000, "not a finite number"),
        ("1.5/2", "no kernel is named|no such file"),
        ("true", "no kernel is named 'true'"),
        ("soble", "did you mean sobel"),
        ("Sobel_X", "did you mean sobel-x"),
        ("sobel-x@", "@ needs an angle"),
        ("sobel-x@north", "@ needs an angle"),
        ("sobel-x@nan", "@ needs an angle"),
        ("sobel-x@1e300", "@ needs an angle"),
        ("sobel-x@30", "multiples of 45"),
        ("sobel@30", "multiples of 45"),
        ("farid-x@45", "multiples of 90"),
        ("roberts-x@45", "multiples of 90"),
        ("box:5@45", "multiples of 90"),
        ("sobel-x@45@45", "no kernel is named 'sobel-x@45'"),
        ("gaussian:5:6", "size must be a positive N or WxH"),
        ("box:3x2048", "sides from 1 to 2,047"),
        ("box:2048x3", "sides from 1 to 2,047"),
        ("disk:1024", "2,049 pixels a side; the limit is 2,047"),
        ("unsharp:4x3", "size must be odd by odd, not 4x3"),
        ("unsharp:3x4", "size must be odd by odd, not 3x4"),
        ("no-such.txt", "no-such.txt: no such file"),
        ("folder/kernel", "folder/kernel: no such file"),
        ("-", "cannot be read here"),
    ],
)
def test_a_spec_that_names_no_kernel_is_explained(text, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(KernelError, match=message) as caught:
        read_spec(text)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_family_is_several_kernels():
    sobel = read_spec("sobel@45")
    assert (sobel.label, sobel.slug) == ("sobel@45", "sobel-45deg")
    assert [kernel.name for kernel in sobel.kernels] == ["sobel-x@45", "sobel-y@45"]
    assert [kernel.slug for kernel in sobel.kernels] == ["sobel-x-45deg", "sobel-y-45deg"]
    assert sobel.combine == "magnitude"
    assert [kernel.matrix.tolist() for kernel in sobel.kernels] == [
        [[0, 1, 2], [-1, 0, 1], [-2, -1, 0]],
        [[-2, -1, 0], [-1, 0, 1], [0, 1, 2]],
    ]
    with pytest.raises(KernelError, match=r"sobel names 2 kernels, .*: sobel-x, sobel-y"):
        get_kernel("sobel")
    assert "kirsch-n" in read_spec("kirsch").kernels[0].name


@pytest.mark.parametrize(
    ("spec", "slug"),
    [
        ("gaussian:5,sigma=1.2", "gaussian-5-sigma-1.2"),
        ("gaussian: 5, sigma = 1.2", "gaussian-5-sigma-1.2"),
        ("sobel-x@45", "sobel-x-45deg"),
        ("sobel-x@-45", "sobel-x-315deg"),
        ("motion:15@30", "motion-15-30deg"),
        ("box:3x5", "box-3x5"),
        ("signal:uniform, a=-3, b=3", "signal-uniform-a--3-b-3"),
        ("1 2 1", "custom"),
        ("[[1, 0], [0, 1]]", "custom"),
    ],
)
def test_a_spec_is_shown_as_typed_and_has_a_slug_for_file_names(spec, slug):
    for text in (spec, f" {spec} "):
        kernels = read_spec(text)
        assert kernels.label == kernels.kernels[0].name == spec
        assert kernels.slug == kernels.kernels[0].slug == slug


def test_what_is_typed_in_lines_is_shown_on_one():
    assert read_spec("1  2;\n 3 4\n").label == "1 2; 3 4"
    assert read_spec("sobel-x@360").label == read_spec("sobel-x@360").slug == "sobel-x"
    assert read_spec("-", io.BytesIO(b"1 2")).label == "standard input"


def test_an_inline_matrix_is_rotated():
    assert get_kernel("1/2 1/4@90").weights.tolist() == [[0.25], [0.5]]
    assert get_kernel("1 2 3; 8 0 4; 7 6 5@-45").matrix.tolist() == [
        [8, 1, 2],
        [7, 0, 3],
        [6, 5, 4],
    ]


def test_an_angle_is_added_to_that_of_a_computed_kernel():
    assert np.allclose(get_kernel("motion:15,10@20").matrix, get_kernel("motion:15,30").matrix)


def test_names_come_before_files_and_files_are_found_by_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("blur", "2", "k@2x.txt", "odd.name", "3 by 3.txt"):
        (tmp_path / name).write_text("7 7 7")
    assert get_kernel("blur").divisor == 16
    assert get_kernel("2").matrix.tolist() == [[2]]
    for path in ("./blur", "./2", "k@2x.txt", "odd.name", "3 by 3.txt"):
        assert get_kernel(path).matrix.tolist() == [[7, 7, 7]]
    assert get_kernel("k@2x.txt@90").matrix.shape == (3, 1)


@pytest.mark.parametrize(
    "content",
    [b"1 2\n3 4", b"\xef\xbb\xbf1,2\r\n3,4\r\n", b"[[1, 2], [3, 4]]", b'{"matrix": [[1,2],[3,4]]}'],
)
def test_the_format_of_standard_input_follows_from_its_content(content):
    assert get_kernel_from(content).matrix.tolist() == [[1, 2], [3, 4]]


def test_standard_input_may_be_npy():
    buffer = io.BytesIO()
    np.save(buffer, np.array([[1.5, 2]]))
    assert get_kernel_from(buffer.getvalue()).matrix.tolist() == [[1.5, 2]]


def get_kernel_from(content):
    return read_spec("-", io.BytesIO(content)).kernels[0]


def test_a_bank_is_split_into_its_filters(tmp_path):
    bank = np.arange(2 * 3 * 2 * 2).reshape(2, 3, 2, 2)
    np.save(tmp_path / "bank.npy", bank)
    found = read_spec(str(tmp_path / "bank.npy"))
    assert (found.label, found.slug) == (str(tmp_path / "bank.npy"), "bank")
    assert found.combine is None
    assert [kernel.name for kernel in found.kernels] == [
        f"filter {number} of {found.label}" for number in (1, 2)
    ]
    assert [kernel.slug for kernel in found.kernels] == ["bank-1", "bank-2"]
    assert np.array_equal([kernel.matrix for kernel in found.kernels], bank)


def test_the_computed_kernel_of_a_spec_is_found():
    assert find_computed("motion:15@30").name == "motion"
    assert find_computed("outline") is None
    assert find_computed("1 2 1") is None


CHARACTERS = ":,=@; -./ex5[{#\n\0\udcff−٣²"
PIECES = st.sampled_from(
    [*CATALOGUE, *CHARACTERS, "1.2", "45", "nan", "size", "sigma", "angle", ".txt", ".npy"]
)


def outcome(text, stdin):
    """Return the kernels of a SPEC, or the message of a KernelError."""
    try:
        return read_spec(text, io.BytesIO(stdin))
    except KernelError as error:
        return str(error)


@pytest.mark.slow
@settings(max_examples=100)
@given(st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=8).map("".join)))
@example("\0.txt")
@example("a" * 5000 + ".npy")
@example("a" * 5000)
@example("@1" * 3000)
@example("1/" + "0" * 300)
@example("1\x1c2")
def test_any_text_is_a_kernel_or_a_kernel_error(text):
    found = outcome(text, text.encode(errors="surrogateescape"))
    if isinstance(found, str):
        assert found.isprintable()
    else:
        assert all(kernel.matrix.dtype in (np.int64, np.float64) for kernel in found.kernels)
        assert "/" not in found.label


@given(st.binary(max_size=200))
@example(b"[" * 100_000)
@example(b'{"matrix": [[1]], "divisor": [1]}')
@example(b'{"matrix": [[1]], "name": 3}')
@example(b"[[" + b"9" * 6000 + b"]]")
@example(b"[[[[[[1]]]]]]")
@example(b"[]")
@example(b"[[], []]")
@example(b"[1, [2]]")
@example(
    b"\x93NUMPY\x01\x00\x46\x00{'descr': '<f8', 'fortran_order': False, 'shape': (10**12,9), }   \n"
)
def test_any_bytes_are_a_kernel_or_a_kernel_error(content):
    found = outcome("-", content)
    assert isinstance(found, KernelSet) or found.startswith("standard input: ")


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=3),
        lambda inner: st.lists(inner, max_size=4),
    )
)
def test_any_json_is_a_kernel_or_a_kernel_error(value):
    found = outcome("-", json.dumps([value]).encode())
    if isinstance(found, KernelSet):
        assert np.array_equal(np.array([k.matrix for k in found.kernels]).reshape(-1), flat(value))


def flat(value):
    return [x for inner in value for x in flat(inner)] if isinstance(value, list) else [value]


PASTED = [np.eye(2), np.arange(6).reshape(2, 3), np.array([[0.25, -1.5], [1e-5, 3]])]
PASTED += [np.random.default_rng(1).normal(size=(3, 40))]  # whose rows take several lines
FORMS = [str, repr, lambda a: f"np.{a!r}", lambda a: str(a.tolist())]


@pytest.mark.parametrize("array", PASTED)
@pytest.mark.parametrize("form", FORMS)
def test_lists_and_printed_arrays_are_matrices(array, form, tmp_path):
    text = form(array)
    assert np.allclose(get_kernel(text).weights, array, atol=1e-6)
    (tmp_path / "k.txt").write_text(text)
    assert np.allclose(get_kernel(str(tmp_path / "k.txt")).weights, array, atol=1e-6)
    assert np.allclose(parse_matrix(text, 1000)[0], array, atol=1e-6)
    assert parse_matrix(text, 1000)[0].dtype.kind == array.dtype.kind


def test_fractions_in_a_list_are_exact_and_a_list_is_rotated():
    kernel = get_kernel("[[1/2, 1], [0, 1/4],]")
    assert (kernel.matrix.tolist(), kernel.divisor) == ([[2, 4], [0, 1]], 4)
    assert get_kernel("[[-1, 0, 1]]@90").matrix.tolist() == [[1], [0], [-1]]
    assert get_kernel("[[[1]], [[2]]]").matrix.shape == (2, 1, 1)


@pytest.mark.parametrize("text", ["[1 2; 3 4]", "[1, 2; 3, 4;]", "[1 2;\n 3 4]"])
def test_a_matrix_of_octave_has_its_rows(text, tmp_path):
    (tmp_path / "k.txt").write_text(text)
    for spec in (text, str(tmp_path / "k.txt")):
        assert get_kernel(spec).matrix.tolist() == [[1, 2], [3, 4]]
    assert parse_matrix(text, 1000)[0].tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize("text", ["[[1, 2", "[[1, x]]", "[[1, 2], [3]]", "[1, 2] [", "[[1 ... 2]]"])
def test_a_list_that_is_no_matrix_is_refused(text):
    with pytest.raises(KernelError):
        get_kernel(text)
    with pytest.raises(ArrayError):
        parse_matrix(text, 1000)


@pytest.mark.slow
def test_the_longest_side_is_possible():
    assert get_kernel("box:2047x1").shape == (1, 2047)
    assert get_kernel("disk:1023").shape == (2047, 2047)


@pytest.mark.parametrize("spec", ["motion:9,angle=20", "gabor:7,angle=33", "comet:6,angle=-15"])
def test_a_right_angle_moves_weights_and_computes_none(spec):
    expected = np.rot90(get_kernel(spec).matrix)
    np.testing.assert_array_equal(get_kernel(f"{spec}@90").matrix, expected)


def test_a_kernel_read_again_is_the_same_after_many_others():
    specs = [f"gaussian:3,sigma={number / 10}" for number in range(1, 90)]
    first = [read_spec(spec) for spec in specs]
    again = [read_spec(spec) for spec in specs]
    assert first == again
    assert len({kernel_set.kernels for kernel_set in again}) == len(specs)
    assert [kernel_set.label for kernel_set in again] == specs
