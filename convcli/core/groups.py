"""A bank in groups: every run of channels has filters of its own, as torch's ``groups`` has it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from convcli.core.correlate import KernelNumbers, checked_dtype, feature_map
from convcli.core.depthwise import depthwise
from convcli.core.dtypes import OUTLIER, ImageInfo, as_numbers
from convcli.core.grouped import grouped
from convcli.core.plan import as_applied, make_plan
from convcli.core.precision import has_outliers
from convcli.errors import KernelError, UsageError, count_text
from convcli.geometry import ConvOptions, Geometry, border_name

if TYPE_CHECKING:
    from convcli.core.missing import Missing


def group_map(
    image: NDArray[Any],
    bank: KernelNumbers,
    groups: int,
    options: ConvOptions,
    dtype: DTypeLike | None = None,
    method: str = "auto",
    threads: int | None = None,
    info: ImageInfo | None = None,
    missing: Missing | None = None,
) -> NDArray[Any]:
    """Filter an image with a bank whose filters read one run of channels each.

    Args:
        image: (H, W) or (H, W, C).
        bank: weights (N, C / groups, kh, kw), with one bias or N of them.
        groups: the number of runs; it divides C and N.
        options, dtype, method, threads, info: as for
            :func:`convcli.core.correlate.feature_map`.
        missing: which pixels are missing; None for none.

    Returns:
        The feature map, (H', W', N): the filters of a run side by side, in the type that a bank
        without groups has.

    Raises:
        KernelError: the kernel is no such bank.
        UsageError: channels or filters cannot be divided into the groups.
        ConvcliError: as :func:`convcli.core.correlate.feature_map`.

    >>> weights = np.array([1, 10]).reshape(2, 1, 1, 1)
    >>> group_map(np.array([[[3, 4]]]), KernelNumbers(weights), 2, ConvOptions()).tolist()
    [[[3, 40]]]
    """
    weights = as_numbers(bank.matrix, "kernel", KernelError)
    each = _check_groups(image, weights, groups)
    parts = [np.ascontiguousarray(part) for part in np.split(image, groups, axis=2)]
    requested, floats = checked_dtype(dtype)
    narrowest = None if requested is not None and requested.kind in "ui" else floats
    info = ImageInfo.of(image) if info is None else info
    # The whole bank on one run of channels: this checks all arguments, and chooses one type.
    numbers = bank.divisor, bank.bias, method
    plan = make_plan(parts[0], weights, options, *numbers, narrowest, info)
    if requested is None and missing is None and bank.divisor == 1 and method == "auto":
        applied = as_applied(weights, options.operation).reshape(groups, -1, *weights.shape[1:])
        border, fill = border_name(options.border), options.fill
        pixels = image.view(np.uint8) if image.dtype.kind == "b" else image
        sums = sum_groups(pixels, applied, plan.geometry, border, fill, threads)
        found = None if sums is None else _with_bias(sums, bank.bias, plan.types.result)
        if found is not None:
            return found
    biases = np.broadcast_to(np.asarray(bank.bias, object), len(weights)).tolist()
    count, maps = len(weights) // groups, []
    for number, part in enumerate(parts):
        some = slice(number * count, (number + 1) * count)
        own = KernelNumbers(weights[some], bank.divisor, biases[some])
        if missing is None:
            maps.append(
                feature_map(part, own.matrix, options, *own[1:], dtype, method, threads, info)
            )
        else:
            from convcli.core.missing import partial_map

            lost = missing.of_channels(slice(number * each, (number + 1) * each))
            maps.append(partial_map(part, lost, [own], None, options, dtype, method, threads))
    kind = requested if missing is not None else requested or plan.types.result
    # Integers fit into the type of the whole bank, whatever those of its groups are.
    return np.concatenate(maps, axis=2, dtype=kind, casting="unsafe")


def sum_groups(
    maps: NDArray[Any],
    weights: NDArray[Any],
    geometry: Geometry,
    border: str,
    fill: float = 0,
    threads: int | None = None,
) -> NDArray[Any] | None:
    """Sum all groups at once; arguments and result are those of :func:`grouped`.

    None for what is better summed group by group.
    """
    if weights.shape[2] == 1:
        return depthwise(maps, weights[:, :, 0], geometry, border, fill, threads)
    return grouped(maps, weights, geometry, border, fill, threads)


def _with_bias(
    sums: NDArray[Any], bias: float | Sequence[float], kind: np.dtype[Any]
) -> NDArray[Any] | None:
    """Return sums of another type with the bias; None where it might cost them their accuracy.

    That is where it cancels most of the sums: their error is one of the largest sum.
    """
    biases = np.asarray(bias, kind)
    with np.errstate(all="ignore"):  # infinite where float32 overflows
        values = sums.astype(kind, copy=False)
        if not biases.any():
            return values
        biased = values + biases
        return None if kind.kind == "f" and _cancels(values, biased) else biased


def _cancels(sums: NDArray[Any], biased: NDArray[Any]) -> bool:
    """Tell whether biases cancel most of the largest sum, or of the largest beside outliers."""
    magnitudes, outputs = np.abs(sums), np.abs(biased)
    while 2 * float(outputs.max()) >= (largest := float(magnitudes.max())):
        if not has_outliers(magnitudes, largest):
            return False
        small = magnitudes < OUTLIER * largest
        magnitudes, outputs = magnitudes[small], outputs[small]
    return True


def _check_groups(image: NDArray[Any], weights: NDArray[Any], groups: int) -> int:
    """Return the number of channels in a run.

    Raises:
        KernelError: the kernel is no bank for these groups.
        UsageError: channels or filters cannot be divided into the groups.
    """
    if weights.ndim != 4:
        raise KernelError(
            f"groups={groups} takes a bank (N, C / groups, kh, kw), not weights of shape "
            f"{weights.shape}"
        )
    channels = image.shape[2] if image.ndim == 3 else 1
    for number, noun in ((channels, "channel"), (len(weights), "filter")):
        if number % groups:
            raise UsageError(
                f"{count_text(number, noun)} cannot be divided into groups={groups} equal runs"
            )
    each = channels // groups
    if weights.shape[1] != each:
        raise KernelError(
            f"each filter sums over {count_text(weights.shape[1], 'channel')}, and the image has "
            f"{each} in each of groups={groups} runs"
        )
    return each
