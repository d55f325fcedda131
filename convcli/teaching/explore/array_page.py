"""The page of an array and a kernel in Python: notebooks show it by themselves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from convcli.atomic import atomic_write, in_python
from convcli.errors import StrPath
from convcli.filtering import Filter, map_shape
from convcli.geometry import ConvOptions
from convcli.images.image import ImageData
from convcli.kernels.spec import KernelSet, group_kernels
from convcli.teaching.decimals import format_number
from convcli.teaching.explain.arithmetic import as_position, explain_image
from convcli.teaching.explore.layers import parse_page_layers, read_page_layers
from convcli.teaching.explore.page import PageInput, PageKernel, explore_page

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


def explore_array(
    image: ImageData,
    kernels: KernelSet,
    spec: str | None,
    conv: ConvOptions,
    bias: float | None,
    range_name: str,
    at: Sequence[int] | None,
    layers: str | Iterable[str],
) -> ExplorePage:
    """Return the page of an array, as :func:`convcli.explore` does.

    ``spec`` is the text that names the kernels, if there is one.
    """
    place = at
    for group in group_kernels([kernels]):
        image_filter = Filter(group.label, group.kernels, group.combine, conv, range=range_name)
        if place is None:
            rows, columns = map_shape(image, image_filter)
            place = rows // 2, columns // 2
        explain_image(image, image_filter, place)
    return ExplorePage(
        explore_page(
            PageInput(image, "array", ("INPUT",)),
            [_page_kernel(kernels, spec)],
            conv,
            range=range_name,
            bias=bias,
            at=as_position(place),
            layers=read_page_layers(parse_page_layers(layers)),
        )
    )


def _page_kernel(kernels: KernelSet, spec: str | None) -> PageKernel:
    """Return kernels with the options of ``convcli apply`` for them; KERNEL stands for a file."""
    first = kernels.kernels[0]
    if spec is None and len(kernels.kernels) == 1 and first.matrix.ndim == 2 and not first.bias:
        rows = (" ".join(map(format_number, row)) for row in first.matrix.tolist())
        scaling = () if first.divisor == 1 else ("--divisor", format_number(first.divisor))
        return PageKernel(kernels, ("-k", "; ".join(rows)), scaling)
    return PageKernel(kernels, ("-k", spec or "KERNEL"))
