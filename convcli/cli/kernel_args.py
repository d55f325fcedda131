"""The kernel options, and the filters that their values describe."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from convcli.choices import (
    ALPHAS,
    COMBINATIONS,
    METHOD_SYNONYMS,
    METHODS,
    PERCENTILES,
    VALUE_COMBINATIONS,
    ChannelOrder,
)
from convcli.cli.options import (
    CHANNEL_ORDER,
    DENSITY,
    MARK,
    PERCENTILE,
    RANGE,
    Decorator,
    OptionDecl,
    kernel_option,
    option_group,
    range_option,
    speed_option,
)
from convcli.cli.types import FloatType, IntegerType, KernelSpecType, WordType
from convcli.errors import UsageError, list_text
from convcli.geometry import ConvOptions
from convcli.images.options import ReadOptions
from convcli.signals import SampleRange, default_range, is_signal

if TYPE_CHECKING:
    from convcli.core.missing import Missing
    from convcli.filtering.filter import Filter
    from convcli.kernels.spec import KernelSet


class KernelArgs(NamedTuple):
    """The values of the kernel options."""

    kernel: tuple[str, ...]
    combine: str | None
    normalize: bool
    divisor: float | None
    bias: float | None = None
    range: str = "clip"
    percentile: tuple[float, float] | None = None
    density: bool = False
    alpha: str = "keep"
    linear_light: bool = False
    method: str = "auto"
    threads: int | None = None
    mark: str | None = None
    x: SampleRange | None = None
    channel_order: ChannelOrder = "rgb"

    @property
    def reads_stdin(self) -> bool:
        """Whether a kernel comes from standard input."""
        return any(spec.strip() == "-" for spec in self.kernel)

    def sets(self) -> list[KernelSet]:
        """Read the kernels of each SPEC, divided as the options say.

        Raises:
            KernelError: a SPEC names no kernel.
            UsageError: the options contradict each other.
        """
        from convcli.kernels.spec import read_specs

        stdin = sys.stdin.buffer
        return read_specs(
            self.kernel,
            stdin,
            normalize=self.normalize,
            divisor=self.divisor,
            x=self.x,
            density=self.density,
            channel_order=self.channel_order,
        )

    def sampled(
        self, reading: ReadOptions, sources: Sequence[str], more: Sequence[str] = ()
    ) -> tuple[KernelArgs, ReadOptions]:
        """Return the options with one range for kernels and inputs; see :func:`sample_range`.

        Args:
            reading: the read options, which hold --x.
            sources: the names of the inputs.
            more: kernels that are given elsewhere than by -k.

        Raises:
            UsageError: --density has no step.
        """
        kernels = *self.kernel, *more
        x = sample_range(reading.x, kernels, sources, density=self.density)
        return self._replace(x=x), reading._replace(x=x)

    def filters(
        self,
        conv: ConvOptions,
        *,
        counted: bool = True,
        sets: list[KernelSet] | None = None,
        missing: Missing | None = None,
        in_groups: bool = False,
    ) -> tuple[Filter, ...]:
        """Return one filter for each result that an input gets.

        Args:
            conv: how each kernel slides.
            counted: whether the minimum, maximum and clipped share are needed. --mark needs them.
            sets: the kernels, where :meth:`sets` has read them already; it reads stdin once only.
            missing: which pixels are missing; None for none.
            in_groups: whether a bank is for a convolution in groups.

        Raises:
            KernelError: a SPEC names no kernel, or weights that need groups.
            UsageError: the options contradict each other.
        """
        from convcli.errors import KernelError
        from convcli.filtering.filter import Filter, hue_axes
        from convcli.filtering.planned_filter import check_method
        from convcli.kernels.spec import group_kernels

        if self.bias is not None and not math.isfinite(self.bias):
            raise UsageError(f"--bias must be a finite number, not {self.bias:g}")
        if self.percentile is not None and self.range != "percentile":
            raise UsageError("--percentile needs --range percentile")
        if missing is not None and self.alpha == "premultiply":
            raise UsageError(
                "--alpha premultiply takes no missing pixels; mark transparent ones with --mask, "
                "or use --alpha keep or drop"
            )
        if self.linear_light and self.combine == "direction":
            raise UsageError(
                "--combine direction takes no --linear-light: it would change the directions"
            )
        sets = self.sets() if sets is None else sets
        for each in () if in_groups else sets:
            if each.grouped and not each.transposed:
                raise KernelError(
                    f"{each.label}: these weights are of a convolution in groups, which convcli "
                    f"chain IMAGE {each.grouped} applies, behind layers that make its channels"
                )
        groups = list(group_kernels(sets, self.combine))
        filters = tuple(
            Filter(
                label=group.label,
                kernels=group.kernels,
                combine=group.combine,
                conv=conv,
                range=self.range,
                alpha=self.alpha,
                bias=self.bias,
                method=self.method,
                threads=self.threads,
                counted=counted or self.mark is not None,
                percentile=self.percentile or PERCENTILES,
                mark=self.mark is not None,
                slug=slug,
                missing=missing,
                linear_light=self.linear_light,
                divided=self._divided,
            )
            for slug, group in zip(_distinct([group.slug for group in groups]), groups, strict=True)
        )
        for image_filter in filters:
            if self.method != "auto":
                check_method(image_filter)
            if image_filter.combine == "direction":
                hue_axes(image_filter)  # raises if their maps cannot give colors
        return filters

    @property
    def _divided(self) -> str:
        """How the kernels are divided or ordered in another way than their own, in words."""
        words = [] if self.divisor is None else [f"divisor {self.divisor:.10g}"]
        words += ["normalized"] * self.normalize + ["density"] * self.density
        is_bgr = self.channel_order != "rgb"
        return ", ".join([*words, *[f"channel order {self.channel_order}"] * is_bgr])

    def only_filter(
        self, conv: ConvOptions, number: int | None = None, missing: Missing | None = None
    ) -> Filter:
        """Return the filter of the only result, or of result ``number``, counted from 1.

        Raises:
            KernelError: a SPEC names no kernel.
            UsageError: there are several results and no number, or the number is too large.
        """
        filters = self.filters(conv, missing=missing)
        count = len(filters)
        if number is not None and number > count:
            results = "is only 1 result" if count == 1 else f"are only {count} results"
            raise UsageError(f"--filter {number}: there {results}")
        if number is None and count > 1:
            labels = list_text([option.label for option in filters], 4)
            raise UsageError(
                f"{count} kernels give {count} results ({labels}): choose one with --filter N, "
                "or join them with --combine"
            )
        return filters[(number or 1) - 1]


def sample_range(
    given: SampleRange | None,
    kernels: Sequence[str],
    sources: Sequence[str],
    *,
    density: bool = False,
) -> SampleRange | None:
    """Return where signals are sampled, and where the samples of other inputs lie.

    Inputs have as many samples as they have, unless a kernel is a signal or --density needs the
    step: then the number of samples is known before an input is read, and holds for all.

    Args:
        given: the value of --x.
        kernels: the SPECs of all kernels.
        sources: the names of the inputs.
        density: whether --density is given.

    Raises:
        UsageError: it is, and there is no step.
    """
    signal = next((name for spec in kernels if is_signal(name := _unrotated(spec))), "")
    if not (signal or density):
        return given
    if not (signal or given or any(map(is_signal, sources))):
        raise UsageError("--density needs a step: give --x START:STOP:COUNT, or a signal")
    x = given or default_range()
    return x._replace(length=x.samples, kernel=signal)


def _unrotated(spec: str) -> str:
    return spec.strip().partition("@")[0].strip()


def check_stdin(specs: Iterable[str], *sources: str) -> None:
    """Check that standard input is used once only.

    Raises:
        UsageError: a SPEC is ``-``, and so is one of the sources.
    """
    if "-" in sources and any(spec.strip() == "-" for spec in specs):
        raise UsageError("standard input ('-') can be used once only: as the kernel or as an image")


def _distinct(slugs: list[str]) -> list[str]:
    """Number the slugs that occur twice.

    >>> _distinct(["blur", "box", "blur"])
    ['blur-1', 'box', 'blur-2']
    """
    total, count = Counter(slugs), Counter[str]()
    distinct = []
    for slug in slugs:
        count[slug] += 1
        distinct.append(f"{slug}-{count[slug]}" if total[slug] > 1 else slug)
    return distinct


def _kernel(*, required: bool) -> OptionDecl:
    return kernel_option(
        "-k",
        "--kernel",
        type=KernelSpecType(),
        multiple=True,
        required=required,
        metavar="SPEC",
        help='Name (outline), matrix ("0 1 0; 1 -4 1; 0 1 0"), file, or -. Repeatable.',
    )


def _combine(words: Iterable[str]) -> OptionDecl:
    return kernel_option(
        "--combine", type=WordType(words), help="Combine the kernels' maps into one."
    )


_KERNEL = _kernel(required=True)
_COMBINE = _combine(COMBINATIONS)
_COMBINE_GRAY = _combine(VALUE_COMBINATIONS)
_SCALING = (
    kernel_option("--normalize", is_flag=True, help="Divide by the sum of the weights."),
    kernel_option(
        "--divisor",
        type=FloatType(),
        metavar="D",
        rare=True,
        help="Divide by D instead of the kernel's own divisor.",
    ),
    CHANNEL_ORDER,
)
_VALUES = (
    RANGE,
    PERCENTILE,
    range_option(
        "--bias",
        type=FloatType(),
        metavar="B",
        rare=True,
        show_default="the kernel's own",
        help="Add B to each value after the division.",
    ),
    DENSITY,
)
apply_kernel_options = option_group(
    "kernel_args",
    KernelArgs,
    _KERNEL,
    _COMBINE,
    *_SCALING,
    *_VALUES,
    range_option(
        "--alpha", type=WordType(ALPHAS), default="keep", help="What happens to transparency."
    ),
    range_option(
        "--linear-light",
        is_flag=True,
        rare=True,
        help="Filter amounts of light in place of sRGB pixels.",
    ),
    speed_option(
        "--method",
        type=WordType(METHODS, METHOD_SYNONYMS),
        default="auto",
        rare=True,
        help="How sums are computed.",
    ),
    speed_option(
        "--threads",
        type=IntegerType(min=1),
        metavar="N",
        rare=True,
        envvar="CONVCLI_THREADS",
        show_default="one per processor",
        help="Threads for one image; the result does not depend on it.",
    ),
    MARK,
)
kernel_options = option_group(
    "kernel_args", KernelArgs, _KERNEL, _COMBINE_GRAY, *_SCALING, *_VALUES
)
optional_kernel_options = option_group(
    "kernel_args", KernelArgs, _kernel(required=False), _COMBINE_GRAY, *_SCALING, *_VALUES
)
compare_kernel_options = option_group(
    "kernel_args", KernelArgs, _kernel(required=False), _COMBINE, *_SCALING, *_VALUES, MARK
)


def filter_option(command: str) -> Decorator:
    """Return the option that picks one kernel of a bank."""
    return kernel_option(
        "--filter",
        "number",
        type=IntegerType(min=1),
        metavar="N",
        help=f"{command.capitalize()} the N-th kernel of a bank only, counted from 1.",
    )
