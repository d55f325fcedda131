"""How functions of other libraries convolve: what ``--like`` sets, and what they call borders.

Sources: the documentation of the libraries, and tests that call the functions.
"""

from __future__ import annotations

from typing import NamedTuple

from convcli.choices import Border, LikeName, Operation
from convcli.geometry import Padding


class Convention(NamedTuple):
    """What a function does by default.

    Attributes:
        function: its name, with the arguments that matter.
        operation, padding, border, anchor: as :class:`convcli.geometry.ConvOptions` has them.
        differs: what is not taken over: rounding and types stay those of ``apply``.
    """

    function: str
    operation: Operation
    padding: Padding
    border: Border
    anchor: str
    differs: str


CONVENTIONS: dict[LikeName, Convention] = {
    "opencv": Convention(
        "cv2.filter2D(image, -1, kernel)", "correlate", "same", "reflect", "after",
        "channels are B, G, R there, and alpha is filtered as a color",
    ),
    "scipy": Convention(
        "scipy.ndimage.correlate(image, kernel)", "correlate", "same", "symmetric", "after",
        "there integers are truncated and wrap around",
    ),
    "scipy-convolve2d": Convention(
        "scipy.signal.convolve2d(image, kernel)", "convolve", "full", "zero", "before",
        "there integers keep their type and wrap around",
    ),
    "torch": Convention(
        "torch.nn.functional.conv2d(image, kernel)", "correlate", 0, "zero", "before",
        "values are floats there, and nothing is clipped",
    ),
    "tensorflow": Convention(
        "tf.nn.conv2d(..., padding='SAME')", "correlate", "same-upper", "zero", "before",
        "values are floats there, and nothing is clipped",
    ),
    "onnx": Convention(
        "Conv", "correlate", 0, "zero", "before",
        "values are floats there, and nothing is clipped",
    ),
    "numpy": Convention(
        "numpy.convolve(signal, kernel)", "convolve", "full", "zero", "before",
        "there a longer kernel and the signal are exchanged",
    ),
    "vips": Convention(
        "vips conv --precision float", "correlate", "same", "edge", "after",
        "values are floats there, which are truncated where they are written with 8 bits",
    ),
}  # fmt: skip

_NDIMAGE_NAMES: dict[Border, str] = {
    "edge": "nearest",
    "zero": "constant",
    "reflect": "mirror",
    "symmetric": "reflect",
    "wrap": "wrap",
    "constant": "constant",
}
# Borders as numpy.pad, scipy.ndimage, skimage.filters, torch.nn.functional.pad and
# cv2.copyMakeBorder name them; those that are absent they do not have.
BORDER_NAMES: dict[str, dict[Border, str]] = {
    "numpy": {
        "edge": "edge",
        "zero": "constant",
        "reflect": "reflect",
        "symmetric": "symmetric",
        "wrap": "wrap",
        "constant": "constant",
    },
    "scipy": _NDIMAGE_NAMES,
    "skimage": _NDIMAGE_NAMES,
    "torch": {
        "edge": "replicate",
        "zero": "constant",
        "reflect": "reflect",
        "wrap": "circular",
        "constant": "constant",
    },
    "opencv": {
        "edge": "BORDER_REPLICATE",
        "zero": "BORDER_CONSTANT",
        "reflect": "BORDER_REFLECT_101",
        "symmetric": "BORDER_REFLECT",
        "wrap": "BORDER_WRAP",
        "constant": "BORDER_CONSTANT",
    },
}
