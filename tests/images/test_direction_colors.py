import colorsys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import hsv_to_rgb

from convcli.core.combine import direction
from convcli.errors import UsageError
from convcli.images.value_range import DirectionColors, check_direction, to_eight_bits

PARTS = st.floats(-1e6, 1e6)


def colored(colors, gradients):
    gradients = np.atleast_2d(gradients)
    out = np.empty((*gradients.shape, 3), np.uint8)
    colors.apply(gradients, out)
    return out


@given(st.lists(st.tuples(PARTS, PARTS), min_size=1, max_size=20), st.sampled_from([255, 65535]))
def test_colors_are_those_of_hsv(parts, max_value):
    across, down = np.array(parts).T
    value = np.clip(np.hypot(across, down) / max_value, 0, 1)
    hue = np.arctan2(-down, across) / (2 * np.pi) % 1
    expected = 255 * hsv_to_rgb(np.stack([hue, np.ones_like(hue), value], axis=-1))
    pixels = colored(DirectionColors("clip", max_value), direction([across, down]))
    assert np.abs(pixels[0] - expected).max() <= 0.5 + 1e-6


def test_the_hue_is_the_angle_that_is_seen():
    degrees = np.arange(0, 360, 15)
    gradients = 255 * np.exp(1j * np.radians(degrees))
    [pixels] = colored(DirectionColors("clip", 255), gradients)
    expected = [colorsys.hsv_to_rgb(hue / 360, 1, 1) for hue in degrees]
    assert np.abs(pixels - 255 * np.array(expected)).max() <= 0.5 + 1e-6


def test_brightness_is_the_magnitude_from_low_to_high():
    colors = DirectionColors("rescale", None, low=2, high=12)
    assert colored(colors, [2, 7, 12, 99])[0, :, 0].tolist() == [0, 128, 255, 255]


def test_a_map_of_one_magnitude_is_black():
    assert not colored(DirectionColors("rescale", None, low=5, high=5), [5, -5]).any()


@pytest.mark.filterwarnings("error")
def test_nan_is_black_and_infinity_is_bright():
    values = [np.nan, complex(np.nan, 3), np.inf, complex(0, -np.inf)]
    pixels = colored(DirectionColors("clip", 255), values)[0]
    assert pixels.tolist() == [[0, 0, 0], [0, 0, 0], [255, 0, 0], [128, 0, 255]]


def test_gradients_are_not_modified():
    gradients = np.array([[3 + 4j]])
    colored(DirectionColors("clip", 255), gradients)
    assert gradients == 3 + 4j


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: check_direction(8, "clip"), "two kernels.* 8"),
        (lambda: check_direction(2, "raw"), "range raw"),
        (lambda: check_direction(2, "offset"), "range offset"),
        (lambda: check_direction(2, "clip", 3), "--channels gray"),
        (lambda: DirectionColors("clip", None), "--range rescale"),
    ],
)
def test_unsuitable_maps_and_ranges_are_refused(call, message):
    with pytest.raises(UsageError, match=message):
        call()


def test_alpha_in_8_bits():
    assert to_eight_bits(np.array([0, 128, 65535], np.uint16)).tolist() == [0, 0, 255]
    assert to_eight_bits(np.array([0, 128, 255], np.uint8)).tolist() == [0, 128, 255]
