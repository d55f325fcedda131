"""The catalogue as ``kernels list`` shows it, without numpy."""

from typing import Any

from convcli.kernels.catalogue import CATALOGUE, groups
from convcli.kernels.entries import ComputedKernel, Entry, FixedKernel, KernelFamily

KINDS = {FixedKernel: "table", KernelFamily: "family", ComputedKernel: "recipe"}  # in JSON


def list_text() -> str:
    """Return the names by group, one a line with its summary, then the recipes' arguments."""
    width = max(map(len, CATALOGUE))
    sections = [
        "\n".join((group, *(f"  {entry.name:<{width}}  {_summary(entry)}" for entry in entries)))
        for group, entries in groups().items()
    ]
    recipes = [entry for entry in CATALOGUE.values() if isinstance(entry, ComputedKernel)]
    signatures = "\n".join(f"  {recipe.signature}" for recipe in recipes)
    return "\n\n".join((*sections, f"arguments ('kernels show NAME' explains them)\n{signatures}"))


def list_json() -> str:
    """Return the entries as a JSON array of objects."""
    import json  # here, because the text needs none

    return json.dumps([_entry_data(entry) for entry in CATALOGUE.values()], indent=1)


def _summary(entry: Entry) -> str:
    """Return the summary; a family's says how its members are combined."""
    return (
        f"{entry.summary} ({entry.combine})" if isinstance(entry, KernelFamily) else entry.summary
    )


def _entry_data(entry: Entry) -> dict[str, Any]:
    common = {
        "name": entry.name,
        "group": entry.group,
        "kind": KINDS[type(entry)],
        "summary": entry.summary,
        "source": entry.source,
    }
    if isinstance(entry, KernelFamily):
        return {**common, "members": list(entry.members), "combine": entry.combine}
    if isinstance(entry, ComputedKernel):
        arguments = [parameter._asdict() for parameter in entry.parameters]
        return {**common, "example": entry.example, "arguments": arguments}
    return common
