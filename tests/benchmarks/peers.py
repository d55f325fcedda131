"""The same work by other libraries.

What a user does once is not timed: the kernel's conversion, the library's own order of channels.
What the call is for is: the border, the sums, rounding, and the type of the result. OpenCV has
neither strides nor dilation: it computes all results and picks, and its dilated kernels hold
zeros. The table of peers stands at the end.
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


class Peer(NamedTuple):
    """A library's function."""

    make: Callable[[Work], Contestant]
    library: str  # the module that it needs
    can: Callable[[Work], bool]

    @property
    def installed(self) -> bool:
        return find_spec(self.library) is not None


def contestants(work: Work, names: tuple[str, ...]) -> dict[str, Contestant]:
    """Return convcli and those peers that can do the work, ready to run."""
    able = {name: PEERS[name] for name in names if PEERS[name].installed and PEERS[name].can(work)}
    peers = {name: peer.make(work) for name, peer in able.items()}
    return {OURS: Contestant(ours(work)), **peers}


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


def filter2d(work: Work) -> Contestant:
    image, depth, every = work.clean_pixels(), _depth(work), _picked(work)
    kernel, options = work.each_call(_spread(work, work.weights())), _borders(work)
    return Contestant(lambda: cv2.filter2D(image, depth, kernel(), **options)[every])


def sep_filter2d(work: Work) -> Contestant:
    """The kernel's column and row come from its singular vectors, before the clock starts."""
    image, depth, every = work.clean_pixels(), _depth(work), _picked(work)
    left, values, right = np.linalg.svd(work.weights())
    column, row = left[:, :1] * np.sqrt(values[0]), right[:1] * np.sqrt(values[0])
    column, row = _spread(work, column), _spread(work, row).ravel()
    options = _borders(work)
    return Contestant(lambda: cv2.sepFilter2D(image, depth, row, column, **options)[every])


def blur(work: Work) -> Contestant:
    """A mean of windows: a box kernel, or a pool of windows that lie inside the image."""
    image, size, every = work.clean_pixels(), work.window[::-1], _picked(work)
    return Contestant(lambda: cv2.blur(image, size, borderType=cv2.BORDER_REPLICATE)[every])


def dilate(work: Work) -> Contestant:
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


def correlate(work: Work) -> Contestant:
    """scipy.ndimage; integers of 4 bytes and more are summed in float64, others in float32."""
    image, kernel, every = work.clean_pixels(), _spread(work, work.weights()), _picked(work)
    origin = [(side - 1) // 2 - side // 2 for side in kernel.shape]
    if image.ndim == 3:
        kernel, origin = kernel[..., None], [*origin, 0]
    output = np.float64 if image.dtype.kind in "iu" and image.itemsize > 2 else np.float32
    mode = "nearest" if work.border == "edge" else "constant"
    options = {"output": output, "mode": mode, "origin": origin}
    return Contestant(lambda: ndimage.correlate(image, kernel, **options)[every])


def conv2d(work: Work, channels_last: bool) -> Contestant:
    """Its default memory order is NCHW; channels last is the order of convcli's images."""
    layout = torch.channels_last if channels_last else torch.contiguous_format
    kind = torch.float64 if work.dtype == np.float64 else torch.float32
    batch = torch.from_numpy(work.clean_pixels().transpose(2, 0, 1)[None].copy())
    batch = batch.to(kind).contiguous(memory_format=layout)
    weights = work.weights()
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


def _depth(work: Work) -> int:
    """Return the type of OpenCV's result; for int32 it is int16, where it has no wider one."""
    if work.dtype.kind == "f" or work.to == work.dtype:
        return -1
    whole = work.dtype == np.uint8 and work.matrix().dtype.kind == "i" and work.to is None
    return int(cv2.CV_16S if whole and np.abs(work.weights()).sum() < 128 else cv2.CV_32F)


def _borders(work: Work) -> dict[str, Any]:
    border = cv2.BORDER_REPLICATE if work.border == "edge" else cv2.BORDER_CONSTANT
    return {"anchor": (work.pads[2], work.pads[0]), "borderType": border}


def _picked(work: Work) -> tuple[slice, ...]:
    """Return the results at each stride; of pools, those whose window is inside the image."""
    if not work.pooling:
        return np.s_[:: work.stride, :: work.stride]
    sides = zip(work.shape, work.window, strict=False)
    return tuple(slice(side // 2, n - (side - 1) // 2, work.stride) for n, side in sides)


def _spread(work: Work, weights: Array) -> Array:
    """Put zeros between the taps, and take the type that OpenCV computes with."""
    shape = [work.dilation * (side - 1) + 1 for side in weights.shape]
    spread = np.zeros(shape, np.float64 if work.dtype == np.float64 else np.float32)
    spread[:: work.dilation, :: work.dilation] = weights
    return spread


def _is_image(work: Work) -> bool:
    return work.dtype in OPENCV_TYPES and sum(work.shape[2:]) <= 4


def _is_plane(work: Work) -> bool:
    return _is_image(work) and not work.pooling and work.matrix().ndim == 2


def _has_rank_one(work: Work) -> bool:
    if not _is_plane(work):
        return False
    values = np.linalg.svd(work.weights(), compute_uv=False)
    return bool(values[1:].max(initial=0) <= 1e-6 * values[0])


def _is_mean(work: Work) -> bool:
    box = work.kernel.startswith("box:") and work.dilation == 1
    return _is_image(work) and (work.pooling == "avg" or box)


def _is_bank(work: Work) -> bool:
    if work.pooling or work.border != "zero" or not all(side % 2 for side in work.window):
        return False
    return work.matrix().ndim > 2


PEERS = {
    "filter2D": Peer(filter2d, "cv2", _is_plane),
    "sepFilter2D": Peer(sep_filter2d, "cv2", _has_rank_one),
    "blur": Peer(blur, "cv2", _is_mean),
    "dilate": Peer(dilate, "cv2", lambda work: _is_image(work) and work.pooling == "max"),
    "numpy max": Peer(numpy_max, "numpy", lambda work: work.pooling == "max"),
    "numpy take": Peer(numpy_take, "numpy", lambda work: not work.pooling),
    "ndimage": Peer(correlate, "scipy", lambda work: not work.pooling and work.matrix().ndim == 2),
    "torch": Peer(partial(conv2d, channels_last=True), "torch", _is_bank),
    "torch NCHW": Peer(partial(conv2d, channels_last=False), "torch", _is_bank),
}
