"""The kernels with names: the table of them all, lists of it as text and JSON, completion.

This module does not load numpy, so that names are listed and completed fast.
"""

from __future__ import annotations

from typing import Any

from convcli.errors import KernelError, quoted
from convcli.kernels.data import basics, computed, edges
from convcli.kernels.data.signals import SIGNALS
from convcli.kernels.data.trained import PREFIX as TRAINED_PREFIX
from convcli.kernels.data.trained import TRAINED, TrainedBank, is_trained
from convcli.kernels.entries import ComputedKernel, Entry, FixedKernel, KernelFamily, Signal
from convcli.samples import complete_sample
from convcli.signals import PREFIX

CATALOGUE: dict[str, Entry] = {
    entry.name: entry
    for entry in (
        *computed.SIMPLE,
        *basics.SIMPLE,
        *basics.COLOR,
        *basics.SMOOTHING,
        *computed.SMOOTHING,
        *basics.SHARPENING,
        *computed.SHARPENING,
        *edges.GRADIENTS,
        *edges.COMPASSES,
        *basics.LAPLACIANS,
        *computed.DIFFERENCES,
        *computed.RANDOM,
        *basics.PILLOW_KERNELS,
    )
}
KINDS = {FixedKernel: "table", KernelFamily: "family", ComputedKernel: "recipe"}  # in JSON


def groups() -> dict[str, list[Entry]]:
    """Return the entries by group, in the catalogue's order."""
    entries: dict[str, list[Entry]] = {}
    for entry in CATALOGUE.values():
        entries.setdefault(entry.group, []).append(entry)
    return entries


def unknown_kernel(name: str) -> KernelError:
    """Return the error for a name that is not in the catalogue; it suggests the nearest names."""
    from difflib import get_close_matches

    typed = name.lower().replace("_", "-").replace(" ", "-")[:80]
    near = get_close_matches(typed, CATALOGUE, n=3)
    advice = f"did you mean {' or '.join(near)}?" if near else "see 'convcli kernels list'"
    return KernelError(f"no kernel is named {quoted(name)}; {advice}")


def complete_kernel(incomplete: str) -> list[str]:
    """Return completions of a SPEC: names, samples, signals, arguments after :, angles after @.

    >>> complete_kernel("box:"), complete_kernel("sobel-x@1")
    (['box:size='], ['sobel-x@135', 'sobel-x@180'])
    """
    if incomplete.startswith(PREFIX):
        return complete_signal(incomplete)
    if is_trained(incomplete):
        banks = (f"{TRAINED_PREFIX}{name}" for name in TRAINED)
        return [bank for bank in banks if bank.startswith(incomplete)]
    spec, at, angle = incomplete.rpartition("@")
    if at and not spec:
        return complete_sample(incomplete)
    if at:
        return [f"{spec}@{turn}" for turn in range(45, 360, 45) if str(turn).startswith(angle)]
    name, colon, arguments = incomplete.partition(":")
    if not colon:
        return [
            known for known in (*CATALOGUE, PREFIX, TRAINED_PREFIX) if known.startswith(incomplete)
        ]
    entry = CATALOGUE.get(name)
    if not isinstance(entry, ComputedKernel):
        return []
    return [f"{name}:{each}" for each in _complete_arguments(entry, arguments)]


def complete_signal(incomplete: str) -> list[str]:
    """Return completions of a signal: its name, then its arguments.

    >>> complete_signal("signal:tri"), complete_signal("signal:normal,mean=0,")
    (['signal:triangular', 'signal:triangle'], ['signal:normal,mean=0,sd='])
    """
    name, comma, arguments = incomplete.removeprefix(PREFIX).partition(",")
    if not comma:
        return [f"{PREFIX}{known}" for known in SIGNALS if known.startswith(name)]
    if name not in SIGNALS:
        return []
    return [f"{PREFIX}{name},{each}" for each in _complete_arguments(SIGNALS[name], arguments)]


def _complete_arguments(entry: ComputedKernel | Signal, text: str) -> list[str]:
    complete, comma, last = text.rpartition(",")
    present = {argument.partition("=")[0] for argument in complete.split(",")}
    return [
        f"{complete}{comma}{parameter.name}="
        for parameter in entry.parameters
        if parameter.name not in present and parameter.name.startswith(last)
    ]


def list_text() -> str:
    """Return names by group, one per line with its summary; signals; trained filters; arguments.

    >>> list_text().splitlines()[1]
    '  identity                   leaves the image unchanged'
    """
    width = max(map(len, CATALOGUE))
    sections = []
    for group, entries in groups().items():
        sections.append(group)
        for entry in entries:
            combined = f" ({entry.combine})" if isinstance(entry, KernelFamily) else ""
            sections[-1] += f"\n  {entry.name:<{width}}  {entry.summary}{combined}"
    sections.append("signals ('convcli manual signals' explains them)")
    for signal in SIGNALS.values():
        sections[-1] += f"\n  {PREFIX + signal.name:<{width}}  {signal.formula}"
    sections.append("trained filters ('convcli manual kernels' explains them)")
    for bank in TRAINED.values():
        sections[-1] += f"\n  {TRAINED_PREFIX}{bank.name}\n    {bank.summary}"
    usage = "arguments and their defaults ('convcli kernels show NAME' explains them)"
    for entry in CATALOGUE.values():
        if isinstance(entry, ComputedKernel):
            usage += f"\n  {entry.name}:{_defaults(entry)}"
    for signal in SIGNALS.values():
        usage += f"\n  {PREFIX}{signal.name},{_defaults(signal)}"
    return "\n\n".join((*sections, usage))


def _defaults(entry: ComputedKernel | Signal) -> str:
    return ",".join(f"{p.name}={p.default}" if p.default else p.name for p in entry.parameters)


def list_json() -> str:
    """Return the entries, the signals and the trained filters as a JSON array of objects."""
    import json  # here, because the text and completion do not need it

    data = [_entry_data(entry) for entry in CATALOGUE.values()]
    data += map(_signal_data, SIGNALS.values())
    data += map(_trained_data, TRAINED.values())
    return json.dumps(data, indent=1)


def _trained_data(bank: TrainedBank) -> dict[str, Any]:
    return {
        "name": f"{TRAINED_PREFIX}{bank.name}",
        "group": "trained",
        "kind": "trained",
        "summary": bank.summary,
        "note": bank.note,
        "source": bank.source,
    }


def _signal_data(signal: Signal) -> dict[str, Any]:
    return {
        "name": f"{PREFIX}{signal.name}",
        "group": signal.group,
        "kind": "signal",
        "summary": signal.formula,
        "source": signal.source,
        "example": signal.example,
        "arguments": [parameter._asdict() for parameter in signal.parameters],
    }


def _entry_data(entry: Entry) -> dict[str, Any]:
    data: dict[str, Any] = {
        "name": entry.name,
        "group": entry.group,
        "kind": KINDS[type(entry)],
        "summary": entry.summary,
        "source": entry.source,
    }
    if isinstance(entry, KernelFamily):
        data |= {"members": list(entry.members), "combine": entry.combine}
    elif isinstance(entry, ComputedKernel):
        arguments = [parameter._asdict() for parameter in entry.parameters]
        data |= {"example": entry.example, "arguments": arguments}
    return data
