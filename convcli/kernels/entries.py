"""What a catalogue entry is: a table of weights, a family of tables, or a recipe with arguments.

Plain data without numpy, so that listing and completing kernel names stays quick.
"""

from typing import NamedTuple

Rows = tuple[tuple[int | float, ...], ...]


class FixedKernel(NamedTuple):
    """A kernel written down: ``rows / divisor + bias``, cross-correlated as it stands.

    ``turn`` is the angle, in degrees counter-clockwise, by which the rows are turned when built.
    """

    name: str
    group: str
    rows: Rows
    summary: str
    source: str
    divisor: int | float = 1
    bias: int | float = 0
    turn: int = 0


class KernelFamily(NamedTuple):
    """Several tables under one name, whose feature maps are combined into one."""

    name: str
    group: str
    members: tuple[str, ...]
    combine: str
    summary: str
    source: str


class Parameter(NamedTuple):
    """One argument of a recipe. An empty ``default`` means: derived from the other arguments."""

    name: str
    kind: str
    default: str
    meaning: str
    unit: str = ""


class ComputedKernel(NamedTuple):
    """A kernel computed from arguments; ``convcli.kernels.formulas`` holds the computation."""

    name: str
    group: str
    parameters: tuple[Parameter, ...]
    example: str
    summary: str
    source: str

    @property
    def signature(self) -> str:
        """The arguments as they are typed, with their defaults: ``box:size=3``."""
        arguments = (f"{p.name}={p.default}" if p.default else p.name for p in self.parameters)
        return f"{self.name}:{','.join(arguments)}"

    @property
    def has_angle(self) -> bool:
        """Whether ``@ANGLE`` is computed rather than turned weight by weight."""
        return any(p.name == "angle" for p in self.parameters)


Entry = FixedKernel | KernelFamily | ComputedKernel


def outer(column: tuple[int | float, ...], row: tuple[int | float, ...]) -> Rows:
    """Return the rows of a separable kernel.

    >>> outer((1, 2), (3, 4))
    ((3, 4), (6, 8))
    """
    return tuple(tuple(c * r for r in row) for c in column)
