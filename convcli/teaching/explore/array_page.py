"""The page of an array and a kernel in Python: notebooks show it by themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from convcli.atomic import atomic_write, in_python
from convcli.choices import PERCENTILES
from convcli.errors import StrPath
from convcli.filtering.filter import Filter, map_shape
from convcli.geometry import border_name
from convcli.images.image import ImageData
from convcli.images.value_range import checked_percentiles
from convcli.kernels.spec import KernelSet, group_kernels
from convcli.teaching.decimals import format_number
from convcli.teaching.explain.arithmetic import as_position, explain_image
from convcli.teaching.explore.layers import parse_page_layers, read_page_layers
from convcli.teaching.explore.page import PageInput, PageKernel, PageSetup, check_page

FRAME_HEIGHT = 900  # pixels, in a notebook


class ExplorePage:
    """A page that shows a convolution live, as one HTML file; a notebook shows it by itself.

    Attributes:
        html: the whole file.
    """

    def __init__(self, html: str) -> None:
        self.html = html

    def __repr__(self) -> str:
        return f"<ExplorePage: {len(self.html.encode()) / 1000:.0f} kB>"

    def _repr_html_(self) -> str:
        """Return a frame with the page, which shares no styles and names with the notebook."""
        document = self.html.replace("&", "&amp;").replace('"', "&quot;")
        style = f"width: 100%; height: {FRAME_HEIGHT}px; border: 0"
        return f'<iframe srcdoc="{document}" style="{style}"></iframe>'

    def save(self, path: StrPath, *, overwrite: bool = False) -> None:
        """Write the page to a file, whole or not at all.

        Raises:
            ImageError: the file exists and ``overwrite`` is false, or cannot be written.
        """
        with in_python(), atomic_write(path, overwrite=overwrite) as file:
            file.write(self.html.encode())


class PageSettings(NamedTuple):
    """The settings of a page, as :func:`convcli.explore` takes them."""

    operation: Any = "correlate"
    padding: Any = "same"
    border: Any = "edge"
    fill: Any = 0
    stride: Any = 1
    dilation: Any = 1
    anchor: Any = "before"
    divisor: Any = None
    bias: Any = None
    combine: Any = None
    range: Any = "clip"
    percentile: Any = PERCENTILES
    layers: Any = ()


def array_setup(
    image: ImageData,
    kernels: KernelSet,
    spec: str | None,
    own: Filter,
    settings: PageSettings,
    at: Sequence[int] | None,
) -> PageSetup:
    """Return what the page of an array begins with.

    Args:
        image: the input.
        kernels: divided and combined as the settings say.
        spec: the text that names them, if there is one.
        own: the filter of these kernels.
        settings: the rest of them.
        at: the position that is explained first; None for the middle of the map.

    Raises:
        ConvcliError: as :func:`convcli.explore`.
    """
    percentile = checked_percentiles(settings.percentile)
    for group in group_kernels([kernels]):
        image_filter = Filter(group.label, group.kernels, group.combine, own.conv, range=own.range)
        if at is None:
            rows, columns = map_shape(image, image_filter)
            at = rows // 2, columns // 2
        explain_image(image, image_filter, at)
    setup = PageSetup(
        PageInput(image, "array", ("INPUT",)),
        [page_kernel(kernels, spec)],
        own.conv._replace(border=border_name(own.conv.border)),
        range=own.range,
        percentile=None if percentile == PERCENTILES else percentile,
        bias=own.bias,
        at=as_position(at),
        layers=read_page_layers(parse_page_layers(settings.layers)),
    )
    check_page(setup)
    return setup


def page_kernel(kernels: KernelSet, spec: str | None) -> PageKernel:
    """Return kernels with the options of ``convcli apply`` for them; KERNEL stands for a file."""
    first = kernels.kernels[0]
    if spec is None and len(kernels.kernels) == 1 and first.matrix.ndim == 2 and not first.bias:
        rows = (" ".join(map(format_number, row)) for row in first.matrix.tolist())
        scaling = () if first.divisor == 1 else ("--divisor", format_number(first.divisor))
        return PageKernel(kernels, ("-k", "; ".join(rows)), scaling)
    return PageKernel(kernels, ("-k", spec or "KERNEL"))
