"""The summary of a chain: each layer's output shape and costs, as a table or as JSON."""

from collections.abc import Sequence
from typing import Any

from convcli.geometry import Pair, size_text
from convcli.layers.base import Shape
from convcli.layers.network import Stage
from convcli.teaching.text_table import table_lines

HEADINGS = ("", "layer", "output", "channels", "parameters", "field", "jump", "mult-adds")


def summary_lines(shape: Shape, stages: Sequence[Stage]) -> list[str]:
    """Return the lines of a table: the input, the layers and their totals.

    Args:
        shape: rows, columns and channels of the input.
        stages: from :func:`convcli.layers.network.plan_network`.
    """
    rows: list[tuple[str, ...]] = [
        HEADINGS,
        ("", "input", size_text(shape[:2]), str(shape[2]), "", "", "", ""),
    ]
    for number, layer, plan, row_field, column_field in stages:
        jump = row_field.jump, column_field.jump
        cells = (
            number,
            layer.label,
            size_text(plan.shape[:2]),
            plan.shape[2],
            plan.parameters,
            size_text((row_field.size, column_field.size)),
            jump[0] if jump[0] == jump[1] else size_text(jump),
            plan.multiply_adds,
        )
        rows.append(tuple(map(str, cells)))
    parameters, products = _totals(stages)
    rows.append(("", "total", "", "", str(parameters), "", "", str(products)))
    return table_lines(rows, left=[1], shrink=1)


def as_record(shape: Shape, stages: Sequence[Stage]) -> dict[str, Any]:
    """Return the numbers of the table by their JSON names; the arguments are the same."""
    parameters, products = _totals(stages)
    return {
        "size": _by_axis(shape[:2]),
        "channels": shape[2],
        "layers": [
            {
                "number": number,
                "layer": layer.name,
                "label": layer.label,
                "size": _by_axis(plan.shape[:2]),
                "channels": plan.shape[2],
                "parameters": plan.parameters,
                "receptive_field": _by_axis((row_field.size, column_field.size)),
                "jump": _by_axis((row_field.jump, column_field.jump)),
                "start": _by_axis((row_field.start, column_field.start)),
                "multiply_adds": plan.multiply_adds,
            }
            for number, layer, plan, row_field, column_field in stages
        ],
        "parameters": parameters,
        "multiply_adds": products,
    }


def _totals(stages: Sequence[Stage]) -> tuple[int, int]:
    """Return the parameters and the multiply-adds of all layers."""
    plans = [stage.plan for stage in stages]
    return sum(plan.parameters for plan in plans), sum(plan.multiply_adds for plan in plans)


def _by_axis(pair: Pair) -> dict[str, int]:
    return {"rows": pair[0], "columns": pair[1]}
