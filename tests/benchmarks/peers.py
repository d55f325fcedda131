"""The contestants: convcli and the libraries that can do the same job.

Each function takes a job and returns a `Contestant`, or None where the library cannot do it. What
a user of the library does once is not timed: the kernel's conversion, the library's own image
class or channel order. What the job itself asks for is: padding, the sums, rounding, clipping and
the type of the result.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
from grid import Job
from numpy.typing import NDArray

from convcli import cross_correlate

Array = NDArray[Any]


class Contestant(NamedTuple):
    """A call to time; `read` makes its result (H', W', ...), of which `margin` is not compared."""

    run: Callable[[], Any]
    read: Callable[[Any], Array] = np.asarray
    margin: int = 0


def convcli(job: Job) -> Contestant:
    def run() -> Array:
        return cross_correlate(
            job.image,
            job.kernel.matrix,
            padding=job.pads,
            border="edge",
            stride=job.stride,
            dilation=job.dilation,
            divisor=job.kernel.divisor,
            dtype=job.dtype,
        )

    return Contestant(run)


def filter2d(job: Job) -> Contestant:
    """A dilated kernel is one with zeros, which OpenCV skips; a stride picks from all results."""
    import cv2

    depth = -1 if job.image.dtype == job.dtype else cv2.CV_32F
    weights = _spread(job.kernel.weights, job.dilation).astype(np.float32)
    options = {"anchor": (job.pads[2], job.pads[0]), "borderType": cv2.BORDER_REPLICATE}
    every = np.s_[:: job.stride, :: job.stride]
    return Contestant(lambda: cv2.filter2D(job.image, depth, weights, **options)[every])


def sep_filter2d(job: Job) -> Contestant | None:
    import cv2

    if job.kernel.separable is None:
        return None
    depth = -1 if job.image.dtype == job.dtype else cv2.CV_32F
    column, row = (np.asarray(part, np.float64)[:, np.newaxis] for part in job.kernel.separable)
    kernels = [
        _spread(part, job.dilation, columns=False).astype(np.float32)
        for part in (row, column / job.kernel.divisor)
    ]
    options = {"anchor": (job.pads[2], job.pads[0]), "borderType": cv2.BORDER_REPLICATE}
    every = np.s_[:: job.stride, :: job.stride]
    return Contestant(lambda: cv2.sepFilter2D(job.image, depth, *kernels, **options)[every])


def ndimage(job: Job) -> Contestant | None:
    from scipy import ndimage

    if (job.stride, job.dilation) != (1, 1):
        return None
    weights = job.kernel.weights
    origin = [(side - 1) // 2 - side // 2 for side in weights.shape]
    if job.image.ndim == 3:
        weights, origin = weights[..., np.newaxis], [*origin, 0]
    options = {"output": np.float32, "mode": "nearest", "origin": origin}
    return Contestant(lambda: _store(ndimage.correlate(job.image, weights, **options), job.dtype))


def oaconvolve(job: Job) -> Contestant | None:
    from scipy import signal

    if (job.stride, job.dilation) != (1, 1):
        return None
    weights = job.kernel.weights[::-1, ::-1].astype(np.float32)
    weights = weights.reshape(weights.shape + (1,) * (job.image.ndim - 2))

    def run() -> Array:
        padded = np.pad(job.image.astype(np.float32, copy=False), _widths(job), mode="edge")
        return _store(signal.oaconvolve(padded, weights, mode="valid", axes=(0, 1)), job.dtype)

    return Contestant(run)


def torch(job: Job) -> Contestant:
    """Color is three groups with the channels last, which torch is fastest with."""
    import torch

    gray = job.image.ndim == 2
    groups, layout = (1, torch.contiguous_format) if gray else (3, torch.channels_last)
    batch = torch.from_numpy(np.atleast_3d(job.image)).permute(2, 0, 1)[None]
    kernel = torch.from_numpy(job.kernel.weights.astype(np.float32))
    weights = kernel.repeat(groups, 1, 1, 1).contiguous(memory_format=layout)
    options = {"stride": job.stride, "dilation": job.dilation, "groups": groups}
    top, bottom, left, right = job.pads

    @torch.inference_mode()
    def run() -> Any:
        floats = batch.to(torch.float32)
        padded = torch.nn.functional.pad(floats, (left, right, top, bottom), mode="replicate")
        padded = padded.contiguous(memory_format=layout)
        sums = torch.nn.functional.conv2d(padded, weights, **options)
        if job.dtype.kind == "f":
            return sums
        return sums.round_().clamp_(0, np.iinfo(job.dtype).max).to(batch.dtype)

    def read(result: Any) -> Array:
        return result[0, 0].numpy() if gray else result[0].permute(1, 2, 0).numpy()

    return Contestant(run, read)


def pillow(job: Job) -> Contestant | None:
    """Pillow copies the border's pixels, so they are not compared; its rows run upwards."""
    from PIL import Image, ImageFilter

    bytes_only = job.image.dtype == job.dtype == np.uint8
    if not bytes_only or job.kernel.shape not in ((3, 3), (5, 5)):
        return None
    if (job.stride, job.dilation) != (1, 1):
        return None
    image = Image.fromarray(job.image)
    upwards = [float(weight) for weight in job.kernel.matrix[::-1].ravel()]
    kernel = ImageFilter.Kernel(job.kernel.shape, upwards, scale=job.kernel.divisor)
    return Contestant(lambda: image.filter(kernel), margin=job.kernel.shape[0] // 2)


def einsum(job: Job) -> Contestant:
    """The three lines that everyone writes first."""
    step, spread = job.stride, job.dilation
    extent = tuple(spread * (side - 1) + 1 for side in job.kernel.shape)
    weights = job.kernel.weights.astype(np.float32)

    def run() -> Array:
        padded = np.pad(job.image.astype(np.float32, copy=False), _widths(job), mode="edge")
        windows = np.lib.stride_tricks.sliding_window_view(padded, extent, axis=(0, 1))
        windows = windows[::step, ::step, ..., ::spread, ::spread]
        return _store(np.einsum("...kl,kl->...", windows, weights), job.dtype)

    return Contestant(run)


MODULES = {  # the peers by the module that each needs
    filter2d: "cv2",
    sep_filter2d: "cv2",
    ndimage: "scipy",
    oaconvolve: "scipy",
    torch: "torch",
    pillow: "PIL",
    einsum: "numpy",
}
PEERS = {peer.__name__: peer for peer, module in MODULES.items() if find_spec(module)}
MISSING = sorted({module for module in MODULES.values() if not find_spec(module)})


def _spread(weights: Array, dilation: int, columns: bool = True) -> Array:
    """Put zeros between the taps, down and, if asked, across."""
    steps = dilation, dilation if columns else 1
    shape = [step * (side - 1) + 1 for step, side in zip(steps, weights.shape, strict=True)]
    spread = np.zeros(shape)
    spread[:: steps[0], :: steps[1]] = weights
    return spread


def _widths(job: Job) -> list[tuple[int, int]]:
    top, bottom, left, right = job.pads
    return [(top, bottom), (left, right), (0, 0)][: job.image.ndim]


def _store(values: Array, dtype: np.dtype[Any]) -> Array:
    """Round and clip fresh floating-point values in place where integers are asked for."""
    if dtype.kind != "f":
        np.clip(np.rint(values, out=values), 0, np.iinfo(dtype).max, out=values)
    return values.astype(dtype, copy=False)
