"""Layers that enlarge maps: transposed convolutions and upsampling."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcli import Chain, GeometryError, KernelError, UsageError
from convcli.geometry import Pads
from convcli.kernels.kernel import Kernel
from convcli.kernels.spec import KernelSet, read_spec
from convcli.layers.activations import Activation
from convcli.layers.conv_transpose import ConvTranspose
from convcli.layers.network import plan_network
from convcli.layers.pooling import Pool
from convcli.layers.upsample import Upsample

NO_PADS = Pads(0, 0, 0, 0)


def transposed(weights, **options):
    """A layer of a bank (C, N / groups, kh, kw)."""
    kernels = KernelSet("b", tuple(Kernel(each) for each in weights))
    return ConvTranspose(kernels, **options)


def by_loops(maps, weights, stride, pads, output_padding, dilation, groups, biases):
    """Add the kernels to a large output, value by value; then cut the padding off."""
    (height, width, channels), (_, count, kh, kw) = maps.shape, weights.shape
    rows = (height - 1) * stride[0] + dilation[0] * (kh - 1) + 1 + output_padding[0]
    columns = (width - 1) * stride[1] + dilation[1] * (kw - 1) + 1 + output_padding[1]
    out = np.zeros((rows, columns, count * groups), np.result_type(maps, weights))
    places = product(range(height), range(width), range(channels), range(count))
    for i, j, channel, number in places:
        target = channel // (channels // groups) * count + number
        for y, x in product(range(kh), range(kw)):
            place = i * stride[0] + dilation[0] * y, j * stride[1] + dilation[1] * x, target
            out[place] += maps[i, j, channel] * weights[channel, number, y, x]
    return out[pads.top : rows - pads.bottom, pads.left : columns - pads.right] + biases


@st.composite
def transposes(draw):
    """A shape, the shape of a bank, and options."""
    pair = st.tuples(st.integers(1, 3), st.integers(1, 4))
    groups = draw(st.integers(1, 2))
    shape = *draw(pair), groups * draw(st.integers(1, 2))
    bank = shape[2], draw(st.integers(1, 2)), *draw(pair)
    stride, dilation = draw(pair), draw(pair)
    output_padding = tuple(
        draw(st.integers(0, max(each) - 1)) for each in zip(stride, dilation, strict=True)
    )
    pads = Pads(*(draw(st.integers(0, 2)) for _ in range(4)))
    options = {"stride": stride, "dilation": dilation, "output_padding": output_padding}
    return shape, bank, options | {"padding": pads, "groups": groups}


@given(transposes(), st.sampled_from([np.uint8, np.int32, np.float64]), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_every_value_adds_the_kernel(result, case, kind, seed):
    """Integers are exact; a layer that leaves nothing is refused."""
    shape, bank, options = case
    rng = np.random.default_rng(seed)
    maps, weights = rng.integers(0, 99, shape).astype(kind), rng.integers(-9, 10, bank)
    biases = tuple(rng.integers(-9, 10, bank[1] * options["groups"]).tolist())
    layer = transposed(weights, bias=biases, **options)
    rules = dict(options)
    pads = rules.pop("padding")
    work = maps.astype(np.int64 if np.dtype(kind).kind != "f" else kind)
    expected = by_loops(work, weights, pads=pads, biases=biases, **rules)
    if min(expected.shape) < 1:
        with pytest.raises(GeometryError, match="cuts off more than there is"):
            plan_network([layer], shape)
        return
    before = maps.copy()
    found = result([layer], maps)
    np.testing.assert_array_equal(maps, before)
    assert (found.dtype.kind == "f") == (np.dtype(kind).kind == "f")
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_flat_kernel_enlarges_every_map_on_its_own(result):
    maps = np.random.default_rng(0).integers(0, 256, (4, 3, 2), np.uint8)
    kernel = read_spec("1 2 1; 2 4 2; 1 2 1")
    found = result([ConvTranspose(kernel, stride=(2, 2))], maps)
    for channel in range(2):
        bank = transposed(kernel.kernels[0].matrix[np.newaxis, np.newaxis], stride=(2, 2))
        assert found[..., channel].tolist() == result([bank], maps[..., [channel]])[..., 0].tolist()


def test_places_between_values_hold_the_bias_where_no_tap_reaches(result):
    layer = ConvTranspose(read_spec("2"), stride=(2, 3), bias=0.5)
    found = result([layer], np.array([[[1], [2]]], np.uint8))[0, :, 0]
    assert found.tolist() == [2.5, 0.5, 0.5, 4.5]


def test_a_transposed_convolution_is_the_transpose_of_its_convolution(bank, result):
    """<conv x, y> = <x, convtranspose y>, with one bank for both."""
    rng = np.random.default_rng(0)
    weights = rng.integers(-9, 10, (4, 3, 3, 2))
    x, y = rng.integers(-9, 10, (9, 8, 3)), rng.integers(-9, 10, (5, 4, 4))
    down = bank(weights, stride=(2, 2), padding=(1, 0))
    up = transposed(weights, stride=(2, 2), padding=Pads(1, 1, 0, 0))
    back = result([up], y)
    assert back.shape == x.shape
    assert (result([down], x) * y).sum() == (x * back).sum()


@pytest.mark.parametrize(
    ("layer", "error", "said"),
    [
        (transposed(np.ones((2, 1, 1, 1))), KernelError, "has kernels for 2 maps, but .* has 3"),
        (transposed(np.ones((3, 1, 1, 1)), groups=2), UsageError, "cannot be divided into 2 gro"),
        (transposed(np.ones((3, 2, 1, 1)), bias=(1, 2, 3)), UsageError, "3 numbers for 2 maps"),
        (transposed(np.ones((3, 1, 1, 1)), output_padding=(0, 1)), GeometryError,
         "output padding 0,1 must be less than the stride 1 or the dilation 1"),
        (ConvTranspose(read_spec("blur"), groups=3), UsageError, "a 2-D kernel enlarges every map"),
    ],
)  # fmt: skip
def test_refusals(layer, error, said):
    with pytest.raises(error, match=said):
        plan_network([layer], (4, 4, 3))


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
@pytest.mark.parametrize("kind", [np.uint8, np.float32, np.float64])
def test_upsampling_is_a_transposed_convolution(result, mode, kind):
    """Nearest with ones; bilinear, away from the border, with weights that fall to both sides."""
    image = (np.random.default_rng(0).random((6, 5, 2)) * 99).astype(kind)
    down, across = 3, 2
    kernels, pads = [np.ones(down), np.ones(across)], NO_PADS
    if mode == "bilinear":
        kernels = [np.convolve(np.ones(f), np.ones(f)) / f for f in (down, across)]
        kernels[1] = np.array([1, 3, 3, 1]) / 4
        pads = Pads(1, 1, 1, 1)
    weights = np.broadcast_to(np.outer(*kernels), (1, 1, len(kernels[0]), len(kernels[1])))
    found = result([Upsample((down, across), mode)], image)
    assert found.dtype == (kind if mode == "nearest" else np.result_type(kind, np.float32))
    inner = np.s_[down:-down, across:-across]
    for channel in range(2):
        layer = transposed(weights, stride=(down, across), padding=pads)
        expected = result([layer], image[..., [channel]].astype(np.float64))[..., 0]
        np.testing.assert_allclose(found[..., channel][inner], expected[inner], rtol=1e-5)


def test_aligned_corners_keep_their_values(result):
    image = np.random.default_rng(0).normal(size=(4, 3, 1))
    found = result([Upsample((2, 3), "bilinear", align_corners=True)], image)[..., 0]
    corners = np.s_[[0, 0, -1, -1], [0, -1, 0, -1]]
    np.testing.assert_allclose(found[corners], image[..., 0][corners], rtol=1e-15)
    places = np.linspace(0, 3, 8), np.linspace(0, 2, 9)
    along = [np.interp(places[0], range(4), image[:, column, 0]) for column in range(3)]
    expected = [np.interp(places[1], range(3), row) for row in np.array(along).T]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_share_of_0_hides_a_nan(result):
    image = np.array([[[1.0], [np.nan], [3.0]]])
    assert result([Upsample((1, 3), "bilinear")], image)[0, [0, 1, 7, 8], 0].tolist() == [
        1,
        1,
        3,
        3,
    ]


def test_corners_are_aligned_between_values_only():
    with pytest.raises(UsageError, match="--align-corners needs --mode bilinear"):
        Chain("upsample 2 --align-corners")


LAYERS = [
    Pool("max", (2, 2)), Pool("max", (3, 3), (1, 1)), Activation("relu"), Upsample((2, 2)),
    Upsample((3, 3)), Upsample((2, 2), "bilinear"), Upsample((3, 3), "bilinear"),
    ConvTranspose(read_spec("box:2"), (2, 2)), ConvTranspose(read_spec("box:3"), (2, 2)),
    ConvTranspose(read_spec("box:4"), (2, 2), Pads(1, 1, 1, 1)),
    ConvTranspose(read_spec("box:2"), (1, 1), NO_PADS, (0, 0), (3, 3)),
]  # fmt: skip


@given(st.lists(st.sampled_from(LAYERS), min_size=1, max_size=4))
@settings(max_examples=80, deadline=None)
def test_the_field_is_what_an_output_depends_on(result, layers):
    """One pixel after the other is changed; the field is the hull of those that matter."""
    size = 24
    stages = plan_network(layers, (1, size, 1)) if _fits(layers, size) else []
    if not stages or stages[-1].plan.shape[1] < 4:
        return
    outputs = stages[-1].plan.shape[1]
    image = np.arange(size, dtype=np.float64).reshape(1, size, 1)
    images = image + 1000 * np.eye(size)[:, np.newaxis, :, np.newaxis]
    base = result(layers, image)[0, :, 0]
    seen = np.array([result(layers, each)[0, :, 0] != base for each in images])
    field = stages[-1].column_field
    spans = []
    for output in range(outputs):
        places = np.flatnonzero(seen[:, output])
        spans.append(places[-1] - places[0] + 1 if len(places) else 0)
    assert max(spans) <= field.size
    jump = stages[-1].column_field.jump
    assert jump == pytest.approx(np.prod([_jump(layer) for layer in layers]))


def _fits(layers, size):
    try:
        plan_network(layers, (1, size, 1))
    except UsageError:
        return False
    return True


def _jump(layer):
    if isinstance(layer, Upsample):
        return 1 / layer.factor[1]
    stride = getattr(layer, "stride", None) or getattr(layer, "window", (1, 1))
    return 1 / stride[1] if isinstance(layer, ConvTranspose) else stride[1]


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
@pytest.mark.parametrize("bias", [0, 3, -0.5])
def test_outputs_between_the_taps_are_the_bias(kind, bias):
    maps = np.random.default_rng(2).integers(1, 9, (3, 4, 1)).astype(kind)
    kernels = KernelSet("b", (Kernel([[1, 2], [3, 4]], bias=bias),))
    out = ConvTranspose(kernels, stride=(5, 7), padding=Pads(1, 0, 2, 1)).apply(maps)
    expected = by_loops(maps.astype(float), np.array([[[[1, 2], [3, 4]]]]), (5, 7),
                        Pads(1, 0, 2, 1), (0, 0), (1, 1), 1, bias)  # fmt: skip
    np.testing.assert_array_equal(out, expected)
