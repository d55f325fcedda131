"""SPEC: the one line of text that names kernels on the command line.

A name (``outline``), a name with arguments (``gaussian:5,sigma=1.2``), a matrix
(``"0 -1 0; -1 5 -1; 0 -1 0"``), a file (``k.txt``, ``k.csv``, ``k.npy``, ``k.json``) or ``-`` for
standard input; each may be turned by ``@ANGLE``.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np

from convcli.core.dtypes import int_if_whole
from convcli.errors import KernelError, UsageError, quoted
from convcli.kernels.arguments import bind_arguments
from convcli.kernels.catalogue import CATALOGUE, find_entry, no_such_name
from convcli.kernels.entries import ComputedKernel, Entry, FixedKernel
from convcli.kernels.files import KERNEL_SUFFIXES, looks_like_path, read_kernel_file, read_stream
from convcli.kernels.formulas import BUILDERS
from convcli.kernels.kernel import Kernel
from convcli.kernels.naming import safe_name, turned_name
from convcli.kernels.text import is_number, parse_text, split_row
from convcli.kernels.turning import turn

TURN = re.compile(r"(?P<base>.+)@(?P<angle>[^@/\\]*)", re.DOTALL)
MOST_DEGREES = 1e6


@dataclass(frozen=True)
class KernelSet:
    """What one SPEC names.

    Attributes:
        label: for file names: ``sobel``, ``gaussian-5-sigma-1.2``, a file's stem, ``custom``.
        kernels: one, the members of a family, or the filters of a bank.
        combine: how the feature maps become one: ``magnitude`` for a directional pair, ``max``
            for a compass set; None for one kernel, or a bank with one result each.
    """

    label: str
    kernels: tuple[Kernel, ...]
    combine: str | None = None


def read_spec(text: str, stdin: BinaryIO | None = None) -> KernelSet:
    """Return the kernels that ``text`` names.

    Args:
        text: the SPEC.
        stdin: what ``-`` reads.

    Raises:
        KernelError: ``text`` names no kernel, or one that cannot be turned so.

    >>> [kernel.name for kernel in read_spec("sobel").kernels]
    ['sobel-x', 'sobel-y']
    """
    base, angle = _split_angle(text.strip())
    entry = CATALOGUE.get(base.partition(":")[0].strip())
    if entry is not None:
        return _build(entry, base, angle)
    return _as_set(_read_kernel(base, stdin).turned(angle))


def read_specs(
    texts: Iterable[str],
    stdin: BinaryIO | None = None,
    *,
    normalize: bool = False,
    divisor: float | None = None,
) -> list[KernelSet]:
    """Read several SPECs.

    Args:
        texts: the SPECs.
        stdin: what ``-`` reads.
        normalize: divide each kernel by the sum of its weights.
        divisor: divide each kernel by this number instead of its own divisor.

    Raises:
        KernelError: a SPEC names no kernel.
        UsageError: both ``normalize`` and ``divisor`` are given.
    """
    if normalize and divisor is not None:
        raise UsageError("--normalize sets the divisor, and --divisor names one; choose one")

    def divided(kernel: Kernel) -> Kernel:
        if normalize:
            return kernel.normalized()
        return kernel if divisor is None else kernel.with_divisor(int_if_whole(divisor))

    sets = [read_spec(text, stdin) for text in texts]
    return [replace(found, kernels=tuple(map(divided, found.kernels))) for found in sets]


def group_kernels(sets: Sequence[KernelSet], combine: str | None = None) -> Iterator[KernelSet]:
    """Yield a set for each result: a combined family, or one kernel.

    Args:
        sets: the kernels of each SPEC.
        combine: combines all kernels into one result; None leaves each set its own way.

    Raises:
        UsageError: there is only one kernel to combine.
    """
    if combine is not None:
        kernels = tuple(kernel for found in sets for kernel in found.kernels)
        if len(kernels) < 2:
            raise UsageError("--combine takes two kernels or more; give -k again, or a family")
        yield KernelSet("+".join(found.label for found in sets), kernels, combine)
        return
    for found in sets:
        if found.combine is not None or len(found.kernels) == 1:
            yield found
        else:
            yield from (KernelSet(kernel.name, (kernel,)) for kernel in found.kernels)


def get_kernel(spec: str) -> Kernel:
    """Return the one kernel that ``spec`` names.

    Raises:
        KernelError: it names none, or several.

    >>> get_kernel("sharpen").matrix.tolist()
    [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]
    """
    return only_kernel(read_spec(spec))


def only_kernel(kernel_set: KernelSet) -> Kernel:
    """Return the kernel of a set of one.

    Raises:
        KernelError: the set has several; the message names them.
    """
    if len(kernel_set.kernels) > 1:
        members = [kernel.name for kernel in kernel_set.kernels]
        shown_members = ", ".join(members[:8]) + (", ..." if len(members) > 8 else "")
        raise KernelError(
            f"{kernel_set.label} names {len(members)} kernels, and one is needed: {shown_members}"
        )
    return kernel_set.kernels[0]


def find_recipe(spec: str) -> ComputedKernel | None:
    """Return the recipe behind a SPEC, or None where the SPEC names none."""
    entry = CATALOGUE.get(spec.strip().partition("@")[0].partition(":")[0])
    return entry if isinstance(entry, ComputedKernel) else None


def _split_angle(text: str) -> tuple[str, float]:
    """Split ``base@angle``; what follows the @ in a file's name is no number, and stays."""
    match = TURN.fullmatch(text)
    if match is None:
        return text, 0.0
    try:
        angle = float(match["angle"])
    except ValueError:
        angle = math.nan
    if abs(angle) <= MOST_DEGREES:
        return match["base"].strip(), angle
    if looks_like_path(text):
        return text, 0.0
    raise KernelError(
        f"@ is followed by an angle in degrees, as in sobel-x@45, not {quoted(match['angle'])}"
    )


def _build(entry: Entry, spec: str, angle: float) -> KernelSet:
    """Return the kernels of a catalogue entry."""
    if isinstance(entry, ComputedKernel):
        return _as_set(_from_recipe(entry, spec, angle))
    if ":" in spec:
        raise KernelError(f"{entry.name} takes no arguments")
    if isinstance(entry, FixedKernel):
        return _as_set(_from_table(entry).turned(angle))
    tables = (table for table in map(find_entry, entry.members) if isinstance(table, FixedKernel))
    members = tuple(_from_table(table).turned(angle) for table in tables)
    return KernelSet(turned_name(entry.name, angle), members, entry.combine)


def _from_table(table: FixedKernel) -> Kernel:
    matrix = turn(np.array(table.rows), table.turn)
    return Kernel(matrix, table.divisor, table.bias, table.name, table.summary, table.source)


def _from_recipe(recipe: ComputedKernel, spec: str, angle: float) -> Kernel:
    """Compute a recipe, with ``angle`` among its arguments where turning would not be exact."""
    arguments = spec.partition(":")[2]
    values = bind_arguments(recipe, arguments)
    computed = recipe.has_angle and angle % 90 != 0
    if computed:
        values["angle"] += angle
    name = safe_name(re.sub(r"\s", "", spec))
    kernel = replace(
        BUILDERS[recipe.name](**values),
        name=turned_name(name, angle) if computed else name,
        summary=recipe.summary + (f", turned by {angle:g} degrees" if computed else ""),
        source=recipe.source,
    )
    return kernel if computed else kernel.turned(angle)


def _read_kernel(text: str, stdin: BinaryIO | None) -> Kernel:
    """Read a matrix, a file or standard input."""
    if not text:
        raise KernelError("no kernel is given: name one, or write its rows")
    if text == "-":
        if stdin is None:
            raise KernelError("'-' is standard input, which cannot be read here")
        return read_stream(stdin)
    if text.lower().endswith(KERNEL_SUFFIXES):
        return read_kernel_file(text)
    if _looks_like_matrix(text):
        return parse_text(text)
    if looks_like_path(text):
        return read_kernel_file(text)
    raise no_such_name(text.partition(":")[0])


def _looks_like_matrix(text: str) -> bool:
    first = split_row(text)[0]
    return ";" in text or is_number(first) or first.lower().lstrip("+-") in ("nan", "inf")


def _as_set(kernel: Kernel) -> KernelSet:
    """Wrap one kernel, or the filters of a bank."""
    if kernel.matrix.ndim < 4:
        return KernelSet(kernel.name, (kernel,))
    filters = (
        replace(kernel, matrix=matrix, name=f"{kernel.name}-{number}")
        for number, matrix in enumerate(kernel.matrix, 1)
    )
    return KernelSet(kernel.name, tuple(filters))
