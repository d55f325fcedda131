"""The layers of a network's file, as ``kernels list MODEL`` prints them: a table or JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from convcli.errors import KernelError, count_text, shown
from convcli.geometry import Pair, pair_text
from convcli.kernels.models.model import WEIGHT_AXES, Convolution, Model, Tensor, short_name
from convcli.kernels.models.spec import SUFFIXES, parse_model
from convcli.kernels.models.weights import open_model, transposed_layer
from convcli.teaching.text_table import table_lines, wrapped

_MOST_OTHERS = 20  # tensors that are no weights of a convolution


def list_model(name: str, *, as_json: bool = False) -> str:
    """Return the convolutions and the other tensors of a file as text or as JSON.

    Args:
        name: of the file.
        as_json: whether to return a JSON object.

    Raises:
        KernelError: the file is no model, cannot be read, or is damaged; or a layer is named too.
    """
    spec = parse_model(name)
    if spec is None:
        raise KernelError(
            f"{shown(name)}: is no file of a network, whose names end in {SUFFIXES}; "
            "'convcli kernels show' shows kernels"
        )
    if spec.layer:
        raise KernelError(
            f"{shown(name)}: list takes the file alone; 'convcli kernels show' shows a layer"
        )
    with open_model(spec.path, spec.format) as model:
        if as_json:
            return json.dumps(_data(spec.path, model), indent=1)
        return _text(spec.path, model)


def _data(path: str, model: Model) -> dict[str, Any]:
    convolutions = [
        {
            "number": number,
            "name": each.name,
            "tensor": each.weights.name,
            "shape": each.weights.shape,
            "dtype": each.weights.dtype,
            "stride": each.stride,
            "padding": each.padding,
            "dilation": each.dilation,
            "groups": each.groups,
            "transposed": each.is_transposed,
            "problem": each.weights.fault or None,
        }
        for number, each in enumerate(model.convolutions, 1)
    ]
    tensors = [
        {
            "name": tensor.name,
            "shape": tensor.shape if tensor.dtype else None,
            "dtype": tensor.dtype or None,
        }
        for tensor in model.tensors
    ]
    return {"file": path, "convolutions": convolutions, "tensors": tensors}


def _text(path: str, model: Model) -> str:
    convolutions = model.convolutions
    weights = {id(each.weights) for each in convolutions}
    others = [tensor for tensor in model.tensors if id(tensor) not in weights]
    counts = count_text(len(convolutions), "convolution"), count_text(len(others), "other tensor")
    types = set(_types(convolutions))
    only_type = f" ({types.pop()})" if len(types) == 1 else ""
    parts = [f"{shown(path)}: {counts[0]}{only_type}, {counts[1]}"]
    if convolutions:
        parts.append("\n".join(table_lines(_rows(convolutions), left=[1], shrink=1)))
    transposed = {n: each for n, each in enumerate(convolutions, 1) if each.is_transposed}
    if transposed:
        number, first = next(iter(transposed.items()))
        words = f"transposed: {', '.join(map(str, transposed))}; the first is"
        command = f"convcli chain IMAGE {transposed_layer(f'{path}:{number}', first)}"
        parts.append("\n".join((*wrapped(words.split()), command)))
    faults: dict[str, list[int]] = {}
    for number, each in enumerate(convolutions, 1):
        if each.weights.fault:
            faults.setdefault(each.weights.fault, []).append(number)
    for fault, numbers in faults.items():
        words = f"{', '.join(map(str, numbers))} cannot be used: {fault}"
        parts.append("\n".join(wrapped(words.split())))
    volumes = [short_name(each.name) for each in others if len(each.shape) == WEIGHT_AXES + 1]
    if volumes:
        names = ", ".join(volumes[:_MOST_OTHERS])
        words = f"{names} cannot be used: these may be weights of convolutions of volumes"
        parts.append("\n".join(wrapped(words.split())))
    if others:
        rows = [("other tensor", "shape", "type"), *map(_other_row, others[:_MOST_OTHERS])]
        parts.append("\n".join(table_lines(rows, left=[0, 1], shrink=0)))
    if len(others) > _MOST_OTHERS:
        parts[-1] += f"\n({len(others) - _MOST_OTHERS:,} more; --json lists all)"
    return "\n\n".join(parts)


def _rows(convolutions: Sequence[Convolution]) -> list[tuple[str, ...]]:
    """Return the cells of the table; what no layer has, or is alike in all, has no column."""
    columns: list[tuple[str, ...]] = [
        ("", *map(str, range(1, len(convolutions) + 1))),
        ("layer", *(short_name(each.name) for each in convolutions)),
        *zip(("filters", "channels", "size"), *map(_sides, convolutions), strict=True),
    ]
    known: dict[str, list[str | None]] = {
        "stride": [_pair(each.stride) for each in convolutions],
        "padding": [each.padding for each in convolutions],
        "dilation": [_pair(each.dilation) for each in convolutions],
        "groups": [None if each.groups is None else str(each.groups) for each in convolutions],
    }
    for heading, cells in known.items():
        if set(cells) - {None} - ({"1"} if heading in ("dilation", "groups") else set()):
            columns.append((heading, *(cell or "?" for cell in cells)))
    types = _types(convolutions)
    if len(set(types)) > 1:
        columns.append(("type", *types))
    return list(zip(*columns, strict=True))


def _types(convolutions: Sequence[Convolution]) -> list[str]:
    """Return the type of each convolution's weights; a file may hold any text."""
    types = (each.weights.dtype for each in convolutions)
    return [short_name(name) if name else "computed" for name in types]


def _sides(convolution: Convolution) -> tuple[str, str, str]:
    """Return the number of filters and of channels, and the size as width x height."""
    shape, groups = convolution.weights.shape, convolution.groups or 1
    if len(shape) < 3:
        return "?", "?", "?"
    filters, channels = shape[:2]
    if convolution.is_transposed:
        filters, channels = shape[1] * groups, shape[0] // groups
    return str(filters), str(channels), "x".join(map(str, shape[:1:-1]))


def _pair(pair: Pair | None) -> str | None:
    return None if pair is None else pair_text(pair)


def _other_row(tensor: Tensor) -> tuple[str, str, str]:
    if not tensor.dtype:  # neither type nor shape is known
        return short_name(tensor.name), "?", "not read"
    sides = ",".join(map(str, tensor.shape))
    return short_name(tensor.name), f"({sides})", short_name(tensor.dtype)
