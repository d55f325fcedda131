"""From the kernel options of a command line to what is done to an image."""

import math
import sys
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from convcli.core.options import ConvOptions
from convcli.errors import UsageError
from convcli.filtering import Filter, hue_axes
from convcli.kernels.spec import KernelSet, group_kernels, read_specs


def check_stdin(specs: Iterable[str], *sources: str) -> None:
    """See that standard input is one thing only.

    Raises:
        UsageError: a SPEC is ``-``, and so is a source of something else.
    """
    if "-" in sources and any(spec.strip() == "-" for spec in specs):
        raise UsageError("standard input is one thing only: a kernel or an image")


class KernelArgs(NamedTuple):
    """The kernel options as they were given."""

    kernel: tuple[str, ...]
    combine: str | None
    normalize: bool
    divisor: float | None
    bias: float | None = None
    range: str = "clip"
    alpha: str = "keep"
    method: str = "auto"
    threads: int | None = None

    @property
    def reads_stdin(self) -> bool:
        """Whether a kernel comes from standard input."""
        return any(spec.strip() == "-" for spec in self.kernel)

    def check_stdin(self, *sources: str) -> None:
        """See that standard input is not both a kernel and an image, as :func:`check_stdin`."""
        check_stdin(self.kernel, *sources)

    def filters(self, layout: ConvOptions, *, counted: bool = True) -> tuple[Filter, ...]:
        """Return one spec for each result that every input is to have, its values counted or not.

        Raises:
            KernelError: a SPEC names no kernel.
            UsageError: the options contradict each other.
        """
        if self.bias is not None and not math.isfinite(self.bias):
            raise UsageError(f"--bias must be a finite number, not {self.bias:g}")
        sets = read_specs(
            self.kernel, sys.stdin.buffer, normalize=self.normalize, divisor=self.divisor
        )
        specs = tuple(
            Filter(
                label=group.label,
                kernels=group.kernels,
                combine=group.combine,
                conv=layout,
                range=self.range,
                alpha=self.alpha,
                bias=self.bias,
                method=self.method,
                threads=self.threads,
                counted=counted,
            )
            for group in _told_apart(group_kernels(sets, self.combine))
        )
        for spec in specs:
            if spec.combine == "direction":
                hue_axes(spec)
        return specs

    def only_filter(self, layout: ConvOptions, number: int | None = None) -> Filter:
        """Return what makes the one result that is shown, the ``number``-th where there are more.

        Raises:
            KernelError: a SPEC names no kernel.
            UsageError: there are several results and no number, or it is beyond the last.
        """
        specs = self.filters(layout)
        if number is not None and number > len(specs):
            raise UsageError(
                f"--filter {number} is beyond the last: there are {len(specs)} results"
            )
        if number is None and len(specs) > 1:
            labels = ", ".join(spec.label for spec in specs[:4]) + ", ..." * (len(specs) > 4)
            raise UsageError(
                f"{len(specs)} kernels give {len(specs)} results ({labels}): "
                "--filter N picks one, --combine joins them"
            )
        return specs[(number or 1) - 1]


def _told_apart(groups: Iterable[KernelSet]) -> list[KernelSet]:
    """Number the labels that occur twice."""
    listed = list(groups)
    count = Counter(group.label for group in listed)
    seen: Counter[str] = Counter()
    apart = []
    for group in listed:
        seen[group.label] += 1
        label = f"{group.label}-{seen[group.label]}" if count[group.label] > 1 else group.label
        apart.append(KernelSet(label, group.kernels, group.combine))
    return apart
