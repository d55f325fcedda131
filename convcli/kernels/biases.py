"""The biases of a layer, a number for each map, from a file."""

import io
from pathlib import Path

import numpy as np

from convcli.errors import KernelError, shown
from convcli.kernels.files import MOST_BYTES
from convcli.kernels.kernel import LARGEST
from convcli.kernels.npy import ArrayError, read_array, read_header
from convcli.kernels.text import parse_text


def read_biases(path: str) -> tuple[float, ...]:
    """Return the numbers in a ``.npy`` array or a text file, in order, whatever their shape.

    Raises:
        KernelError: the file is not there, cannot be read, or holds none or others than finite
            numbers.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(MOST_BYTES)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise KernelError(f"--bias {shown(path)}: cannot be read: {reason}") from error
    try:
        if path.lower().endswith(".npy"):
            stream = io.BytesIO(content)
            numbers = read_array(stream, read_header(stream)).astype(np.float64).ravel()
        else:
            numbers = parse_text(content.decode()).weights.ravel()
    except (ArrayError, KernelError, UnicodeDecodeError) as error:
        raise KernelError(f"--bias {shown(path)}: {error}") from error
    if not numbers.size or not (np.abs(numbers) <= LARGEST).all():
        raise KernelError(f"--bias {shown(path)}: must hold finite numbers, one for each map")
    return tuple(numbers.tolist())
