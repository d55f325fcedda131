"""The page as a widget of a notebook: image, kernel, settings and pinned position come back.

anywidget, the extra ``jupyter``, is imported here alone. Values travel as widget.mjs describes.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from operator import index
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convcli.core.dtypes import as_numbers
from convcli.errors import ConvcliError, GeometryError, KernelError, UsageError
from convcli.images.given import as_image
from convcli.kernels.given import as_filters
from convcli.kernels.kernel import Kernel
from convcli.kernels.spec import KernelSet
from convcli.teaching.explain.arithmetic import as_position
from convcli.teaching.explore.array_page import PageSettings, page_kernel
from convcli.teaching.explore.layers import parse_page_layers, read_page_layers
from convcli.teaching.explore.modules import joined_script
from convcli.teaching.explore.page import (
    GIVEN,
    PageSetup,
    kernel_table,
    layer_tables,
    page_state,
    stored_pixels,
)

try:
    from anywidget import AnyWidget
    from traitlets import Any as AnyTrait
    from traitlets import Dict, TraitError, Unicode, observe, validate
except ImportError as error:
    raise UsageError("widget=True needs the extra: pip install 'convcli[jupyter]'") from error

_RESET = {"divisor": None, "bias": None, "combine": None}  # by another kernel, which has its own
_IN_A_CELL = ":host{min-height:0}"  # a page of its own fills its window


class RefusedError(UsageError, TraitError):
    """A value that the page cannot have; traitlets then keeps the old one."""


def _image_json(pixels: NDArray[Any], _: ExploreWidget) -> dict[str, Any]:
    return stored_pixels(pixels)


def _image_of(data: dict[str, Any], _: ExploreWidget) -> NDArray[Any]:
    pixels = np.frombuffer(base64.b64decode(data["pixels"]), f"<{data['dtype']}")
    rows, columns, channels = data["shape"]
    shape = (rows, columns) if channels == 1 else (rows, columns, channels)
    return pixels.astype(pixels.dtype.newbyteorder("=")).reshape(shape)


def _kernel_json(kernel: Any, widget: ExploreWidget) -> Any:
    return kernel.tolist() if isinstance(kernel, np.ndarray) else widget._named(kernel)


def _kernel_of(data: Any, widget: ExploreWidget) -> Any:
    return widget._given_name(data) if isinstance(data, str) else np.array(data)


def _settings_json(settings: dict[str, Any], widget: ExploreWidget) -> dict[str, Any]:
    return settings | {"layerKernels": widget._layer_tables(settings["layers"])}


def _settings_of(data: dict[str, Any], widget: ExploreWidget) -> dict[str, Any]:
    widget._known_layers.update(data["layers"])
    return {name: value for name, value in data.items() if name != "layerKernels"}


def _place_of(data: Any, _: ExploreWidget) -> tuple[int, ...] | None:
    return None if data is None else tuple(data)


class ExploreWidget(AnyWidget):
    """A page that shows a convolution live, in a notebook, and what it shows.

    Each attribute follows the page, and the page follows each; ``observe`` calls a function when
    one changes. ``explore(lesson.image, lesson.kernel, at=lesson.at, **lesson.settings)`` makes the
    same page anew.

    Attributes:
        image: the input, (H, W) or (H, W, C), also after painting or opening another. A signal is
            one row.
        kernel: the text of a SPEC, an array of weights, or the Kernels that were given.
        settings: a dict of the other arguments of :func:`convcli.explore`, with their names. Assign
            another dict; what it leaves out has its default.
        at: (row, column) of the pinned position in the feature map; None if none is pinned.
    """

    _esm = joined_script("widget")
    _worker = Unicode(joined_script("serve_maps")).tag(sync=True)
    _page = Dict().tag(sync=True)
    image = AnyTrait().tag(sync=True, to_json=_image_json, from_json=_image_of)
    kernel = AnyTrait().tag(sync=True, to_json=_kernel_json, from_json=_kernel_of)
    settings = Dict().tag(sync=True, to_json=_settings_json, from_json=_settings_of)
    at = AnyTrait(None, allow_none=True).tag(sync=True, from_json=_place_of)

    def __init__(
        self,
        image: Any,
        kernel: Any,
        settings: PageSettings,
        at: Any,
        setup_of: Callable[[Any, Any, PageSettings, Any], PageSetup],
    ) -> None:
        """Show what :func:`convcli.explore` is given.

        ``setup_of`` checks image, kernel, settings and position.
        """
        self._setup_of = setup_of
        self._given: dict[str, Any] = {}  # kernels by the names that the page has for them
        self._computed: set[str] = set()  # SPECs that were typed in the page
        self._known_layers: set[str] = set()  # likewise
        setup = setup_of(image, kernel, settings, at)
        undivided = page_kernel(as_filters(kernel), kernel if isinstance(kernel, str) else None)
        page = page_state(setup._replace(kernels=[undivided]))
        super().__init__(
            _page=page | {"css": page["css"] + _IN_A_CELL},
            image=np.atleast_2d(as_image(image)),
            kernel=kernel,
            settings=settings._asdict() | setup.conv._asdict(),
            at=None if at is None else setup.at,
        )

    def set(self, **changes: Any) -> None:
        """Change several at once: image, kernel, at, and settings by their names.

        A new kernel comes with its own divisor, bias and rule of combination, unless they are
        given.

        Raises:
            UsageError: there is no such setting, or a value cannot be; then nothing changes.
        """
        others = {name: changes.pop(name) for name in ("image", "kernel", "at") if name in changes}
        settings = self.settings | (_RESET if "kernel" in others else {}) | changes
        with self.hold_sync(), self.hold_trait_notifications():
            for name, value in others.items():
                setattr(self, name, value)
            self.settings = settings

    @property
    def kernels(self) -> tuple[Kernel, ...]:
        """The kernels that the page shows, with their weights; without the settings' divisor."""
        return as_filters(self.kernel).kernels

    @validate("image")
    def _checked_image(self, proposal: Mapping[str, Any]) -> NDArray[Any]:
        with _refusals():
            pixels = np.atleast_2d(as_image(proposal["value"]))
            self._setup(image=pixels)
        return pixels

    @validate("kernel")
    def _checked_kernel(self, proposal: Mapping[str, Any]) -> Any:
        with _refusals():
            kernel = proposal["value"]
            is_named = isinstance(kernel, str | Kernel | KernelSet) or (
                isinstance(kernel, list | tuple)
                and any(isinstance(item, str | Kernel) for item in kernel)
            )
            if not is_named:
                kernel = np.atleast_2d(as_numbers(kernel, "kernel", KernelError))
            self._setup(kernel=kernel)
        return kernel

    @validate("settings")
    def _checked_settings(self, proposal: Mapping[str, Any]) -> dict[str, Any]:
        with _refusals():
            given = proposal["value"]
            unknown = [name for name in given if name not in PageSettings._fields]
            if unknown:
                known = ", ".join(PageSettings._fields)
                raise UsageError(f"there is no setting {unknown[0]}; use {known}")
            settings = PageSettings(**given)
            setup = self._setup(settings=given)
        words = {"border": setup.conv.border, "layers": setup.layers.texts}
        plain: dict[str, Any] = _plain(settings._asdict() | words)
        return plain

    @validate("at")
    def _checked_place(self, proposal: Mapping[str, Any]) -> tuple[int, int] | None:
        place = proposal["value"]
        if place is None:
            return None
        with _refusals():
            return as_position(self._setup(at=place).at)

    @observe("image", "kernel", "settings")
    def _keep_inside(self, _: Any) -> None:
        """Move the pinned position to the edge of a map that has become smaller."""
        if self.at is not None:
            try:
                self._setup(at=self.at)
            except GeometryError:
                setup = self._setup()
                kernel = setup.kernels[0].kernels.kernels[0]
                shape = setup.conv.geometry(setup.source.image.shape, kernel.shape).output_shape
                self.at = min(self.at[0], shape[0] - 1), min(self.at[1], shape[1] - 1)

    def _setup(self, **changes: Any) -> PageSetup:
        """Check what the page would show after changes, in the middle unless they say where."""
        shown = {name: getattr(self, name) for name in ("image", "kernel", "settings")}
        shown |= {"at": None} | changes
        settings = PageSettings(**shown["settings"])
        return self._setup_of(shown["image"], shown["kernel"], settings, shown["at"])

    def _named(self, kernel: Any) -> Any:
        """Return kernels as a table under a name, or the name alone if the page knows them."""
        kernels = as_filters(kernel)
        name = kernel if isinstance(kernel, str) else kernels.label
        spec = kernel if isinstance(kernel, str) else None
        if spec in self._computed:
            return spec
        self._given[name] = kernel
        return kernel_table(page_kernel(kernels, spec), GIVEN) | {"spec": name}

    def _given_name(self, name: str) -> Any:
        """Return the kernels of a name that the page uses."""
        if name not in self._given:
            self._computed.add(name)
        return self._given.get(name, name)

    def _layer_tables(self, layers: list[str]) -> list[dict[str, Any]]:
        """Return the kernels of the layers that were not typed in the page."""
        texts = [text for text in layers if text not in self._known_layers]
        return layer_tables((), read_page_layers(parse_page_layers(texts)))


@contextmanager
def _refusals() -> Iterator[None]:
    """Let traitlets know the errors of the block."""
    try:
        yield
    except ConvcliError as error:
        raise RefusedError(str(error)) from error


def _plain(value: Any) -> Any:
    """Return numbers, sequences and dicts of any type as those that JSON has."""
    return json.loads(json.dumps(value, default=_plain_number))


def _plain_number(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    try:
        return index(value)
    except TypeError:
        return float(value)
