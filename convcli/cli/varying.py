"""What ``convcli compare --vary`` tries: the values of one option, all else being equal."""

from typing import TYPE_CHECKING, Any, NamedTuple

import click

from convcli.cli.options import RANGES, BorderValue, as_layout
from convcli.cli.types import PaddingValue, PairValue

if TYPE_CHECKING:
    from convcli.cli.kernel_args import KernelArgs
    from convcli.filtering import Filter
    from convcli.images.image import ImageData
    from convcli.teaching.compare.comparison import Choice

_OPERATIONS = ("correlate", "convolve")

# What varies beside the kernel: how a value is read, and those tried where none are named.
VARIED: dict[str, tuple[click.ParamType[Any], tuple[str, ...]]] = {
    "border": (BorderValue(), BorderValue.names),
    "padding": (PaddingValue(), ("same", "valid", "full")),
    "stride": (PairValue(), ("1", "2", "3")),
    "dilation": (PairValue(), ("1", "2", "3")),
    "operation": (click.Choice(_OPERATIONS), _OPERATIONS),
    "range": (click.Choice(RANGES), RANGES),
}


class Variation(NamedTuple):
    """What differs between the results.

    Attributes:
        vary: a name in :data:`VARIED`, or ``kernel``.
        values: to be tried, as they were given; none for those of the kind.
        layout: the layout options of what does not vary.
    """

    vary: str
    values: tuple[str, ...]
    layout: dict[str, Any]

    def specs(self, choice: "KernelArgs") -> tuple["Filter", ...]:
        """Return what is done where nothing varies but the kernel: several, or else one.

        Raises:
            ConvcliError: the kernel options or the layout's contradict each other.
            UsageError: their number does not suit what varies.
        """
        fill = {"fill": None} if self.vary == "border" else {}
        specs = choice.filters(as_layout(**self.layout | fill))
        if self.vary == "kernel" and len(specs) < 2:
            raise click.UsageError("--vary kernel compares several: give -k for each")
        if self.vary != "kernel" and len(specs) > 1:
            raise click.UsageError(
                f"{len(specs)} kernels give {len(specs)} results: --combine joins them, "
                "--vary kernel compares them"
            )
        return specs

    def choices(self, specs: tuple["Filter", ...], image: "ImageData") -> list["Choice"]:
        """Return the ways to filter an image that are compared."""
        from convcli.teaching.compare.comparison import Choice

        if self.vary == "kernel":
            return [Choice(spec.label, spec.label, spec) for spec in specs]
        kind, _ = VARIED[self.vary]
        return [
            Choice(
                text,
                f"{self.vary} {text}",
                self._varied(specs[0], kind.convert(text, None, None)),
            )
            for text in self.values or self._fitting(specs[0], image)
        ]

    def _varied(self, spec: "Filter", value: Any) -> "Filter":
        if self.vary == "range":
            return spec._replace(range=value)
        layout = self.layout | {self.vary: value}
        if self.vary == "border" and value != "constant":
            layout["fill"] = None
        return spec._replace(conv=as_layout(**layout))

    def _fitting(self, spec: "Filter", image: "ImageData") -> tuple[str, ...]:
        """Return the kind's own values without those that say nothing here."""
        _, values = VARIED[self.vary]
        without: set[str] = set()
        if self.vary == "border" and self.layout["fill"] is None:
            without = {"constant"}  # is zero
        if self.vary == "range" and image.max_value is None:
            without = {"offset"}
        if self.vary == "range" and spec.combine == "direction":
            without = {"abs", "offset", "raw"} | ({"clip"} if image.max_value is None else set())
        return tuple(value for value in values if value not in without)


def read_variation(vary: str, values: str | None, layout: dict[str, Any]) -> Variation:
    """Return what ``--vary`` and ``--values`` ask for.

    Raises:
        UsageError: the values are none of the kind, or the option that they are for is given too.
    """
    texts = tuple((values or "").split())
    if vary == "kernel":
        if values is not None:
            raise click.UsageError("--vary kernel takes no --values: give -k for each")
        return Variation(vary, (), layout)
    given = click.get_current_context().get_parameter_source(vary)
    if given is not None and given.name == "COMMANDLINE":
        raise click.UsageError(
            f"--vary {vary} tries several, and --{vary} names one: name them by --values, as in "
            f'--vary {vary} --values "{" ".join(VARIED[vary][1][:2])}"'
        )
    for text in texts:
        try:
            VARIED[vary][0].convert(text, None, None)
        except click.BadParameter as error:
            raise click.UsageError(f"--values: {error.message}") from error
    if values is not None and len(texts) < 2:
        raise click.UsageError("--values takes two or more, parted by blanks")
    if vary == "border" and layout["fill"] is not None and texts and "constant" not in texts:
        raise click.UsageError("--fill is the value of border constant; name it among --values")
    return Variation(vary, texts, layout)
