"""The same work by other libraries.

What a user does once is not timed: the kernel's conversion, the library's own order of channels.
What the call is for is: the border, the sums, rounding, and the type of the result. OpenCV has
neither strides nor dilation: it computes all results and picks, and its dilated kernels hold
zeros. A function returns None where its library cannot do the work.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from work import Array, Work, ours


def _optional(module: str) -> Any:
    """Return a module, or None where it is not installed."""
    return import_module(module) if find_spec(module.split(".")[0]) else None


cv2, torch, ndimage = _optional("cv2"), _optional("torch"), _optional("scipy.ndimage")

OURS = "convcli"
OPENCV_TYPES = ("u1", "u2", "i2", "f4", "f8")


class Contestant(NamedTuple):
    """A call to time, and what makes (H', W', ...) of its result."""

    run: Callable[[], Any]
    read: Callable[[Any], Array] = np.asarray


def contestants(work: Work, peer: str) -> dict[str, Contestant] | None:
    """Return convcli and a peer, ready to run; None if the peer cannot do the work."""
    theirs = PEERS[peer](work)
    return theirs and {OURS: Contestant(ours(work)), peer: theirs}


def filter2d(work: Work) -> Contestant | None:
    if not _opencv_can(work):
        return None
    image, kernel = work.clean_pixels(), work.each_call(_spread(work, work.weights()))
    options = {"anchor": (work.pads[2], work.pads[0]), "borderType": _border(work)}
    depth, every = _depth(work), np.s_[:: work.stride, :: work.stride]
    return Contestant(lambda: cv2.filter2D(image, depth, kernel(), **options)[every])


def sep_filter2d(work: Work) -> Contestant | None:
    """The kernel's column and row come from its singular vectors, before the clock starts."""
    if not _opencv_can(work):
        return None
    left, values, right = np.linalg.svd(work.weights())
    if values[1:].max(initial=0) > 1e-6 * values[0]:
        return None
    column, row = left[:, 0] * np.sqrt(values[0]), right[0] * np.sqrt(values[0])
    column, row = _spread(work, column[:, None]), _spread(work, row[None]).ravel()
    image, depth = work.clean_pixels(), _depth(work)
    options = {"anchor": (work.pads[2], work.pads[0]), "borderType": _border(work)}
    every = np.s_[:: work.stride, :: work.stride]
    return Contestant(lambda: cv2.sepFilter2D(image, depth, row, column, **options)[every])


def blur(work: Work) -> Contestant | None:
    """A mean of windows, as a box kernel or as a pool of windows that lie inside the image."""
    is_mean = work.pooling == "avg" or work.kernel.startswith("box:")
    if not is_mean or not _opencv_can(work) or work.dilation > 1:
        return None
    image, size, every = work.clean_pixels(), work.window[::-1], _picked(work)
    border = cv2.BORDER_REPLICATE
    return Contestant(lambda: cv2.blur(image, size, borderType=border)[every])


def dilate(work: Work) -> Contestant | None:
    if work.pooling != "max" or not _opencv_can(work):
        return None
    image, window, every = work.pixels(), np.ones(work.window, np.uint8), _picked(work)
    return Contestant(lambda: cv2.dilate(image, window)[every])


def numpy_max(work: Work) -> Contestant:
    image = work.pixels()
    return Contestant(lambda: image.max(axis=(0, 1), keepdims=True))


def numpy_take(work: Work) -> Contestant:
    """A pass for each tap over pixels picked by their row and column."""
    image, weights, (top, _, left, _) = work.clean_pixels(), work.weights(), work.pads
    height, width = image.shape[:2]

    def run() -> Array:
        sums = 0
        for row, column in product(*map(range, weights.shape)):
            down = np.arange(0, height, work.stride) + row * work.dilation - top
            across = np.arange(0, width, work.stride) + column * work.dilation - left
            taken = image[down.clip(0, height - 1)][:, across.clip(0, width - 1)]
            sums = sums + weights[row, column] * taken
        return np.asarray(sums)

    return Contestant(run)


def correlate(work: Work) -> Contestant | None:
    """scipy.ndimage; sums of 4 and 8 bytes in float64, others in float32."""
    if not ndimage or work.pooling or work.matrix().ndim > 2:
        return None
    image, kernel = work.clean_pixels(), _spread(work, work.weights())
    origin = [(side - 1) // 2 - side // 2 for side in kernel.shape]
    if image.ndim == 3:
        kernel, origin = kernel[..., None], [*origin, 0]
    mode = "nearest" if work.border == "edge" else "constant"
    output = np.float64 if image.dtype.kind in "iu" and image.itemsize > 2 else np.float32
    every = np.s_[:: work.stride, :: work.stride]
    options = {"output": output, "mode": mode, "origin": origin}
    return Contestant(lambda: ndimage.correlate(image, kernel, **options)[every])


def torch_conv2d(work: Work, channels_last: bool = True) -> Contestant | None:
    """Its default memory order is NCHW; channels last is the order of convcli's images."""
    weights = work.weights() if torch and not work.pooling else np.empty(0)
    if weights.ndim < 3 or work.border != "zero" or not all(side % 2 for side in work.window):
        return None
    layout = torch.channels_last if channels_last else torch.contiguous_format
    kind = torch.float64 if work.image.split()[1] == "f8" else torch.float32
    batch = torch.from_numpy(work.clean_pixels().transpose(2, 0, 1)[None].copy())
    batch = batch.to(kind).contiguous(memory_format=layout)
    bank = torch.from_numpy(weights.reshape(-1, *weights.shape[-3:])).to(kind)
    bank = bank.contiguous(memory_format=layout)
    pads = work.pads[0], work.pads[2]
    steps = {"stride": work.stride, "padding": pads, "dilation": work.dilation}

    @torch.inference_mode()
    def run() -> Any:
        return torch.nn.functional.conv2d(batch, bank, **steps)

    def read(maps: Any) -> Array:
        result: Array = maps[0].numpy().transpose(1, 2, 0)
        return result if weights.ndim == 4 else result[..., 0]

    return Contestant(run, read)


PEERS: dict[str, Callable[[Work], Contestant | None]] = {
    "filter2D": filter2d,
    "sepFilter2D": sep_filter2d,
    "blur": blur,
    "dilate": dilate,
    "numpy max": numpy_max,
    "numpy take": numpy_take,
    "ndimage": correlate,
    "torch": torch_conv2d,
    "torch NCHW": partial(torch_conv2d, channels_last=False),
}
LIBRARIES = {"ndimage": "scipy", "torch": "torch", "numpy": "numpy"}  # all others: cv2


def library_of(peer: str) -> str:
    return LIBRARIES.get(peer.split()[0], "cv2")


def is_installed(peer: str) -> bool:
    return find_spec(library_of(peer)) is not None


@contextmanager
def one_thread() -> Iterator[None]:
    """Have convcli, OpenCV and torch compute on the thread that calls them."""
    counts = [(cv2.setNumThreads, cv2.getNumThreads())] if cv2 else []
    counts += [(torch.set_num_threads, torch.get_num_threads())] if torch else []
    os.environ["CONVCLI_THREADS"] = "1"
    for set_threads, _ in counts:
        set_threads(1)
    try:
        yield
    finally:
        del os.environ["CONVCLI_THREADS"]
        for set_threads, before in counts:
            set_threads(before)


def _opencv_can(work: Work) -> bool:
    if not cv2 or work.image.split()[1] not in OPENCV_TYPES:
        return False
    flat = work.pooling is not None or work.matrix().ndim == 2
    return flat and sum(work.pixels().shape[2:]) <= 4


def _depth(work: Work) -> int:
    """Return the type of OpenCV's result; for int32 it is int16, where it has no wider one."""
    image, target = np.dtype(work.image.split()[1]), work.to and np.dtype(work.to)
    if image.kind == "f" or image == target:
        return -1
    whole = image == np.uint8 and work.matrix().dtype.kind == "i" and target is None
    return int(cv2.CV_16S if whole and np.abs(work.weights()).sum() < 128 else cv2.CV_32F)


def _border(work: Work) -> int:
    return int(cv2.BORDER_REPLICATE if work.border == "edge" else cv2.BORDER_CONSTANT)


def _picked(work: Work) -> tuple[slice, ...]:
    """Return which results have their whole window inside the image (pools), at each stride."""
    if not work.pooling:
        return np.s_[:: work.stride, :: work.stride]
    sides = zip(work.pixels().shape, work.window, strict=False)
    return tuple(slice(side // 2, side // 2 + size - side + 1, work.stride) for size, side in sides)


def _spread(work: Work, weights: Array) -> Array:
    """Put zeros between the taps, and take the type that OpenCV computes with."""
    shape = [work.dilation * (side - 1) + 1 for side in weights.shape]
    kind = np.float64 if work.image.split()[1] == "f8" else np.float32
    spread = np.zeros(shape, kind)
    spread[:: work.dilation, :: work.dilation] = weights
    return spread
