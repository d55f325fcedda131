"""Kernels as Python callers give them: Kernels, SPEC text, families, and lists of them."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from convcli.choices import VALUE_COMBINATIONS
from convcli.core.correlate import KernelNumbers
from convcli.core.dtypes import as_numbers
from convcli.errors import KernelError, UsageError, short_repr
from convcli.kernels.kernel import Kernel
from convcli.kernels.spec import KernelSet, get_kernel, read_spec

KernelLike = ArrayLike | Kernel | KernelSet | str | Sequence[Kernel | str]


class GivenKernels(NamedTuple):
    """A set of kernels, and whether they are the filters of one bank, which may have just one."""

    kernel_set: KernelSet
    is_bank: bool = False

    def numbers(self, level: int, channels: int) -> list[KernelNumbers]:
        """Return the numbers of each kernel, or those of the bank.

        Args:
            level: the size of an 8-bit level, the unit of biases, in the image's units.
            channels: of the image.

        Raises:
            KernelError: the kernels make no bank for this image.
        """
        kernels = self.kernel_set.kernels
        if self.is_bank:
            return [_bank(kernels, level, channels)]
        return [KernelNumbers(k.matrix, k.divisor, k.bias * level) for k in kernels]


def as_kernels(kernel: Any) -> GivenKernels | None:
    """Return Kernels of any form; None for what may be an array of weights.

    Args:
        kernel: a Kernel; the text of a SPEC, which may name a family; a KernelSet; or a list of
            Kernels and SPECs, which is a bank.

    Raises:
        KernelError: it is none of these, nor an array.
        UsageError: the set combines its maps by an unknown rule.
    """
    if isinstance(kernel, str):
        kernel = read_spec(kernel)
    if isinstance(kernel, Kernel):
        kernel = KernelSet(kernel.name, (kernel,), slug=kernel.slug)
    if isinstance(kernel, KernelSet):
        _check_set(kernel)
        return GivenKernels(kernel, is_bank=kernel.combine is None and len(kernel.kernels) > 1)
    if isinstance(kernel, bytes | os.PathLike):
        raise KernelError("kernel must be an array, a Kernel or text; give a file's name as text")
    if isinstance(kernel, list | tuple) and any(isinstance(k, Kernel | str) for k in kernel):
        members = [get_kernel(item) if isinstance(item, str) else item for item in kernel]
        _check_members(members, "kernel")
        label = members[0].name if len(members) == 1 else "bank"
        return GivenKernels(KernelSet(label, tuple(members)), is_bank=True)
    return None


def as_kernel_set(kernel: Any) -> KernelSet:
    """Return a kernel of any form as a set; an array becomes a Kernel.

    Raises:
        KernelError: it is no kernel, or the 4-D array of a bank.
    """
    given = as_kernels(kernel)
    if given is None:
        single = Kernel(as_numbers(kernel, "kernel", KernelError))
        given = GivenKernels(KernelSet(single.name, (single,)))
    if any(member.matrix.ndim == 4 for member in given.kernel_set.kernels):
        raise KernelError("a bank has several kernels; give one of them, such as kernel[0]")
    return given.kernel_set


def as_filters(kernel: Any) -> KernelSet:
    """Return a kernel of any form as a set; a 4-D array becomes the filters of a bank.

    Raises:
        KernelError: it is no kernel.
    """
    given = as_kernels(kernel)
    if given is None:
        single = Kernel(as_numbers(kernel, "kernel", KernelError))
        given = GivenKernels(KernelSet(single.name, (single,)))
    single = given.kernel_set.kernels[0]
    if single.matrix.ndim < 4:
        return given.kernel_set
    filters = (
        single._replace(matrix=matrix, name=f"filter {number}")
        for number, matrix in enumerate(single.matrix, 1)
    )
    return KernelSet(single.name, tuple(filters))


def _check_set(given: KernelSet) -> None:
    """Check a set, which a user may have made."""
    members: Any = given.kernels
    if not isinstance(members, tuple) or not members:
        raise KernelError("a KernelSet needs a tuple of Kernels")
    _check_members(members, "kernels")
    rule: Any = given.combine
    if rule is not None and not (isinstance(rule, str) and rule in VALUE_COMBINATIONS):
        raise UsageError(
            f"combine must be one of {', '.join(VALUE_COMBINATIONS)}, not {short_repr(rule)}"
        )


def _check_members(members: Sequence[Any], name: str) -> None:
    """Raise KernelError for the first item that is no Kernel."""
    for place, member in enumerate(members):
        if not isinstance(member, Kernel):
            raise KernelError(
                f"{name}[{place}] is no Kernel, but {short_repr(member)}; "
                f"make every array of the list a Kernel: Kernel({name}[{place}])"
            )


def _bank(kernels: Sequence[Kernel], level: int, channels: int) -> KernelNumbers:
    """Return Kernels of one shape as one (N, C, kh, kw) bank, exact if their numbers are."""
    shapes = dict.fromkeys(kernel.matrix.shape for kernel in kernels)
    shape = next(iter(shapes))
    if len(shapes) > 1 or len(shape) == 4:
        listed = ", ".join(map(str, shapes))
        raise KernelError(f"the kernels of a bank must have one shape, 2-D or 3-D, not {listed}")
    if len(shape) == 2 and channels > 1:
        raise KernelError(
            f"a bank sums over channels: for the image's {channels} channels give kernels of "
            f"shape {(channels, *shape)}, or filter with one kernel after the other"
        )
    divisor, matrices = _over_one_divisor(kernels)
    bank = np.stack(matrices).reshape(len(kernels), *shape[:-2] or (1,), *shape[-2:])
    return KernelNumbers(bank, divisor, [kernel.bias * level for kernel in kernels])


def _over_one_divisor(kernels: Sequence[Kernel]) -> tuple[float, list[NDArray[Any]]]:
    """Return a divisor, and the matrix of each kernel over it: integers if 64 bits hold them."""
    divisors = [kernel.divisor for kernel in kernels]
    if len(set(divisors)) == 1:
        return divisors[0], [kernel.matrix for kernel in kernels]
    whole = [divisor for divisor in divisors if isinstance(divisor, int)]
    if len(whole) == len(divisors):
        common = math.lcm(*whole)
        scaled = [
            (kernel.matrix, common // divisor)
            for kernel, divisor in zip(kernels, whole, strict=True)
        ]
        largest = max(int(abs(matrix).max()) * abs(factor) for matrix, factor in scaled)
        if max(common, largest) < 2**63:
            return common, [matrix * factor for matrix, factor in scaled]
    return 1, [kernel.weights for kernel in kernels]
