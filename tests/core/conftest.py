"""Oracles of the core: slow and plain; no line of convcli runs in them."""

from fractions import Fraction

import numpy as np
import pytest


def pair(value):
    return value if isinstance(value, tuple) else (value, value)


def pads_of(padding, kernel, dilation, operation):
    """Return ((top, bottom), (left, right)) as `convcli manual sizes` defines them."""
    spans = [d * (k - 1) for d, k in zip(pair(dilation), kernel, strict=True)]
    if padding == "valid":
        return (0, 0), (0, 0)
    if padding == "full":
        return tuple((span, span) for span in spans)
    if padding == "same":
        before = [(span + (operation == "convolve")) // 2 for span in spans]
        return tuple((b, span - b) for b, span in zip(before, spans, strict=True))
    if isinstance(padding, tuple) and len(padding) == 4:
        return padding[:2], padding[2:]
    return tuple((side, side) for side in pair(padding))


def taps_of(kernel, channels, operation):
    """Return, for each output map, its (row, column, channel, weight)."""
    rows, columns = kernel.shape[-2:]
    if kernel.ndim == 2:
        banks = [[(m, kernel)] for m in range(channels)]
    else:
        banks = [list(enumerate(k)) for k in (kernel if kernel.ndim == 4 else [kernel])]
    turn = operation == "convolve"
    return [
        [
            (rows - 1 - i if turn else i, columns - 1 - j if turn else j, channel, plane[i, j])
            for channel, plane in bank
            for i in range(rows)
            for j in range(columns)
            if plane[i, j] != 0
        ]
        for bank in banks
    ]


def loop_filter(
    image,
    kernel,
    operation="correlate",
    padding="same",
    border="edge",
    fill=0,
    stride=1,
    dilation=1,
):
    """Filter with numpy.pad and plain loops over Python numbers, in one object array.

    None where no window fits.
    """
    image, kernel = np.asarray(image).astype(object), np.asarray(kernel).astype(object)
    pads = pads_of(padding, kernel.shape[-2:], dilation, operation)
    mode = {"zero": "constant"}.get(border, border)
    values = {"constant_values": fill if border == "constant" else 0} if mode == "constant" else {}
    padded = np.pad(image, (*pads, (0, 0))[: image.ndim], mode=mode, **values)
    (down, right), (apart, aside) = pair(stride), pair(dilation)
    extent = apart * (kernel.shape[-2] - 1) + 1, aside * (kernel.shape[-1] - 1) + 1
    tops = range(0, padded.shape[0] - extent[0] + 1, down)
    lefts = range(0, padded.shape[1] - extent[1] + 1, right)
    if not tops or not lefts:
        return None
    planes = padded.reshape(*padded.shape[:2], -1).tolist()
    maps = taps_of(kernel, len(planes[0][0]), operation)
    out = np.empty((len(tops), len(lefts), len(maps)), object)
    for r, top in enumerate(tops):
        for c, left in enumerate(lefts):
            for m, taps in enumerate(maps):
                products = (
                    w * planes[top + i * apart][left + j * aside][ch] for i, j, ch, w in taps
                )
                out[r, c, m] = sum(products)
    tail = image.shape[2:] if kernel.ndim == 2 else kernel.shape[:-3]
    return out.reshape(out.shape[:2] + tail)


@pytest.fixture(scope="session")
def by_loops():
    """The oracle of numbers: ``loop_filter``."""
    return loop_filter


@pytest.fixture(scope="session")
def exactly():
    """Turn an array into Fractions, which ``loop_filter`` sums without rounding."""
    return np.vectorize(Fraction, otypes=[object])


@pytest.fixture
def rng():
    return np.random.default_rng(20)
