"""Images as Python callers give them: arrays, nested lists and PIL images.

Arrays, the common case, pay one type test.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import as_numbers
from convcli.errors import UsageError, short_repr

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    class SupportsArrayInterface(Protocol):
        """What PIL images have in place of ``__array__``."""

        @property
        def __array_interface__(self) -> Any: ...

    Image = ArrayLike | SupportsArrayInterface

Array = NDArray[Any]
REAL = "buif"  # the kinds of numpy's real numbers


def as_image(image: Any, name: str = "image", *, batch: bool = False) -> Array:
    """Return an image as an array: (H, W), (H, W, C), or (W,) for a signal.

    Args:
        image: an array, nested lists, or a PIL image without alpha. The modes of PIL images become
            gray or RGB as for image files: palettes and CMYK become RGB, bits become 0 and 255.
        name: of the argument.
        batch: whether several images, (N, H, W, C), are taken too.

    Raises:
        UsageError: it is none of these.
    """
    most = 4 if batch else 3
    if type(image) is np.ndarray and image.ndim <= most and image.dtype.kind in REAL:
        return image
    # Without PIL.Image nothing can be a PIL image; another thread may be loading it, for itself.
    if isinstance(image, getattr(sys.modules.get("PIL.Image"), "Image", ())):
        return _read_pil_image(image, name)
    if isinstance(image, str | bytes | os.PathLike):
        raise UsageError(
            f"{name} must be an array or a PIL image, not a file name; "
            "read the file first, by convcli.read_image"
        )
    array = as_numbers(image, name)
    if array.dtype.kind not in REAL:
        raise UsageError(f"{name} must be real numbers or a PIL image, not {short_repr(image)}")
    if array.ndim > most:
        advice = (
            ", and a batch (N, H, W, C)" if batch else "; take the images of a batch one by one"
        )
        raise UsageError(
            f"{name} has {array.ndim} dimensions, but an image is (H, W) or (H, W, C){advice}"
        )
    return array


def split_mask(image: Any) -> tuple[Any, Array | None]:
    """Return an image as it is given, or the data and the mask of a masked array of numpy."""
    # Without numpy.ma nothing is masked.
    kind: Any = getattr(sys.modules.get("numpy.ma"), "MaskedArray", ())
    if not isinstance(image, kind):
        return image, None
    return image.data, np.ma.getmaskarray(image)


def file_name(path: Any) -> str:
    """Return the name of a file, which may be a path, as text."""
    text = os.fspath(path) if isinstance(path, str | os.PathLike) else None
    if not isinstance(text, str) or not text or "\0" in text:
        raise UsageError(f"path must be the name of a file, not {short_repr(path)}")
    return text


def as_images(images: Any, name: str) -> list[Array]:
    """Return the images of a list, or one image, which may be nested lists of numbers."""
    if not isinstance(images, list | tuple) or (images and not _is_image(images[0])):
        return [as_image(images, name)]
    return [as_image(image, name) for image in images]


def _is_image(item: Any) -> bool:
    """Tell whether an item of a list is an image of its own, and not a row."""
    if isinstance(item, list | tuple):
        return bool(item) and np.iterable(item[0])
    dimensions = 2 if hasattr(item, "__array_interface__") else 0  # of PIL images
    return getattr(item, "ndim", dimensions) > 1


def _read_pil_image(im: Any, name: str) -> Array:
    from convcli.images.pillow_errors import DECODER_ERRORS
    from convcli.images.pillow_modes import StoredSamples, apply_orientation, sample_format_of

    try:
        stored = StoredSamples.of(im)
        im.load()
        samples = sample_format_of(im, stored)
        pixels, alpha = apply_orientation(im, samples, "auto", 1)
    except DECODER_ERRORS as error:
        raise UsageError(f"{name} cannot be read by Pillow: {error}") from error
    if alpha is not None:
        opaque = "RGB" if samples.color else "L"
        raise UsageError(
            f"{name} has transparency, and alpha is no color; "
            f"convert the image first: image.convert({opaque!r})"
        )
    return pixels
