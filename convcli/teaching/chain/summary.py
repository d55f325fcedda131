"""``convcli chain --summary``: what each layer makes of a size, as a table or as JSON."""

from collections.abc import Iterator, Sequence
from typing import Any

from convcli.layers.base import Shape
from convcli.layers.network import Stage

HEADINGS = ("", "layer", "output", "channels", "parameters", "field", "jump", "mult-adds")
WIDTH = 80


def table(shape: Shape, stages: Sequence[Stage]) -> Iterator[str]:
    """Yield the lines of an aligned table: the input, the layers, their total."""
    rows: list[tuple[str, ...]] = [HEADINGS]
    rows.append(("", "input", *_size(shape), "", "", "", ""))
    rows += [_cells(stage) for stage in stages]
    parameters, products = totals(stages)
    rows.append(("", "total", "", "", str(parameters), "", "", str(products)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    widths[1] = min(widths[1], max(8, WIDTH - sum(widths) + widths[1] - 2 * (len(widths) - 1)))
    for row in rows:
        number, label, *cells = row
        words = [number.rjust(widths[0]), _cut(label, widths[1]).ljust(widths[1])]
        words += [cell.rjust(width) for cell, width in zip(cells, widths[2:], strict=True)]
        yield "  ".join(words).rstrip()


def record(shape: Shape, stages: Sequence[Stage]) -> dict[str, Any]:
    """Return every number under its name."""
    parameters, products = totals(stages)
    return {
        "size": _named(shape[:2]),
        "channels": shape[2],
        "layers": [_numbers(stage) for stage in stages],
        "parameters": parameters,
        "multiply_adds": products,
    }


def totals(stages: Sequence[Stage]) -> tuple[int, int]:
    """Return the parameters and the multiply-adds of all layers together."""
    return (
        sum(stage.plan.parameters for stage in stages),
        sum(stage.plan.multiply_adds for stage in stages),
    )


def _cells(stage: Stage) -> tuple[str, ...]:
    plan, rows, columns = stage.plan, stage.row_field, stage.column_field
    field = f"{columns.size}x{rows.size}"
    jump = str(rows.jump) if rows.jump == columns.jump else f"{columns.jump}x{rows.jump}"
    numbers = str(plan.parameters), field, jump, str(plan.multiply_adds)
    return (str(stage.number), stage.layer.label, *_size(plan.shape), *numbers)


def _numbers(stage: Stage) -> dict[str, Any]:
    plan, rows, columns = stage.plan, stage.row_field, stage.column_field
    return {
        "number": stage.number,
        "layer": stage.layer.name,
        "label": stage.layer.label,
        "size": _named(plan.shape[:2]),
        "channels": plan.shape[2],
        "parameters": plan.parameters,
        "receptive_field": _named((rows.size, columns.size)),
        "jump": _named((rows.jump, columns.jump)),
        "start": _named((rows.start, columns.start)),
        "multiply_adds": plan.multiply_adds,
    }


def _size(shape: Shape) -> tuple[str, str]:
    return f"{shape[1]}x{shape[0]}", str(shape[2])


def _named(pair: tuple[int, int]) -> dict[str, int]:
    return {"rows": pair[0], "columns": pair[1]}


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."
