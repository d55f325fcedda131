"""The records of the catalogue's tables: fixed kernels, families, computed kernels, signals.

They are plain data without numpy, so that listing and completing kernel names stays fast.
"""

from typing import NamedTuple

Rows = tuple[tuple[int | float, ...], ...]
Planes = tuple[Rows, ...]  # (C, rows, columns)


class FixedKernel(NamedTuple):
    """A kernel given by its weights: ``rows / divisor + bias``, to be cross-correlated.

    ``rows`` are those of one plane, or of one plane for each channel that is summed over.
    ``rotation`` is the angle, in degrees counter-clockwise, by which the rows are rotated.
    """

    name: str
    group: str
    rows: Rows | Planes
    summary: str
    source: str
    divisor: int | float = 1
    bias: int | float = 0
    rotation: int = 0


class KernelFamily(NamedTuple):
    """Several fixed kernels under one name, whose feature maps are combined into one."""

    name: str
    group: str
    members: tuple[str, ...]
    combine: str
    summary: str
    source: str


class Parameter(NamedTuple):
    """A parameter of a computed kernel. An empty ``default`` is derived from the other ones."""

    name: str
    kind: str
    default: str
    meaning: str
    unit: str = ""


class ComputedKernel(NamedTuple):
    """A kernel computed from arguments, by the function of its name in ``kernels/formulas.py``."""

    name: str
    group: str
    parameters: tuple[Parameter, ...]
    example: str
    summary: str
    source: str


class Signal(NamedTuple):
    """A function of x, computed by the function of its name in ``kernels/signals.py``.

    ``formula`` is its value at x; x and the parameters have the unit of ``--x``.
    """

    name: str
    group: str
    parameters: tuple[Parameter, ...]
    example: str
    formula: str
    source: str


Entry = FixedKernel | KernelFamily | ComputedKernel


def outer(column: tuple[int | float, ...], row: tuple[int | float, ...]) -> Rows:
    """Return the rows of a separable kernel.

    >>> outer((1, 2), (3, 4))
    ((3, 4), (6, 8))
    """
    return tuple(tuple(c * r for r in row) for c in column)
