"""Kernels by name, text or file, and images from files.

numpy and Pillow load inside the functions, so that ``list_kernels`` loads neither.
"""

from __future__ import annotations

import warnings
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convcli.choices import MAX_PIXELS, ChannelOrder, Channels
from convcli.errors import KernelError, UsageError, list_text, shown, type_name
from convcli.geometry import as_count
from convcli.samples import file_of
from convcli.signals import SignalSource, is_signal

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convcli.api.parameters import SampledAt
    from convcli.kernels.kernel import Kernel
    from convcli.kernels.spec import KernelSet


def get_kernel(spec: str, *, x: SampledAt = None, channel_order: ChannelOrder = "rgb") -> Kernel:
    """Return the kernel that a SPEC describes.

    Args:
        spec: a name (``outline``), a name with arguments (``gaussian:5,sigma=1.2``), a rotation
            (``sobel-x@45``), a matrix (``0 -1 0; -1 5 -1; 0 -1 0``), a file (``k.txt``), a layer
            of a network (``net.npz:conv1``) or a signal (``signal:normal,sd=2``).
        x: where a signal is sampled: (start, stop, count); by default 1,001 times from -10 to 10.
        channel_order: ``"bgr"`` if the three channels of the kernel are blue, green and red, as in
            models of Caffe; they are turned to red, green and blue, the order of images.

    Returns:
        The kernel. Its ``source`` names the paper, book or library it comes from.

    Raises:
        KernelError: the SPEC describes no kernel, or several, as the name of a family does:
            :func:`get_filter` returns these.

    >>> get_kernel("sharpen").matrix.tolist()
    [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]
    >>> get_kernel("signal:triangle", x=(-1, 1, 5)).matrix.tolist()
    [[0.0, 0.5, 1.0, 0.5, 0.0]]
    """
    kernel_set = get_filter(spec, x=x, channel_order=channel_order)
    if len(kernel_set.kernels) > 1:
        names = [kernel.name for kernel in kernel_set.kernels]
        raise KernelError(
            f"{kernel_set.label} names {len(names)} kernels: {list_text(names, 8)}; "
            "get_filter returns all of them"
        )
    return kernel_set.kernels[0]


def get_filter(spec: str, *, x: SampledAt = None, channel_order: ChannelOrder = "rgb") -> KernelSet:
    """Return the kernels that a SPEC describes, one or several, and how their maps combine.

    Args:
        spec: as for :func:`get_kernel`, or the name of a family, such as ``sobel``.
        x: as for :func:`get_kernel`.
        channel_order: as for :func:`get_kernel`.

    Returns:
        A :class:`KernelSet`. Its ``kernels`` are a tuple, and ``combine`` is ``magnitude`` for a
        pair of derivatives, ``max`` for a compass set, or None. :func:`cross_correlate`,
        :func:`convolve` and :func:`explain` take it as a kernel.

    Raises:
        KernelError: the SPEC describes no kernel.
        UsageError: ``x`` is no range, or the kernel no signal.

    >>> sobel = get_filter("sobel")
    >>> [kernel.name for kernel in sobel.kernels], sobel.combine
    (['sobel-x', 'sobel-y'], 'magnitude')
    """
    from convcli.api.arguments import as_range, check_word
    from convcli.kernels.spec import read_specs

    check_word(channel_order, "channel_order")
    if not isinstance(spec, str):
        raise KernelError(
            f"spec must be text such as 'sobel-x', not {type_name(spec)}; "
            "Kernel(matrix) makes a kernel from an array"
        )
    [kernels] = read_specs([spec], x=as_range(x), channel_order=channel_order)
    if x is not None and kernels.kernels[0].axis is None:
        raise UsageError("x is for signals, such as 'signal:normal'")
    return kernels


def list_kernels() -> dict[str, str]:
    """Return the names of all kernels and families that :func:`get_filter` knows.

    Returns:
        Each name with its group, in the order of ``convcli kernels list``; numpy is not loaded.

    >>> list(list_kernels())[:3]
    ['identity', 'plus', 'vertical-line']
    >>> [name for name, group in list_kernels().items() if group == "sharpening"]
    ['sharpen', 'unsharp']
    """
    from convcli.kernels.catalogue import CATALOGUE

    return {name: entry.group for name, entry in CATALOGUE.items()}


def read_image(
    path: str | PathLike[str],
    channels: Channels = "auto",
    *,
    max_pixels: int = MAX_PIXELS,
    x: SampledAt = None,
) -> NDArray[Any]:
    """Read an image file, a ``.npy`` array or a text matrix as the array that convcli filters.

    EXIF orientation is applied. Palettes and CMYK become RGB. Alpha, which is not filtered, is
    left out. Of an animation, the first frame is read. A warning names what was lost, such as the
    lower part of a damaged file.

    Args:
        path: name of a file, ``@NAME`` of a sample that comes with convcli, or a signal such as
            ``signal:normal,sd=2``, which becomes one row.
        channels: ``auto`` keeps gray as gray and color as RGB; ``gray`` and ``rgb`` convert;
            ``r``, ``g`` and ``b`` take one channel of RGB.
        max_pixels: refuse images with more pixels before decoding them.
        x: where a signal is sampled, as for :func:`get_kernel`.

    Returns:
        (H, W), or (H, W, C) for RGB and arrays of several channels. uint8 and uint16 are pixels of
        these depths; other types are plain numbers.

    Raises:
        ImageError: the file cannot be read as an image, or has no such channels.
        UsageError: there is no such sample, or an argument is wrong.

    >>> image = read_image("@rocket")
    >>> image.shape, image.dtype, read_image("@rocket", "gray").shape
    ((427, 640, 3), dtype('uint8'), (427, 640))
    """
    from convcli.api.arguments import as_range, check_word, in_arguments
    from convcli.images.given import file_name
    from convcli.images.notes import visible
    from convcli.images.options import ReadOptions
    from convcli.images.reading import FRAMES_ADVICE
    from convcli.images.reading import read_image as read_file

    file_name(path)
    check_word(channels, "channels")
    options = ReadOptions(channels, max_pixels=as_count(max_pixels, "max_pixels"))
    file: Path | SignalSource
    if isinstance(path, str) and is_signal(path):
        options, file = options._replace(x=as_range(x)), SignalSource(path)
    elif x is not None:
        raise UsageError("x is for signals, such as 'signal:normal'")
    else:
        file = Path(file_of(path) if isinstance(path, str) else path)
    with in_arguments():
        image = read_file(file, name=str(path), options=options)
    for note in visible(image.notes):
        warnings.warn(f"{shown(path)}: {note.removesuffix(FRAMES_ADVICE)}", stacklevel=2)
    return image.pixels
