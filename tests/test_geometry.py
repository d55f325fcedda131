"""Sizes, pads and receptive fields against counting."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from convcli import output_size, receptive_field
from convcli.errors import GeometryError
from convcli.geometry import Pads, conv_geometry

SMALL = st.integers(1, 6)
LAYERS = st.lists(st.tuples(SMALL, st.integers(1, 3), st.integers(0, 4), SMALL), max_size=4)


def windows(size, kernel, before, after, stride, dilation):
    """Return the padded places that each window weighs, by trying every start."""
    places = set(range(-before, size + after))
    tried = (
        [start + dilation * tap for tap in range(kernel)]
        for start in range(-before, size + after, stride)
    )
    return [window for window in tried if places.issuperset(window)]


@given(st.integers(1, 30), SMALL, st.integers(0, 9), SMALL, SMALL)
def test_size_equals_the_number_of_windows(n, k, p, s, d):
    found = windows(n, k, p, p, s, d)
    if not found:
        with pytest.raises(GeometryError, match="exceeds"):
            output_size(n, k, p, s, d)
        return
    assert output_size(n, k, p, s, d) == len(found)
    assert len(found) == math.floor((n + 2 * p - d * (k - 1) - 1) / s) + 1
    last = found[-1][-1]
    assert conv_geometry((n, n), (k, k), p, s, d).unused == (n + p - 1 - last,) * 2


@given(*[st.tuples(SMALL, SMALL)] * 3, st.tuples(*[st.integers(0, 5)] * 4))
def test_axes_are_apart(kernel, stride, dilation, pads):
    geometry = (
        conv_geometry((11, 23), kernel, pads, stride, dilation)
        if fits(kernel, dilation, pads)
        else None
    )
    axes = [
        windows(n, kernel[a], pads[2 * a], pads[2 * a + 1], stride[a], dilation[a])
        for a, n in enumerate((11, 23))
    ]
    if geometry is None:
        assert not all(axes)
        return
    assert geometry.output_shape == tuple(map(len, axes))
    assert geometry.padded_shape == (11 + pads[0] + pads[1], 23 + pads[2] + pads[3])
    assert geometry.extent == tuple(axis[0][-1] - axis[0][0] + 1 for axis in axes)
    ends = 11 + pads[1] - 1, 23 + pads[3] - 1
    assert geometry.unused == tuple(e - a[-1][-1] for e, a in zip(ends, axes, strict=True))


def fits(kernel, dilation, pads):
    spans = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    return spans[0] <= 11 + pads[0] + pads[1] and spans[1] <= 23 + pads[2] + pads[3]


@pytest.mark.parametrize(
    ("padding", "pads"),
    [
        ("valid", (0, 0, 0, 0)),
        ("same", (1, 2, 2, 2)),
        ("full", (3, 3, 4, 4)),
        (0, (0, 0, 0, 0)),
        (2, (2, 2, 2, 2)),
        ((1,), (1, 1, 1, 1)),
        ((1, 5), (1, 1, 5, 5)),
        ([1, 5], (1, 1, 5, 5)),
        ((1, 2, 3, 4), (1, 2, 3, 4)),
    ],
)
def test_pads_of_each_rule(padding, pads):
    geometry = conv_geometry((9, 9), (4, 5), padding)
    assert geometry.pads == pads
    assert isinstance(geometry.pads, Pads)


@pytest.mark.parametrize(
    ("operation", "pads", "anchor"),
    [("correlate", (1, 2, 3, 3), (1, 3)), ("convolve", (2, 1, 3, 3), (2, 3))],
)
def test_a_flip_moves_the_anchor_of_an_even_kernel(operation, pads, anchor):
    geometry = conv_geometry((9, 9), (4, 3), "same", dilation=(1, 3), operation=operation)
    assert geometry.pads == pads
    assert geometry.anchor == anchor


@given(st.integers(1, 40), st.integers(1, 9), st.integers(1, 9), st.integers(1, 5))
def test_same_gives_the_size_over_the_stride_rounded_up(n, k, s, d):
    assert output_size(n, k, "same", s, d) == math.ceil(n / s)
    assert output_size(n, k, "full", 1, d) == n + d * (k - 1)
    for operation in ("correlate", "convolve"):
        pads = conv_geometry((n, n), (k, k), "same", s, d, operation).pads
        assert pads.top + pads.bottom == pads.left + pads.right == d * (k - 1)
        assert abs(pads.top - pads.bottom) <= 1


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((5, 3, 0, 1), 3),
        ((5, 3, 1, 2), 3),
        ((6, 3, 0, 2), 2),
        ((227, 11, 0, 4), 55),
        ((224, 7, 3, 2), 112),
        ((1, 1), 1),
        (((224, 448), 3), (222, 446)),
        (((224, 448), (3, 5), (0, 2), (2, 1), (1, 2)), (111, 444)),
        ((5, 3, (1, 0, 1, 0)), 4),
        ((10**30, 3), 10**30 - 2),
    ],
)
def test_known_sizes(arguments, expected):
    assert output_size(*arguments) == expected


def test_a_whole_number_of_any_kind_is_an_integer_size():
    class Five:
        def __index__(self):
            return 5

    assert output_size(Five(), 3) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((9, 5), (13, 13)), "kernel 13x13 exceeds the 5x9 input"),
        (
            ((7, 3), (7, 7), 1, 1, 2),
            "kernel 7x7 (dilation 2, extent 13x13) exceeds the padded 5x9 input",
        ),
        (
            ((7, 3), (2, 4), 0, 1, (1, 3)),
            "kernel 4x2 (dilation 1,3, extent 10x2) exceeds the 3x7 input",
        ),
        (((2, 2), (3, 1)), "kernel 1x3 exceeds the 2x2 input"),
        (((2, 2), (4, 1), (1, 0, 0, 0)), "kernel 1x4 exceeds the padded 2x3 input"),
        ((0, 1), "size must be at least 1, not 0"),
        (((3, -1), 1), "size must be at least 1, not -1"),
        ((5, 0), "kernel size must be at least 1, not 0"),
        ((5, 3, 0, 0), "stride must be at least 1, not 0"),
        ((5, 3, 0, 1, 0), "dilation must be at least 1, not 0"),
        ((5, 3, -1), "padding must be at least 0, not -1"),
        ((5, 3, (0, -2)), "padding must be at least 0, not -2"),
        ((5, 3, ()), "(top, bottom, left, right), not 0 numbers"),
        ((5, 3, (1,) * 5), "(top, bottom, left, right), not 5 numbers"),
        (
            (5, 3, "SAME"),
            "padding must be same, valid, full, same-upper, same-lower, causal, a number, (v",
        ),
        ((5, 3, None), "padding must be a whole number, not None"),
        ((5.0, 3), "size must be a whole number, not 5.0"),
        ((True, 1), "size must be a whole number, not True"),
        (("5", 1), "size must be a whole number, not '5'"),
        (((5, 5, 3), 1), "size takes one number or rows,columns, not 3 numbers"),
        (((5, 5), (1, 1), 0, (1, 1, 1)), "stride takes one number or rows,columns"),
    ],
)
def test_refusals(arguments, message):
    with pytest.raises(GeometryError) as caught:
        output_size(*arguments)
    assert message in str(caught.value)


def test_an_unknown_operation_is_refused():
    with pytest.raises(GeometryError, match="operation must be correlate or convolve, not 'flip'"):
        conv_geometry((3, 3), (1, 1), operation="flip")


def seen(layers, output):
    """Return the input pixels that one output of a chain sees, tracing each tap back."""
    pixels = {output}
    for kernel, stride, padding, dilation in reversed(layers):
        pixels = {p * stride - padding + dilation * tap for p in pixels for tap in range(kernel)}
    return pixels


@given(LAYERS)
def test_receptive_field_equals_tracing_back(layers):
    field = receptive_field(layers)
    for output in range(3):
        pixels = seen(layers, output)
        assert min(pixels) == field.start + output * field.jump
        assert max(pixels) - min(pixels) + 1 == field.size


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([], (1, 1, 0)),
        ([(3,)], (3, 1, 0)),
        ([(3,), (3,)], (5, 1, 0)),
        ([(3, 2), (3,)], (7, 2, 0)),
        ([(7, 2, 3), (3, 2, 1)], (11, 4, -5)),
        ([(3, 1, 2, 2)], (5, 1, -2)),
    ],
)
def test_known_receptive_fields(layers, expected):
    assert receptive_field(layers) == expected
    assert receptive_field(iter(layers)) == expected


@pytest.mark.parametrize(
    ("place", "name", "value"),
    [(0, "kernel size", 0), (1, "stride", 0), (2, "padding", -1), (3, "dilation", 0)],
)
def test_layers_out_of_range_are_refused(place, name, value):
    layer = [3, 1, 0, 1]
    layer[place] = value
    with pytest.raises(GeometryError, match=f"{name} must be at least {value + 1}, not {value}"):
        receptive_field([(3,), tuple(layer)])


@pytest.mark.parametrize("layer", [(), (3, 1, 0, 1, 1)])
def test_layers_of_another_length_are_refused(layer):
    with pytest.raises(GeometryError, match="layer"):
        receptive_field([layer])


def test_every_small_case_by_counting():
    for n, k, p, s, d in itertools.product(range(1, 8), range(1, 5), range(3), range(1, 4), (1, 2)):
        count = len(windows(n, k, p, p, s, d))
        if count:
            assert output_size(n, k, p, s, d) == count, (n, k, p, s, d)


def test_one_number_and_a_pair_may_be_mixed():
    assert output_size(5, 3) == 3
    assert output_size((5, 5), 3) == (3, 3)
    assert output_size([5, 5], (3, 3)) == (3, 3)
    assert output_size(5, (3, 1)) == (3, 5)
    assert output_size(5, (3, 3)) == 3
    assert output_size((5, 7), (1, 3), stride=(2, 1)) == (3, 5)


class Index:
    def __index__(self):
        return 2


@pytest.mark.parametrize("two", [(2, 2), [2, 2], range(2, 3), (Index(), 2), Index(), 2])
def test_sizes_are_integers_and_sequences_of_any_type(two):
    pair = two if not isinstance(two, range) else [*two, *two]
    expected = conv_geometry((9, 9), (2, 2), (2, 2), (2, 2), (2, 2))
    assert conv_geometry((9, 9), pair, pair, pair, pair) == expected


@pytest.mark.parametrize("bad", ["2", 2.0, None, True, (2, 2.0), [[1, 2], 3], b"22", {2}])
@pytest.mark.parametrize("name", ["padding", "stride", "dilation"])
def test_what_is_no_whole_number_is_refused(bad, name):
    with pytest.raises(GeometryError, match=f"{name} must be"):
        conv_geometry((9, 9), (2, 2), **{name: bad})


@pytest.mark.parametrize("bad", [[], [1], (1, 2, 3), [1] * 5])
def test_too_few_and_too_many_numbers_are_refused(bad):
    with pytest.raises(GeometryError, match=f"not {len(bad)} numbers"):
        conv_geometry((9, 9), (2, 2), stride=bad)
    if len(bad) in (0, 3, 5):
        with pytest.raises(GeometryError, match="padding takes a number, "):
            conv_geometry((9, 9), (2, 2), padding=bad)


@pytest.mark.parametrize(
    ("shape", "kernel", "advice"),
    [
        (
            (12, 1),
            (1, 3),
            "; the input is a column: make the kernel one, with ; between its weights",
        ),
        (
            (1, 12),
            (3, 1),
            "; the input is a row: make the kernel one, with spaces between its weights",
        ),
        ((2, 1), (3, 1), ""),
        ((12, 2), (1, 3), ""),
    ],
)
def test_a_kernel_across_a_signal_is_told_how_to_lie_along_it(shape, kernel, advice):
    with pytest.raises(GeometryError) as raised:
        conv_geometry(shape, kernel, "valid")
    assert str(raised.value).partition(" input")[2] == advice


@pytest.mark.parametrize(
    ("shape", "line"),
    [((9, 1), "column: make the window 2,1"), ((1, 9), "row: make the window 1,2")],
)
def test_a_window_across_a_signal_is_refused_with_one_that_fits(shape, line):
    with pytest.raises(GeometryError, match=f"the input is a {line}$"):
        conv_geometry(shape, 2, name="window")
