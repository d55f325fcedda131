"""Images in the ``.npy`` format, in and out."""

from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy_format
from numpy.typing import NDArray

from convcli.images.image import depth_of
from convcli.images.options import over_limit
from convcli.kernels.npy import ArrayError, read_array, read_header


def read_npy(file: BinaryIO, max_pixels: int) -> tuple[NDArray[Any], int | None]:
    """Read an array as an image.

    A 1-D array is one row, and a single channel is a gray image. Booleans become 0 and 1 (uint8),
    float16 becomes float32, and extended floats float64; other types stay as they are, in the
    machine's byte order.

    Args:
        file: seekable, at its beginning.
        max_pixels: larger images are refused before they are read.

    Returns:
        The array, (H, W) or (H, W, C), C-contiguous; and its depth as an image: 8 or 16 for uint8
        or uint16, else None.

    Raises:
        ArrayError: it is no array of numbers in 1, 2 or 3 dimensions, is empty, too large,
            damaged or cut short, or holds numbers beyond float64's range.
    """
    header = read_header(file)
    _check(header.shape, max_pixels)
    array = _converted(read_array(file, header))
    if array.ndim == 1:
        array = array[np.newaxis]
    elif array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    return array, depth_of(header.dtype)


def write_npy(file: BinaryIO, array: NDArray[Any]) -> None:
    """Write an array; unlike ``np.save``, to pipes as well."""
    array = np.ascontiguousarray(array)
    npy_format.write_array_header_1_0(file, npy_format.header_data_from_array_1_0(array))
    file.write(array.reshape(-1).view(np.uint8).data)


def _check(shape: tuple[int, ...], max_pixels: int) -> None:
    if not 1 <= len(shape) <= 3:
        raise ArrayError(
            f"holds an array of {len(shape)} dimensions; an image has 2, or 3 with its channels"
        )
    if 0 in shape:
        raise ArrayError(f"holds an empty array, of shape {shape}")
    columns, rows = (shape[0], 1) if len(shape) == 1 else (shape[1], shape[0])
    if columns * rows > max_pixels:
        raise ArrayError(over_limit(f"{columns}x{rows}", max_pixels))


def _converted(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array C-contiguous, in the type to compute with."""
    try:
        with np.errstate(over="raise", invalid="ignore"):  # what is no number becomes NaN
            return np.ascontiguousarray(array, _native(array.dtype))
    except FloatingPointError as error:
        raise ArrayError("holds numbers beyond float64's range; scale them down first") from error


def _native(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type to compute with: native, and one that the core knows."""
    if dtype.kind == "b":
        return np.dtype(np.uint8)
    if dtype.kind == "f" and dtype.itemsize not in (4, 8):
        return np.dtype(np.float32 if dtype.itemsize < 4 else np.float64)
    return dtype.newbyteorder("=")
