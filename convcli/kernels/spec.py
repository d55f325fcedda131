"""SPEC: one line of text that names kernels, on the command line and in Python.

A SPEC is a name (``outline``), a name with arguments (``gaussian:5,sigma=1.2``), a matrix
(``"0 -1 0; -1 5 -1; 0 -1 0"``), a file (``k.txt``, ``k.csv``, ``k.npy``, ``k.json``), the weights
of a layer (``MODEL[:LAYER]``), trained filters (``trained:imagenet-7x7``), a sample
(``@toy-6x6``), a signal (``signal:normal,sd=2``), or ``-`` for standard input. ``@ANGLE`` after
any of them rotates the kernel; after a layer's name, it is part of the name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import numpy as np

from convcli.choices import CHANNEL_ORDERS, ChannelOrder
from convcli.core.dtypes import int_if_whole
from convcli.errors import (
    KernelError,
    UsageError,
    count_text,
    list_text,
    prefix_errors,
    quoted,
    short_repr,
)
from convcli.kernels.catalogue import CATALOGUE, unknown_kernel
from convcli.kernels.data.signals import SIGNALS
from convcli.kernels.data.trained import PREFIX as TRAINED_PREFIX
from convcli.kernels.data.trained import TRAINED, is_trained
from convcli.kernels.entries import ComputedKernel, FixedKernel, KernelFamily, Signal
from convcli.kernels.formulas import BUILDERS
from convcli.kernels.kernel import Kernel, rotate, rotated_slug, safe_name
from convcli.kernels.models.spec import parse_model
from convcli.kernels.parameters import MAX_NUMBER, bind_arguments, read_float
from convcli.samples import file_of, is_sample
from convcli.signals import PREFIX, SampleAxis, SampleRange, default_range, is_signal

if TYPE_CHECKING:
    from fractions import Fraction

_FILTER_AXES = 3  # channels, rows and columns
MAX_FILTERS = 16384  # of a bank: each is a kernel of its own
MOST_SHOWN = 8  # kernels of a set that a notebook shows
# Small computed kernels by SPEC: to compute gaussian:5 takes 180 us, and a small image 35.
_REMEMBERED: dict[str, KernelSet] = {}
_MOST_REMEMBERED, _SMALL = 64, 1024  # kernels, and weights of each


class KernelSet(NamedTuple):
    """The kernels that a SPEC names.

    Attributes:
        label: what texts and figures call them: the SPEC as typed.
        kernels: one kernel, the members of a family, or the filters of a bank.
        combine: how the feature maps become one: ``magnitude`` for a gradient pair, ``max`` for a
            compass set; None for one kernel, or for a bank with one result per filter.
        slug: their part of file names: ``sobel``, ``gaussian-5-sigma-1.2``, a file's stem,
            ``custom`` for a matrix.
        note: what ``-v`` tells of weights of a network: how it applies them.
        transposed: the layer of ``convcli chain`` that applies weights of a transposed convolution,
            which no convolution does.
        grouped: the layer that applies weights of a convolution in groups, as depthwise ones are.
    """

    label: str
    kernels: tuple[Kernel, ...]
    combine: str | None = None
    slug: str = ""
    note: str = ""
    transposed: str = ""
    grouped: str = ""

    @property
    def results_text(self) -> str:
        """What each kernel is for: a result, a share of one, or an input map."""
        if self.transposed:
            return "one for each input map"
        return f"combined by {self.combine}" if self.combine else "one result each"

    @property
    def plane_names(self) -> list[str]:
        """The names of a kernel's planes: its channels, or the maps that it adds to."""
        from convcli.kernels.planes import plane_names

        planes = self.kernels[0].matrix.shape[:-2]
        if self.transposed and planes:
            where = " of the group" * bool(self.grouped)
            return [f"output map {number}{where}" for number in range(1, planes[-1] + 1)]
        return plane_names(planes)

    def _repr_html_(self) -> str:
        """Return the kernels for a notebook, side by side; of many, the first."""
        from convcli.html import html_beside, html_block, html_line

        text = f"{self.label}: {count_text(len(self.kernels), 'kernel')}"
        text += f", combined by {self.combine}" if self.combine else ""
        shown = self.kernels[:MOST_SHOWN]
        text += f"; the first {MOST_SHOWN}" if len(shown) < len(self.kernels) else ""
        return html_block([html_line(text), html_beside(kernel._repr_html_() for kernel in shown)])

    def times(self, factor: Fraction) -> KernelSet:
        """Return the set with all weights multiplied by a positive factor."""
        return self._replace(kernels=tuple(kernel.times(factor) for kernel in self.kernels))


@np.errstate(all="ignore")
def read_spec(text: str, stdin: BinaryIO | None = None, x: SampleRange | None = None) -> KernelSet:
    """Return the kernels that a SPEC names.

    Args:
        text: the SPEC.
        stdin: the stream that ``-`` reads.
        x: where signals are sampled; None for the default range.

    Raises:
        KernelError: the SPEC names no kernel, or a kernel that cannot be rotated by its angle.

    >>> [kernel.name for kernel in read_spec("sobel").kernels]
    ['sobel-x', 'sobel-y']
    """
    base, angle = _split_angle(text.strip())
    entry = CATALOGUE.get(base.partition(":")[0].strip())
    if isinstance(entry, ComputedKernel):
        return _REMEMBERED.get(text) or _remembered(text, _compute(entry, base, angle))
    if entry is not None:
        return _build_table(entry, base, angle)
    note = transposed = grouped = ""
    if is_signal(base):
        from convcli.kernels.signals import signal_kernel

        kernel = signal_kernel(base, x).rotated(angle)
    elif is_trained(base):
        kernel, note = _read_trained(base)
        kernel = kernel.rotated(angle)
    elif model := parse_model(base):
        from convcli.kernels.models.weights import read_weights

        kernel, note, transposed, grouped = read_weights(model)
        kernel = kernel.rotated(angle)
    else:
        kernel = _read_kernel(base, stdin).rotated(angle)
    if kernel.matrix.ndim < 4:
        return _only(text, kernel)._replace(note=note, transposed=transposed)
    name = _typed(text)
    if len(kernel.matrix) > MAX_FILTERS:
        raise KernelError(
            f"{name}: {len(kernel.matrix):,} filters; at most {MAX_FILTERS:,} are read"
        )
    member = "input map" if transposed else "filter"
    filters = (
        kernel._replace(
            matrix=matrix, name=f"{member} {number} of {name}", slug=f"{kernel.slug}-{number}"
        )
        for number, matrix in enumerate(kernel.matrix, 1)
    )
    return KernelSet(
        name,
        tuple(filters),
        slug=kernel.slug,
        note=note,
        transposed=transposed,
        grouped=grouped,
    )


def _remembered(text: str, kernel: Kernel) -> KernelSet:
    """Return a computed kernel as a set, and remember it by its SPEC if it is small."""
    kernel_set = _only(text, kernel)
    if kernel.matrix.size <= _SMALL:
        if len(_REMEMBERED) >= _MOST_REMEMBERED:
            _REMEMBERED.clear()
        _REMEMBERED[text] = kernel_set
    return kernel_set


def _only(text: str, kernel: Kernel) -> KernelSet:
    """Return the set of the only kernel that a SPEC names."""
    name = _typed(text)
    return KernelSet(name, (kernel._replace(name=name),), slug=kernel.slug)


def _typed(text: str) -> str:
    r"""Return a SPEC as it is shown: as typed, on one line.

    >>> _typed(" 1 2\n 3 4 "), _typed("-")
    ('1 2; 3 4', 'standard input')
    """
    lines = [" ".join(line.split()) for line in text.strip().splitlines()]
    shown = "; ".join(line.removesuffix(";").rstrip() for line in lines if line)
    return "standard input" if shown == "-" else shown


def read_specs(
    texts: Iterable[str],
    stdin: BinaryIO | None = None,
    *,
    normalize: bool = False,
    divisor: float | None = None,
    x: SampleRange | None = None,
    density: bool = False,
    channel_order: ChannelOrder = "rgb",
) -> list[KernelSet]:
    """Read several SPECs.

    Args:
        texts: the SPECs.
        stdin: the stream that ``-`` reads.
        normalize: divide each kernel by the sum of its weights.
        divisor: divide each kernel by this number instead of its own divisor.
        x: where signals are sampled; None for the default range.
        density: multiply the sums by the step of ``x``, as an integral does. The step divides the
            divisor: 50 is exact where 0.02 is not.
        channel_order: of the kernels; ``bgr`` is turned to ``rgb``, the order of images.

    Raises:
        KernelError: a SPEC names no kernel, or ``bgr`` one that is not over three channels.
        UsageError: ``normalize`` and one of ``divisor`` and ``density`` are given, or there is no
            such order of channels.
    """
    if normalize and (divisor is not None or density):
        other = "--density" if divisor is None else "--divisor"
        raise UsageError(f"--normalize and {other} contradict each other; use one of them")
    if channel_order not in CHANNEL_ORDERS:
        words = " or ".join(CHANNEL_ORDERS)
        raise UsageError(f"channel_order must be {words}, not {short_repr(channel_order)}")
    step: Fraction | None = None
    if density:
        where = x or default_range()
        step = where.axis(where.samples).step

    def divided(kernel: Kernel) -> Kernel:
        if channel_order == "bgr":
            kernel = kernel.reversed_channels()
        if normalize:
            return kernel.normalized()
        if divisor is not None:
            kernel = kernel.with_divisor(int_if_whole(divisor))
        return kernel if step is None else kernel.times(step)

    sets = [read_spec(text, stdin, x) for text in texts]
    return [
        kernel_set._replace(kernels=tuple(map(divided, kernel_set.kernels))) for kernel_set in sets
    ]


def group_kernels(sets: Sequence[KernelSet], combine: str | None = None) -> Iterator[KernelSet]:
    """Yield a set for each result: a combined family, or one kernel.

    Args:
        sets: the kernels of each SPEC.
        combine: combines all kernels into one result; None keeps each set's own ``combine``.

    Raises:
        KernelError: a set holds the weights of a transposed convolution.
        UsageError: there is only one kernel to combine.
    """
    for kernel_set in sets:
        if kernel_set.transposed:
            raise KernelError(
                f"{kernel_set.label}: these weights are of a transposed convolution, which convcli "
                f"chain IMAGE {kernel_set.transposed} applies"
            )
    if combine is not None:
        kernels = tuple(kernel for kernel_set in sets for kernel in kernel_set.kernels)
        if len(kernels) < 2:
            raise UsageError("--combine takes two kernels or more; give -k again, or a family")
        label = ", ".join(kernel_set.label for kernel_set in sets)
        yield KernelSet(label, kernels, combine, "+".join(kernel_set.slug for kernel_set in sets))
        return
    for kernel_set in sets:
        if kernel_set.combine is not None or len(kernel_set.kernels) == 1:
            yield kernel_set
        else:
            yield from (
                KernelSet(kernel.name, (kernel,), slug=kernel.slug) for kernel in kernel_set.kernels
            )


def get_kernel(spec: str) -> Kernel:
    """Return the kernel that a SPEC names.

    Args:
        spec: a name (``sharpen``), a name with arguments (``gaussian:5,sigma=1.2``), a matrix
            (``"1 2 1"``) or a file; ``@ANGLE`` after it rotates the kernel.

    Raises:
        KernelError: the SPEC names no kernel, or several.

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
        names = [kernel.name for kernel in kernel_set.kernels]
        raise KernelError(
            f"{kernel_set.label} names {len(names)} kernels, but one is needed: "
            f"{list_text(names, 8)}"
        )
    return kernel_set.kernels[0]


def stacked(kernel_set: KernelSet) -> Kernel:
    """Return the filters of a bank as one kernel (N, C, kh, kw), or the only kernel of a set.

    Raises:
        KernelError: the set has several kernels that are no filters over channels.
    """
    kernels = kernel_set.kernels
    if len(kernels) == 1 or any(kernel.matrix.ndim != _FILTER_AXES for kernel in kernels):
        return only_kernel(kernel_set)
    weights = np.stack([np.asarray(kernel) for kernel in kernels])
    return Kernel(weights, bias=kernels[0].bias, name=kernel_set.label, slug=kernel_set.slug)


def find_computed(spec: str) -> ComputedKernel | Signal | None:
    """Return the entry of a SPEC that names a computed kernel or a signal, else None."""
    base = spec.strip().partition("@")[0]
    if is_signal(base):
        return SIGNALS.get(base.removeprefix(PREFIX).partition(",")[0].strip())
    entry = CATALOGUE.get(base.partition(":")[0])
    return entry if isinstance(entry, ComputedKernel) else None


def _split_angle(text: str) -> tuple[str, float]:
    """Split ``base@angle``. A file's name may hold an @ that no angle follows, a layer's any."""
    base, _, word = text.rpartition("@")
    if not base or "/" in word or "\\" in word or parse_model(text):
        return text, 0.0
    angle = read_float(word)
    if abs(angle) <= MAX_NUMBER:
        return base.strip(), angle
    from convcli.kernels.files import looks_like_path

    if looks_like_path(text):
        return text, 0.0
    raise KernelError(f"@ needs an angle in degrees (e.g. sobel-x@45), not {quoted(word)}")


@lru_cache(maxsize=64)  # for calls by name: to build it takes 30 us
def _build_table(entry: FixedKernel | KernelFamily, spec: str, angle: float) -> KernelSet:
    """Return the kernels of a catalogue entry that takes no arguments."""
    if ":" in spec:
        raise KernelError(f"{entry.name} takes no arguments")
    names = entry.members if isinstance(entry, KernelFamily) else (entry.name,)
    tables = (table for table in map(CATALOGUE.get, names) if isinstance(table, FixedKernel))
    kernels = tuple(
        Kernel(
            rotate(np.array(table.rows), table.rotation),
            table.divisor,
            table.bias,
            table.name,
            table.summary,
            table.source,
        ).rotated(angle)
        for table in tables
    )
    combine = entry.combine if isinstance(entry, KernelFamily) else None
    label = f"{entry.name}@{angle:g}" if angle % 360 else entry.name
    return KernelSet(label, kernels, combine, rotated_slug(entry.name, angle))


def _compute(entry: ComputedKernel, spec: str, angle: float) -> Kernel:
    """Compute a kernel; an ``angle`` that is no right angle is added to its own, if it has one."""
    values = bind_arguments(entry, spec.partition(":")[2])
    slug = safe_name(re.sub(r"\s", "", spec))
    if "seed" in values and "," not in spec and "seed" not in spec:
        slug += f"-seed-{values['seed']}"  # the default, which names the weights
    summary = entry.summary
    as_argument = "angle" in values and angle % 90 != 0
    if as_argument:
        values["angle"] += angle
        slug = rotated_slug(slug, angle)
        summary += f", rotated by {angle:g} degrees"
    kernel = BUILDERS[entry.name](**values)
    kernel = kernel._replace(name=spec, slug=slug, summary=summary, source=entry.source)
    return kernel if as_argument else kernel.rotated(angle)


def gaussian_axes(kernel: Kernel) -> tuple[SampleAxis, SampleAxis] | None:
    """Return the y of the rows and the x of the columns of a Gaussian with a start or a step.

    None for other kernels, whose samples lie one pixel apart around the center.

    >>> y, x = gaussian_axes(read_spec("gaussian:5x3,sigma=1,step=0.5").kernels[0])
    >>> x.positions(5), y.positions(3)
    ([-1.0, -0.5, 0.0, 0.5, 1.0], [-0.5, 0.0, 0.5])
    """
    from fractions import Fraction

    name, _, arguments = kernel.name.partition(":")
    entry = CATALOGUE.get(name)
    if name != "gaussian" or not isinstance(entry, ComputedKernel):
        return None
    try:
        values = bind_arguments(entry, arguments)
    except KernelError:  # a name that is no SPEC
        return None
    start, step = values["start"], Fraction(str(values["step"]))
    if start is None and step == 1:
        return None
    down, across = (
        SampleAxis(Fraction(1 - size, 2) * step if start is None else Fraction(str(start)), step)
        for size in kernel.shape
    )
    return down, across


def _read_trained(spec: str) -> tuple[Kernel, str]:
    """Return a bank of trained filters, and how its network applies them."""
    from pathlib import Path

    from convcli.kernels.files import read_kernel_file

    bank = TRAINED.get(spec.removeprefix(TRAINED_PREFIX))
    if bank is None:
        known = ", ".join(f"{TRAINED_PREFIX}{name}" for name in TRAINED)
        raise KernelError(f"no trained filters are named {quoted(spec)}; there is {known}")
    weights = read_kernel_file(str(Path(__file__).with_name("data") / f"{bank.file}.npy"))
    return weights._replace(
        name=spec, summary=bank.summary, source=bank.source, slug=bank.file
    ), bank.note


def _read_kernel(text: str, stdin: BinaryIO | None) -> Kernel:
    """Read a matrix, a file, a sample or standard input."""
    from convcli.kernels import files, matrix_text

    if not text:
        raise KernelError("no kernel is given; write a name, or a matrix such as '1 2 1'")
    if text == "-":
        if stdin is None:
            raise KernelError("'-' is standard input, which cannot be read here")
        return files.read_stream(stdin)
    if is_sample(text):
        try:
            return files.read_kernel_file(file_of(text))
        except UsageError as error:
            raise KernelError(str(error)) from error
    if text.lower().endswith(files.KERNEL_SUFFIXES):
        return files.read_kernel_file(text)
    with prefix_errors(f"kernel {quoted(text)}"):
        if re.match(matrix_text.BRACKETED, text):
            return files.read_content(text.encode(), "", "")
        first = matrix_text.split_row(text)[0]
        if (
            ";" in text
            or matrix_text.is_number(first)
            or first.lower().lstrip("+-") in ("nan", "inf")
        ):
            return matrix_text.parse_text(text)
    if files.looks_like_path(text):
        return files.read_kernel_file(text)
    raise unknown_kernel(text.partition(":")[0])
