"""Write the page of ``convcli explore``: one HTML file with pixels, kernels and script inside."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Container, Sequence
from operator import index
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli.conventions import BORDER_NAMES
from convcli.errors import UsageError, count_text
from convcli.geometry import ConvOptions, Pair, size_text
from convcli.images.channels import channel_names
from convcli.images.image import ImageData
from convcli.kernels.catalogue import CATALOGUE
from convcli.kernels.entries import ComputedKernel, KernelFamily
from convcli.kernels.kernel import Kernel
from convcli.kernels.parameters import usage_text
from convcli.kernels.spec import KernelSet, read_spec
from convcli.teaching.code.template import template_texts
from convcli.teaching.explore.layers import NO_LAYERS, PageLayers, check_page_layers
from convcli.teaching.explore.modules import FOLDER, joined_script, packed

GIVEN = "of this page"  # the group of the kernels that a page is written with
MAX_VALUES = 20_000_000  # of the padded input, and of all maps: a browser has gigabytes at most
COMPUTED = ("gaussian", "gabor", "box", "uniform", "log", "dog")  # as formulas.mjs does
LIBRARY_BORDERS = {  # of the libraries that a page writes programs for
    library: {border: name for border, name in BORDER_NAMES[library].items() if name != border}
    for library in ("numpy", "scipy", "opencv", "torch")
}
_DTYPES = {"uint8": "u1", "uint16": "u2", "float32": "f4"}  # others become float64


class PageKernel(NamedTuple):
    """Kernels that a page is written with.

    Attributes:
        kernels: what a SPEC names, divided as the options say.
        words: the options of ``convcli apply`` that give these kernels.
        scaling: those that divide them, which another divisor replaces.
    """

    kernels: KernelSet
    words: tuple[str, ...]
    scaling: tuple[str, ...] = ()


class PageInput(NamedTuple):
    """The image of a page.

    Attributes:
        image: its pixels and their depth.
        name: what the page calls it.
        words: the arguments of ``convcli apply`` that read it.
    """

    image: ImageData
    name: str
    words: tuple[str, ...]


class PageSetup(NamedTuple):
    """What a page begins with.

    Attributes:
        source: the image.
        kernels: those that the page is written with; it shows the first of them.
        conv: how kernels slide.
        range: how values become pixels.
        percentile: what range percentile maps to black and white; None for its default.
        bias: added to each value, in the image's units; None for the kernels' own.
        at: the position in the feature map that is explained first.
        layers: those that follow the convolution.
    """

    source: PageInput
    kernels: Sequence[PageKernel]
    conv: ConvOptions
    range: str = "clip"
    percentile: tuple[float, float] | None = None
    bias: float | None = None
    at: Pair = (0, 0)
    layers: PageLayers = NO_LAYERS


def explore_page(setup: PageSetup) -> str:
    """Return the HTML of a page.

    Raises:
        ConvcliError: as :func:`check_page`.
    """
    check_page(setup)
    state = page_state(setup) | {"input": _input(setup.source)}
    parts = {
        "title": _escaped(f"{setup.kernels[0].kernels.label} over {setup.source.name}"),
        "state": _json(state),
        "script": packed(joined_script()),
    }
    before, *rest = _text("page.html").split("{{")
    fields = (part.split("}}", 1) for part in rest)
    return before + "".join(parts[name] + after for name, after in fields)


def check_page(setup: PageSetup) -> None:
    """Check that a browser can show a page.

    Raises:
        UsageError: the first kernels' maps are too large for a page, a number is not finite, or a
            layer does not fit.
        GeometryError: a kernel exceeds the padded image.
    """
    source, kernels, conv, bias = setup.source, setup.kernels, setup.conv, setup.bias
    for name, number in {"fill": conv.fill, "bias": bias or 0}.items():
        if not math.isfinite(number):
            raise UsageError(f"the {name} of a page must be a finite number, not {number:g}")
    _check_size(source.image, kernels[0].kernels, conv)
    layers = setup.layers.layers
    for entry in kernels if layers else ():
        check_page_layers(source.image, entry.kernels, conv, bias, layers, MAX_VALUES)


def page_state(setup: PageSetup) -> dict[str, Any]:
    """Return the data of a page without its input; see state.mjs."""
    kernels, conv, layers = setup.kernels, setup.conv, setup.layers
    settings: dict[str, Any] = {
        "kernel": kernels[0].kernels.label,
        "operation": conv.operation,
        "padding": conv.padding,
        "border": conv.border,
        "fill": conv.fill,
        "stride": conv.stride,
        "dilation": conv.dilation,
        "anchor": conv.anchor,
        "range": setup.range,
        "at": setup.at,
    }
    settings |= {} if setup.percentile is None else {"percentile": setup.percentile}
    settings |= {} if setup.bias is None else {"bias": setup.bias}
    settings |= {"layers": layers.texts} if layers.texts else {}
    given = {entry.kernels.label: kernel_table(entry, GIVEN) for entry in kernels}
    named = {name: _named_table(name, given) for name in CATALOGUE if name not in given}
    return {
        "css": _text("page.css"),
        "kernels": [*given.values(), *named.values()],
        "layerKernels": layer_tables(kernels, layers),
        "code": {
            "templates": template_texts(LIBRARY_BORDERS),
            "borders": LIBRARY_BORDERS,
        },
        "settings": settings,
        "maxValues": MAX_VALUES,
    }


def layer_tables(kernels: Sequence[PageKernel], layers: PageLayers) -> list[dict[str, Any]]:
    """Return the kernels of layers that the page does not have, or has scaled by options."""
    given = {entry.kernels.label for entry in kernels}
    scaled = (entry.kernels.label for entry in kernels if entry.scaling)
    wanted = {name: read_spec(name) for name in scaled if name in CATALOGUE}
    for kernel_set in layers.kernels:
        if kernel_set.label not in CATALOGUE or kernel_set.label in given:
            wanted[kernel_set.label] = kernel_set
    return [kernel_table(PageKernel(kernel_set, ()), "") for kernel_set in wanted.values()]


def _check_size(image: ImageData, kernels: KernelSet, conv: ConvOptions) -> None:
    geometry = conv.geometry(image.shape, kernels.kernels[0].shape)
    padded, shape, maps = geometry.padded_shape, geometry.output_shape, len(kernels.kernels)
    largest = max(padded[0] * padded[1], shape[0] * shape[1] * maps)
    if largest * image.channels > MAX_VALUES:
        raise UsageError(
            f"an input padded to {size_text(padded)} with {count_text(maps, 'map')} of "
            f"{size_text(shape)} is too large for a page; --max-side N reduces the image"
        )


def _input(source: PageInput) -> dict[str, Any]:
    image = source.image
    return stored_pixels(image.pixels) | {
        "name": source.name,
        "channels": channel_names(image.channels),
        "maxValue": image.max_value,
        "words": source.words,
    }


def stored_pixels(pixels: NDArray[Any]) -> dict[str, Any]:
    """Return pixels, (H, W) or (H, W, C), as the page reads them."""
    dtype = _DTYPES.get(pixels.dtype.name, "f8")
    shape = [*pixels.shape, 1][:3]
    return {"shape": shape, "dtype": dtype, "pixels": _base64(pixels, dtype)}


def _named_table(name: str, given: Container[str]) -> dict[str, Any]:
    """Return the table of a catalogue entry with its default arguments.

    The members of a family are named, unless the page was given other kernels of a member's name.
    """
    entry = CATALOGUE[name]
    table = kernel_table(PageKernel(read_spec(name), ("-k", name)), entry.group)
    if name in COMPUTED:
        return table | {"kernels": []}
    if isinstance(entry, KernelFamily) and not any(member in given for member in entry.members):
        return table | {"kernels": entry.members}
    return table


def kernel_table(entry: PageKernel, group: str) -> dict[str, Any]:
    """Return kernels as the page reads them, without what is usual; see state.mjs."""
    label, members, combine, *_ = entry.kernels
    named = CATALOGUE.get(label)
    parameters = named.parameters if isinstance(named, ComputedKernel) else ()
    usual = {
        "combine": None,
        "usage": "",
        "takesAngle": False,
        "words": ("-k", label),
        "scaling": (),
    }
    table = {
        "spec": label,
        "group": group,
        "combine": combine,
        "usage": usage_text(named) if isinstance(named, ComputedKernel) else "",
        "takesAngle": any(parameter.name == "angle" for parameter in parameters),
        "words": entry.words,
        "scaling": entry.scaling,
        "kernels": [_without(_kernel(kernel), {"name": label}) for kernel in members],
    }
    return _without(table, usual)


def _kernel(kernel: Kernel) -> dict[str, Any]:
    rows, columns = kernel.shape
    planes: NDArray[Any] = kernel.matrix.reshape(-1, rows * columns)
    is_whole = kernel.matrix.dtype.kind == "i"
    fields = {
        "name": kernel.name,
        "shape": [rows, columns],
        "addsChannels": kernel.matrix.ndim > 2,
        # Eleven letters for a double; its decimals would take up to twenty.
        "planes": planes.tolist() if is_whole else [_base64(plane, "f8") for plane in planes],
        "divisor": kernel.divisor,
        "bias": kernel.bias,
    }
    return _without(fields, {"addsChannels": False, "divisor": 1, "bias": 0})


def _without(fields: dict[str, Any], usual: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that do not have their usual values."""
    return {name: value for name, value in fields.items() if (name, value) not in usual.items()}


def _base64(numbers: NDArray[Any], dtype: str) -> str:
    """Return the bytes of numbers of this type, in little-endian order, as text."""
    return base64.b64encode(numbers.astype(f"<{dtype}").tobytes()).decode()


def _json(data: Any) -> str:
    """Return JSON for a script element, which < could end."""
    text = json.dumps(
        data, ensure_ascii=False, separators=(",", ":"), default=_plain, allow_nan=False
    )
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _plain(value: Any) -> Any:
    """Return numpy's numbers and arrays as Python's."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else index(value)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
