"""What there is to say about a kernel, as data and as text."""

import json
from typing import Any

import numpy as np

from convcli.core.options import ConvOptions
from convcli.core.plan import make_plan
from convcli.kernels.entries import ComputedKernel
from convcli.kernels.files import kernel_fields
from convcli.kernels.kernel import Kernel, Number
from convcli.kernels.spec import KernelSet
from convcli.kernels.text import aligned


def kernel_data(kernel: Kernel) -> dict[str, Any]:
    """Return a kernel and its properties, ready for JSON; a kernel file may hold it too."""
    rows, columns = kernel.shape
    factors = kernel.separable
    least, greatest = kernel.output_range()
    return {
        **kernel_fields(kernel),
        "size": f"{columns}x{rows}",
        "sum": kernel.sum,
        "symmetry": kernel.symmetry,
        "rank": kernel.rank,
        "separable": factors and [factor.tolist() for factor in factors],
        "least": least,
        "greatest": greatest,
    }


def set_json(kernels: KernelSet) -> str:
    """Return one kernel's data as JSON, or a family's with its members under ``kernels``."""
    members = [kernel_data(kernel) for kernel in kernels.kernels]
    if len(members) == 1:
        return json.dumps(members[0])
    return json.dumps({"label": kernels.label, "combine": kernels.combine, "kernels": members})


def set_text(kernels: KernelSet, recipe: ComputedKernel | None = None) -> str:
    """Return the page that ``kernels show`` prints; a recipe's arguments come last."""
    parts = [_kernel_text(kernel) for kernel in kernels.kernels]
    if len(parts) > 1:
        together = f", combined by {kernels.combine}" if kernels.combine else ", one result each"
        parts.insert(0, f"{kernels.label}: {len(parts)} kernels{together}")
    if recipe is not None:
        parts.append(_recipe_text(recipe))
    return "\n\n".join(parts)


def _kernel_text(kernel: Kernel) -> str:
    heading = f"{kernel.name}: {kernel.summary}" if kernel.summary else kernel.name
    facts = "\n".join(f"{label:<10} {value}" for label, value in _facts(kernel))
    return f"{heading}\n\n{_matrix_block(kernel)}\n\n{facts}"


def _matrix_block(kernel: Kernel) -> str:
    """Return the matrix, one block for each channel."""
    rows, columns = kernel.shape
    planes = kernel.matrix.reshape(-1, rows, columns).tolist()
    blocks = [
        "\n".join(f"  {line}" for line in aligned([[repr(w) for w in row] for row in plane]))
        for plane in planes
    ]
    if len(blocks) == 1:
        return blocks[0]
    return "\n".join(f"channel {number}\n{block}" for number, block in enumerate(blocks, 1))


def _method(kernel: Kernel) -> str:
    """Say how the kernel would be summed over an image of a megapixel."""
    shape = (1024, 1024, *kernel.matrix.shape[:-2][-1:])
    image = np.broadcast_to(np.uint8(0), shape)
    return make_plan(image, kernel.matrix, ConvOptions(), kernel.divisor).describe()


def _facts(kernel: Kernel) -> list[tuple[str, str]]:
    rows, columns = kernel.shape
    least, greatest = kernel.output_range()
    return [
        ("size", f"{columns}x{rows} (width x height)"),
        ("divisor", repr(kernel.divisor)),
        ("bias", repr(kernel.bias)),
        ("sum", _sum(kernel)),
        ("symmetry", _symmetry(kernel.symmetry)),
        *_separable(kernel),
        ("output", f"{_short(least)} to {_short(greatest)} for input from 0 to 255"),
        ("method", f"{_method(kernel)}, for 8-bit images"),
        *([("source", kernel.source)] if kernel.source else []),
    ]


def _symmetry(word: str) -> str:
    """Say what a symmetry means for the choice between correlation and convolution."""
    meaning = {
        "symmetric": "convolving and correlating agree",
        "antisymmetric": "convolving changes the sign",
    }
    return f"{word} ({meaning.get(word, 'convolving differs from correlating')})"


def _separable(kernel: Kernel) -> list[tuple[str, str]]:
    if kernel.rank is None:
        return []
    factors = kernel.separable
    if factors is None:
        return [("separable", f"no (rank {kernel.rank})")]
    column, row = (" ".join(_short(w) for w in factor.tolist()) for factor in factors)
    return [("separable", "yes (rank 1): column by row"), ("column", column), ("row", row)]


def _sum(kernel: Kernel) -> str:
    """Return the sum, 0 where only rounding is left of it."""
    noise = 1e-12 * float(np.abs(kernel.weights).sum())
    return "0" if abs(kernel.sum) <= noise else _short(kernel.sum)


def _short(number: Number) -> str:
    """Return a computed number without the noise of its last digits."""
    return repr(number) if isinstance(number, int) else f"{number:.10g}"


def _recipe_text(recipe: ComputedKernel) -> str:
    """Return a table of a recipe's arguments."""
    names = max(len(parameter.name) for parameter in recipe.parameters)
    lines = [f"arguments of {recipe.name}, as in {recipe.example}:"]
    for parameter in recipe.parameters:
        meaning = parameter.meaning + (f" [{parameter.unit}]" if parameter.unit else "")
        default = f" (default {parameter.default})" if parameter.default else ""
        lines.append(f"  {parameter.name:<{names}}  {meaning}{default}")
    return "\n".join(lines)
