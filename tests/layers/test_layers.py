"""Layers and chains of them: exact integers, sizes, and refusals."""

import numpy as np
import pytest
from scipy import ndimage, special

from convcli import GeometryError, KernelError, UsageError
from convcli.geometry import ConvOptions
from convcli.kernels.kernel import Kernel
from convcli.kernels.spec import KernelSet, read_spec
from convcli.layers.activations import Activation, LeakyRelu, Softmax
from convcli.layers.base import as_working_type
from convcli.layers.batchnorm import BatchNorm
from convcli.layers.conv import Conv
from convcli.layers.flatten import Flatten
from convcli.layers.network import plan_network, run_network
from convcli.layers.pooling import ChannelPool, GlobalPool, Normalize, Pool


def named(spec, **more):
    """A layer of a kernel by its name."""
    return Conv((read_spec(spec),), spec, ConvOptions(), **more)


def test_the_default_padding_is_that_of_apply(result):
    image = np.random.default_rng(0).integers(0, 256, (9, 8, 1), np.uint8)
    ours = result([named("outline")], image)[..., 0]
    weights = read_spec("outline").kernels[0].matrix
    expected = ndimage.correlate(image[..., 0].astype(int), weights, mode="nearest")
    np.testing.assert_array_equal(ours, expected)


def test_integers_stay_exact_through_many_layers(result):
    """Products of 16-bit pixels beyond what float32 holds, and then beyond 32 bits."""
    image = np.random.default_rng(0).integers(0, 65536, (7, 7, 1), np.uint16)
    layers = [named("1 2 1; 2 4 2; 1 2 1")] * 6
    expected = image[..., 0].astype(object)
    weights = np.array([[1, 2, 1], [2, 4, 2], [1, 2, 1]], object)
    for _ in layers:
        padded = np.pad(expected, 1, mode="edge")
        expected = sum(
            weights[i, j] * padded[i : i + 7, j : j + 7] for i in range(3) for j in range(3)
        )
    assert result(layers, image)[..., 0].astype(object).tolist() == expected.tolist()


def test_integers_beyond_64_bits_become_floats(result):
    image = np.full((4, 4, 1), 255, np.uint8)
    maps = result([named("16")] * 40, image)
    assert maps.dtype == np.float64
    np.testing.assert_allclose(maps, 255.0 * 16.0**40, rtol=1e-12)


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (np.array([[True]]), np.uint8),
        (np.array([[-128]], np.int8), np.int32),
        (np.array([[-(2**31)]], np.int32), np.float64),
        (np.array([[2**40]]), np.float64),
        (np.array([[7]], np.uint64), np.int32),
        (np.array([[7]], np.uint16), np.uint16),
        (np.array([[7]], np.float16), np.float32),
    ],
)
def test_the_numbers_that_layers_work_on(given, kind, result):
    maps = as_working_type(given[..., np.newaxis])
    assert maps.dtype == kind
    assert maps.ravel().tolist() == given.ravel().tolist()
    assert result([Activation("abs")], given[..., np.newaxis]).item() == abs(given.item())


def test_activations(result):
    values = np.array([-np.inf, -800, -1.5, 0, 2, 800, np.inf, np.nan]).reshape(2, 4, 1)
    np.testing.assert_allclose(
        result([Activation("sigmoid")], values), special.expit(values), rtol=1e-14
    )
    np.testing.assert_array_equal(result([Activation("tanh")], values), np.tanh(values))
    relu = result([Activation("relu")], values)
    np.testing.assert_array_equal(relu, np.where(values < 0, 0, values))
    leaky = result([LeakyRelu(0.5)], values)
    np.testing.assert_array_equal(leaky, np.where(values < 0, values / 2, values))


def test_normalization(result):
    rng = np.random.default_rng(1)
    maps = rng.normal(5, 3, (20, 30, 4)).astype(np.float32)
    maps[..., 1] = np.float32(0.1)
    maps[3, 4, 3] = np.nan
    done = result([Normalize()], maps)
    assert done.dtype == np.float32
    np.testing.assert_allclose(done[..., 0].mean(), 0, atol=1e-6)
    np.testing.assert_allclose(done[..., 0].std(), 1, atol=1e-4)
    assert not done[..., 1].any()
    assert np.isnan(done[..., 3]).all()
    assert not np.isnan(done[..., :3]).any()


def test_a_map_of_one_row_is_normalized():
    row = np.array([3.0, 5.0, 10.0])
    done = Normalize().apply(row.reshape(1, 3, 1))
    np.testing.assert_allclose(done.ravel(), (row - 6) / row.std(), atol=1e-4)


def test_values_whose_squares_overflow_are_normalized():
    values = np.random.default_rng(0).normal(size=(6, 7, 2))
    expected = (values - values.mean(axis=(0, 1))) / values.std(axis=(0, 1))
    assert np.allclose(Normalize().apply(values * 1e300), expected)


def test_batch_normalization_by_its_formula(result):
    maps = np.random.default_rng(0).integers(0, 256, (5, 4, 2), np.uint8)
    found = result([BatchNorm((100, 50), 4, bias=(1, -1), eps=0.5)], maps)
    assert found.dtype == np.float32
    for channel, (mean, bias) in enumerate([(100, 1), (50, -1)]):
        expected = (maps[..., channel].astype(float) - mean) / np.sqrt(4.5) + bias
        np.testing.assert_allclose(found[..., channel], expected, rtol=1e-6)
    [stage] = plan_network([BatchNorm(0, 1, weight=2, bias=(1, 2))], maps.shape)
    assert stage.plan.parameters == 4


def test_batch_normalization_loses_no_digits_of_an_offset(result):
    maps = np.array([[[1e6 + 0.5]]], np.float32)
    assert result([BatchNorm(1e6, 1e-8, eps=1e-10)], maps)[0, 0, 0] == pytest.approx(
        4975.186, rel=1e-6
    )


def test_numbers_of_a_batch_normalization_fit_the_maps():
    with pytest.raises(UsageError, match="--var has 3 numbers for 2 maps"):
        plan_network([BatchNorm(0, (1, 2, 3))], (4, 4, 2))
    with pytest.raises(UsageError, match="--var must not be negative, and -2 is"):
        BatchNorm(0, (1, -2))


def test_flatten_takes_map_by_map_and_row_by_row(result):
    maps = np.arange(24).reshape(2, 3, 4)
    expected = [maps[row, column, channel] for channel in range(4) for row in range(2)
                for column in range(3)]  # fmt: skip
    assert result([Flatten()], maps).ravel().tolist() == expected


def test_a_dense_layer_is_a_convolution_of_a_flattened_map(bank, result):
    rng = np.random.default_rng(0)
    image, weights = rng.integers(0, 256, (6, 5, 3), np.uint8), rng.integers(-9, 10, (7, 90))
    dense = bank(weights[..., None, None], tuple(range(7)))
    expected = weights @ np.moveaxis(image, 2, 0).astype(int).ravel() + np.arange(7)
    assert result([Flatten(), dense], image).ravel().tolist() == expected.tolist()
    [_, stage] = plan_network([Flatten(), dense], image.shape)
    assert (stage.row_field.size, stage.column_field.size, stage.plan.parameters) == (6, 5, 637)


def test_shares_add_up_to_1_and_do_not_overflow(result):
    maps = np.random.default_rng(0).normal(size=(4, 5, 6), scale=300)
    shares = result([Softmax()], maps)
    np.testing.assert_allclose(shares.sum(2), 1)
    np.testing.assert_allclose(shares, special.softmax(maps, 2), rtol=1e-12)
    maps[0, 0, 2], maps[1, 1, 3] = np.inf, np.nan
    shares = result([Softmax()], maps)
    assert np.isnan(shares[[0, 1], [0, 1]]).all()
    assert np.isnan(shares).sum() == 12
    assert result([Softmax()], np.array([[[0, 255]]], np.uint8)).dtype == np.float32


def test_global_and_channel_pools(result):
    maps = np.random.default_rng(1).integers(-99, 99, (4, 5, 3), np.int32)
    assert result([GlobalPool("max")], maps).ravel().tolist() == maps.max((0, 1)).tolist()
    np.testing.assert_allclose(result([GlobalPool("avg")], maps).ravel(), maps.mean((0, 1)))
    assert result([GlobalPool("min")], maps).ravel().tolist() == maps.min((0, 1)).tolist()
    assert result([ChannelPool("max")], maps)[..., 0].tolist() == maps.max(2).tolist()
    assert result([ChannelPool("min")], maps)[..., 0].tolist() == maps.min(2).tolist()
    np.testing.assert_allclose(result([ChannelPool("avg")], maps)[..., 0], maps.mean(2))


def test_a_family_is_combined_as_apply_does(result):
    image = np.random.default_rng(0).integers(0, 256, (9, 8, 3), np.uint8)
    maps = result([named("sobel")], image)
    planes = image.astype(float)
    expected = [
        np.hypot(*(ndimage.sobel(planes[..., c], axis, mode="nearest") for axis in (0, 1)))
        for c in range(3)
    ]
    np.testing.assert_allclose(maps, np.stack(expected, 2), rtol=1e-6)


def test_maps_of_several_kernels_follow_each_other(result):
    image = np.random.default_rng(0).integers(0, 256, (5, 5, 2), np.uint8)
    sets = (*(read_spec(name) for name in ("sobel-x", "sobel-y")),)
    both = result([Conv(sets, "both", ConvOptions())], image)
    one, two = (result([named(name)], image) for name in ("sobel-x", "sobel-y"))
    np.testing.assert_array_equal(both, np.concatenate([one, two], axis=2))


def test_the_bias_of_a_kernel_is_at_the_depth_of_the_image(result):
    kernel = Kernel([[1]], bias=2)
    sets = (KernelSet("k", (kernel,)),)
    image = np.zeros((1, 1, 1), np.uint16)
    assert result([Conv(sets, "k", ConvOptions(), bias_scale=257)], image).item() == 514
    assert result([Conv(sets, "k", ConvOptions(), 0.0)], image).item() == 0


def test_whole_biases_keep_integers(bank, result):
    image = np.full((2, 2, 1), 9, np.uint8)
    maps = result([bank(np.ones((2, 1, 1, 1), int), (1.0, -300.0))], image)
    assert (maps.dtype, maps[0, 0].tolist()) == (np.int32, [10, -291])
    maps = result([bank(np.ones((2, 1, 1, 1), int), (1.5, 0.0))], image)
    assert (maps.dtype.kind, maps[0, 0].tolist()) == ("f", [10.5, 9])


@pytest.mark.parametrize("bias", [2**40, 2**63 - 1024, 2**63, 2**64 - 2048, -(2**62)])
def test_large_biases_stay_exact(bias, bank):
    image = np.array([[[0], [9]]], np.uint8)
    layer = bank(np.ones((1, 1, 1, 1), int), (float(bias),))
    assert layer.apply(image).ravel().tolist() == [bias, bias + 9]


@pytest.mark.parametrize("spec", ["outline", "sobel"])
@pytest.mark.parametrize("combine", ["max", "sum"])
def test_a_bias_never_wraps(spec, combine, result):
    """Of 64 bits it is refused with sums beyond them; a larger one makes floats of the sums."""
    image = np.arange(0, 64000, 1000, np.uint16).reshape(8, 8, 1)
    sets = read_spec(spec)
    sets = sets._replace(combine=sets.combine and combine)
    bias = 2.0**64 - 2048
    for given in (bias, (bias,)):
        with pytest.raises(UsageError, match="beyond 64-bit integers"):
            result([Conv((sets,), spec, ConvOptions(), given)], image)
    for bias in (1e30, -1e30, -(2.0**64)):
        for given in (bias, (bias,)):
            maps = result([Conv((sets,), spec, ConvOptions(), given)], image)
            assert maps.dtype.kind == "f"
            np.testing.assert_allclose(maps, bias, rtol=1e-6)


def test_floats_take_a_bias_of_any_size(result):
    image = np.full((2, 2, 1), 0.5, np.float32)
    for given in (1e30, (1e30,)):
        maps = result([named("1", bias=given)], image)
        np.testing.assert_array_equal(maps, np.full((2, 2, 1), 1e30, np.float32))
    assert np.isinf(result([named("sobel", bias=1e300)], image)).all()


@pytest.mark.parametrize("bias", [10.0, -300.0, 0.5])
@pytest.mark.parametrize("combine", ["magnitude", "max", "sum", "mean"])
def test_a_bias_is_added_once_kernels_are_combined(bias, combine, result):
    """A number does what a file of that number for every map does, also beside other kernels."""
    image = np.random.default_rng(0).integers(0, 256, (5, 6, 2), np.uint8)
    sets = (read_spec("sobel")._replace(combine=combine), read_spec("sobel-x"))
    plain, number, each = (
        result([Conv(sets, "both", ConvOptions(), given)], image)
        for given in (0.0, bias, (bias,) * 4)
    )
    np.testing.assert_allclose(number, plain + bias, rtol=1e-6)
    np.testing.assert_allclose(number, each, rtol=1e-6)


@pytest.mark.parametrize("given", [10.0, (10.0,) * 3])
def test_every_map_has_one_bias(given):
    [stage] = plan_network([named("sobel", bias=given)], (9, 9, 3))
    assert stage.plan.parameters == 18 + 3


def vgg_block(bank, maps, given):
    return [bank(np.zeros((maps, given, 3, 3)), (0.0,) * maps, padding=1), Activation("relu")]


def test_a_vgg_like_stack_has_the_published_numbers(bank):
    """Parameters and sizes of VGG-16's first blocks (Simonyan and Zisserman 2015), and fields."""
    pooling = Pool("max", (2, 2))
    layers = [
        *vgg_block(bank, 64, 3), *vgg_block(bank, 64, 64), pooling,
        *vgg_block(bank, 128, 64), *vgg_block(bank, 128, 128), pooling,
        *vgg_block(bank, 256, 128), *vgg_block(bank, 256, 256), *vgg_block(bank, 256, 256), pooling,
    ]  # fmt: skip
    stages = plan_network(layers, (224, 224, 3))
    convs = [stage.plan for stage in stages if stage.layer.name == "conv"]
    assert [plan.parameters for plan in convs] == [
        1792, 36928, 73856, 147584, 295168, 590080, 590080
    ]  # fmt: skip
    assert convs[0].multiply_adds == 224 * 224 * 64 * 27
    assert convs[-1].multiply_adds == 56 * 56 * 256 * 256 * 9
    assert stages[-1].plan.shape == (28, 28, 256)
    pools = [stage.row_field for stage in stages if stage.layer.name == "maxpool"]
    assert [(field.size, field.jump) for field in pools] == [(6, 2), (16, 4), (44, 8)]


def test_the_field_of_a_global_pool_is_all_that_came_in():
    stages = plan_network([Pool("max", (2, 2)), GlobalPool("max")], (8, 6, 1))
    assert (stages[1].row_field.size, stages[1].column_field.size) == (8, 6)


@pytest.mark.parametrize(
    ("layers", "error", "said"),
    [
        (lambda _: [Pool("max", (2, 2)), Pool("avg", (9, 3))], GeometryError,
         r"layer 2 \(avgpool 3x9\): window 3x9 exceeds the 4x4 input"),
        (lambda bank: [bank(np.ones((1, 1, 3, 3))), bank(np.ones((1, 1, 7, 7)))], GeometryError,
         r"layer 2 \(conv b\): kernel 7x7 exceeds the 6x6 input"),
        (lambda bank: [bank(np.ones((2, 3, 1, 1)))], KernelError,
         r"layer 1 \(conv b\): kernel sums over 3 channels, .* input has 1 channel$"),
        (lambda bank: [bank(np.ones((2, 1, 1, 1)), (1.0,) * 3)],
         UsageError, "3 numbers for 2 maps"),
        (lambda _: [Conv((read_spec("1"), read_spec("1 1")), "a", ConvOptions(padding=0))],
         UsageError, "maps differ in size: 7x8 and 8x8"),
    ],
)  # fmt: skip
def test_refusals_name_the_layer(layers, error, said, bank):
    with pytest.raises(error, match=said):
        plan_network(layers(bank), (8, 8, 1))


def test_a_layer_that_fails_on_the_numbers_is_named():
    image = np.full((2, 2, 1), 2**31 - 1, np.int32)
    stages = plan_network([Activation("relu"), named(str(2**62))], image.shape)
    with pytest.raises(UsageError, match=r"layer 2 \(conv .*beyond 64-bit integers"):
        list(run_network(stages, image))


def test_kernels_over_channels_of_any_size_divisor_and_bias(result):
    """Neighbors that are alike are summed as one bank; those that are not, are not."""
    rng = np.random.default_rng(5)
    kernels = [
        Kernel(rng.integers(-5, 5, (2, side, side)), divisor, bias)
        for side, divisor, bias in (
            (3, 1, 0),
            (3, 1, 0),
            (3, 4, 0),
            (3, 4, 7),
            (5, 1, 0),
            (1, 2, 7),
        )
    ]
    sets = tuple(KernelSet("k", (kernel,)) for kernel in kernels)
    image = rng.integers(0, 256, (8, 9, 2), np.uint8)
    maps = result([Conv(sets, "k", ConvOptions())], image)
    for number, kernel in enumerate(kernels):
        summed = sum(
            ndimage.correlate(image[..., c].astype(float), kernel.weights[c], mode="nearest")
            for c in range(2)
        )
        np.testing.assert_allclose(maps[..., number], summed + kernel.bias, rtol=1e-6, atol=1e-3)


@pytest.mark.parametrize(("groups", "maps"), [(2, 6), (4, 4), (4, 8), (1, 3)])
def test_kernels_of_a_group_read_its_channels_alone(groups, maps, bank, result):
    """Against one sum for each map, over the channels of its group; integers are exact."""
    rng = np.random.default_rng(maps)
    image = rng.integers(0, 256, (7, 6, 4), np.uint8)
    weights = rng.integers(-9, 10, (maps, 4 // groups, 3, 2))
    biases = tuple(rng.integers(-5, 6, maps).tolist())
    found = result([bank(weights, biases, padding=(1, 0), groups=groups)], image)
    padded = np.pad(image.astype(int), ((1, 1), (0, 0), (0, 0)))
    for number in range(maps):
        first = number // (maps // groups) * (4 // groups)
        expected = biases[number] + sum(
            weights[number, c, i, j] * padded[i : i + 7, j : j + 5, first + c]
            for c in range(4 // groups)
            for i in range(3)
            for j in range(2)
        )
        assert found[..., number].tolist() == expected.tolist()


def test_groups_cost_their_own_weights_alone(bank):
    separable = [bank(np.ones((3, 1, 3, 3)), groups=3), bank(np.ones((8, 3, 1, 1)))]
    depthwise, pointwise = (stage.plan for stage in plan_network(separable, (10, 10, 3)))
    assert (depthwise.parameters, depthwise.multiply_adds) == (27, 27 * 64)
    assert (pointwise.parameters, pointwise.multiply_adds) == (24, 24 * 64)


@pytest.mark.parametrize(
    ("weights", "groups", "channels", "said"),
    [
        (np.ones((4, 2, 1, 1)), 3, 4, "4 channels cannot be divided into 3 groups"),
        (np.ones((3, 2, 1, 1)), 2, 4, "3 kernels cannot be divided into 2 groups"),
        (np.ones((4, 3, 1, 1)), 2, 4, "has 4 channels, 2 in each of 2 groups$"),
        (np.ones((3, 1, 1, 1)), 1, 3, "has 3 channels; with --groups 3 it fits$"),
        (np.ones((4, 1, 1, 1)), 1, 3, "has 3 channels$"),
    ],
)
def test_channels_and_kernels_must_fit_the_groups(weights, groups, channels, said, bank):
    with pytest.raises(UsageError, match=said):
        plan_network([bank(weights, groups=groups)], (4, 4, channels))


def test_a_2d_kernel_takes_no_groups():
    with pytest.raises(UsageError, match="--groups takes a bank"):
        plan_network([named("outline", groups=3)], (9, 8, 3))


def test_the_field_of_several_kernels_is_that_of_the_largest():
    sets = (read_spec("gaussian:5"), read_spec("sobel-x"), read_spec("1 2 1"))
    [stage] = plan_network([Conv(sets, "k", ConvOptions())], (9, 9, 1))
    assert (stage.row_field.size, stage.row_field.start) == (5, -2)
    assert (stage.column_field.size, stage.column_field.start) == (5, -2)
    assert stage.plan.parameters == 25 + 9 + 3
