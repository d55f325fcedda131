"""A kernel's impulse responses, frequency response and gain on a constant image."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.core.correlate import feature_map
from convcli.geometry import ConvOptions, Pair

_MAX_DIRECT = 128 * 128  # weights that are summed; more would take seconds
_SAMPLES = 120  # in 1 cycle per pixel: waves of 2, 3, 4, 5, 6 and 8 pixels are among them
_ROUNDING = 1e-12  # rounding error of a sum that should be 0, relative to the sum of magnitudes


class ImpulseResponses(NamedTuple):
    """The feature maps of an image that is 1 at ``dot`` (row, column) and 0 elsewhere."""

    correlated: NDArray[np.generic]
    convolved: NDArray[np.generic]
    dot: Pair


def impulse_responses(weights: NDArray[np.generic]) -> ImpulseResponses:
    """Filter an image of one bright pixel by both operations.

    Around that pixel, correlation gives the kernel flipped in both axes, and convolution gives the
    kernel itself. The image has room for it and a border of zeros.

    Args:
        weights: (rows, columns).

    Returns:
        Two maps with odd sides, integers for integer weights.

    >>> impulse_responses(np.array([[1, 2, 3]])).correlated[1].tolist()
    [0, 3, 2, 1, 0]
    >>> impulse_responses(np.array([[1, 2, 3]])).convolved[1].tolist()
    [0, 1, 2, 3, 0]
    """
    rows, columns = (extent + 2 + (extent + 1) % 2 for extent in weights.shape)
    dot = rows // 2, columns // 2
    image = np.zeros((rows, columns), np.int64 if weights.dtype.kind == "i" else np.float64)
    if weights.size > _MAX_DIRECT:  # what the sums would be: 1 times each weight
        correlated, convolved = image.copy(), image.copy()
        height, width = weights.shape
        top, left = dot[0] - height // 2, dot[1] - width // 2
        correlated[top : top + height, left : left + width] = weights[::-1, ::-1]
        top, left = dot[0] - (height - 1) // 2, dot[1] - (width - 1) // 2
        convolved[top : top + height, left : left + width] = weights
        return ImpulseResponses(correlated, convolved, dot)
    image[dot] = 1
    return ImpulseResponses(
        feature_map(image, weights, ConvOptions("correlate", border="zero"), method="direct"),
        feature_map(image, weights, ConvOptions("convolve", border="zero"), method="direct"),
        dot,
    )


def frequency_response(weights: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return the gain of a wave of each frequency.

    It is the magnitude of the two-dimensional discrete Fourier transform of the weights, padded
    with zeros.

    Args:
        weights: (rows, columns), divided by the divisor.

    Returns:
        (n + 1, n + 1), where n is 120 or, for a kernel with longer sides, a multiple of it. Sample
        [i, j] belongs to ``i / n - 0.5`` cycles per pixel down and ``j / n - 0.5`` across, so
        frequency zero is in the center.

    >>> response = frequency_response(np.array([[1, 0, -1]]))
    >>> response.shape, response[60, 60].item(), response[60, 90].item()
    ((121, 121), 0.0, 2.0)
    """
    samples = _SAMPLES * math.ceil(max(weights.shape) / _SAMPLES)
    spectrum = np.fft.fft2(weights.astype(np.float64), s=(samples, samples))
    # The gains at -0.5 are those at 0.5.
    return np.pad(np.fft.fftshift(np.abs(spectrum)), ((0, 1), (0, 1)), mode="wrap")


def gain_at_zero(weights: NDArray[np.generic]) -> float:
    """Return the gain on a constant image: the sum of the weights, 0 for a rounding error.

    >>> gain_at_zero(np.array([[0.1, 0.2, -0.3]]))
    0.0
    """
    values = weights.ravel().tolist()
    total = math.fsum(values)
    return 0.0 if abs(total) <= _ROUNDING * math.fsum(map(abs, values)) else total
