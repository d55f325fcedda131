"""What a kernel does to a bright pixel and to waves: impulse response and frequency response."""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.core.correlate import feature_map
from convcli.core.options import ConvOptions
from convcli.geometry import Pair

_MOST_DIRECT = 128 * 128  # weights, summed without rounding; with more, that takes seconds
_SAMPLES = 129  # odd, so that one sample lies at frequency zero and as many on both sides
_NOISE = 1e-12  # of the sum of magnitudes: what rounding may leave of a sum that is 0


class ImpulseResponses(NamedTuple):
    """What becomes of an image of one bright pixel, which is 1 at ``dot`` (row, column)."""

    correlated: NDArray[np.generic]
    convolved: NDArray[np.generic]
    dot: Pair


def impulse_responses(weights: NDArray[np.generic]) -> ImpulseResponses:
    """Filter an image of one bright pixel by both operations.

    Correlation leaves the kernel flipped in both axes around the pixel, convolution leaves it as
    it stands. The image is just large enough for that and a rim of zeros.

    Args:
        weights: (rows, columns).

    Returns:
        Two maps of odd sides, integers for integer weights.

    >>> impulse_responses(np.array([[1, 2, 3]])).correlated[1].tolist()
    [0, 3, 2, 1, 0]
    >>> impulse_responses(np.array([[1, 2, 3]])).convolved[1].tolist()
    [0, 1, 2, 3, 0]
    """
    rows, columns = (extent + 2 + (extent + 1) % 2 for extent in weights.shape)
    dot = rows // 2, columns // 2
    image = np.zeros((rows, columns), np.int64 if weights.dtype.kind == "i" else np.float64)
    image[dot] = 1
    method = "direct" if weights.size <= _MOST_DIRECT else "fft"
    return ImpulseResponses(
        feature_map(image, weights, ConvOptions("correlate", border="zero"), method=method),
        feature_map(image, weights, ConvOptions("convolve", border="zero"), method=method),
        dot,
    )


def frequency_response(weights: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return by how much a wave of each frequency is amplified.

    The magnitude of the two-dimensional discrete Fourier transform, the weights padded by zeros.

    Args:
        weights: (rows, columns), already divided by the divisor.

    Returns:
        (n, n) with n odd, 129 or what the kernel's longer side asks for. Sample [i, j] belongs to
        ``(i - n // 2) / n`` cycles per pixel down and ``(j - n // 2) / n`` across, so frequency
        zero is in the middle.

    >>> response = frequency_response(np.array([[1, 0, -1]]))
    >>> response.shape, response[64, 64].item()
    ((129, 129), 0.0)
    """
    samples = max(_SAMPLES, *(extent | 1 for extent in weights.shape))
    spectrum = np.fft.fft2(weights.astype(np.float64), s=(samples, samples))
    return np.fft.fftshift(np.abs(spectrum))


def gain_at_zero(weights: NDArray[np.generic]) -> float:
    """Return what a flat image is multiplied by: the sum of the weights, 0 if only rounding.

    >>> gain_at_zero(np.array([[0.1, 0.2, -0.3]]))
    0.0
    """
    values = weights.ravel().tolist()
    total = math.fsum(values)
    return 0.0 if abs(total) <= _NOISE * math.fsum(map(abs, values)) else total
