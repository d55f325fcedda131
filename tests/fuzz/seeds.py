"""Small valid files of every kind that the readers know, to be damaged by the fuzzers."""

import io
import json
import struct
import warnings
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, features
from PIL.PngImagePlugin import PngInfo

from convcli.images.pillow_reader import PILLOW_FORMATS

SIZE = (7, 5)
MAX_BYTES = 4096  # larger files only slow the search down
XMP = b"<x tiff:Orientation='6'/>"
MODES = ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F")
# {"conv.weight": a tensor (2, 3, 3, 3) of float32}, as torch pickles it.
TORCH_PICKLE = (
    b"\x80\x02}q\x00X\x0b\0\0\0conv.weightq\x01ctorch._utils\n_rebuild_tensor_v2\nq\x02((X\x07\0\0\0"
    b"storageq\x03ctorch\nFloatStorage\nq\x04X\x01\0\0\x000q\x05X\x03\0\0\0cpuq\x06K6tq\x07QK\0(K\x02K\x03"
    b"K\x03K\x03tq\x08(K\x1bK\x09K\x03K\x01tq\x09\x89ccollections\nOrderedDict\nq\x0a)Rq\x0btq\x0cRq\x0ds."
)
# A graph of a Conv node with pads of 1, and its weights, whose 216 bytes are to follow.
NETWORK = Path(__file__).parents[1] / "golden" / "net.onnx"
ONNX_GRAPH = (
    b'\x08\x08:\x97\x02\n(\n\x01x\n\x01W\x12\x01y\x1a\x04conv"\x04Conv*\x11\n\x04pads'
    b"@\x01@\x01@\x01@\x01\xa0\x01\x07\x12\x00*\xe8\x01\x08\x02\x08\x03\x08\x03\x08\x03"
    b"\x10\x01B\x01WJ\xd8\x01"
)
# What the mode alone does not reach: compressions, several frames, metadata.
VARIANTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("TIFF", "L", {"compression": "jpeg"}),
    ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    ("TIFF", "I;16", {"compression": "tiff_adobe_deflate"}),
    ("TIFF", "F", {"compression": "tiff_lzw"}),
    ("TIFF", "1", {"compression": "group4"}),
    ("TIFF", "RGB", {"compression": "packbits", "frames": 3}),
    ("TIFF", "RGB", {"big_tiff": True}),
    ("TIFF", "L", {"tiffinfo": {700: XMP}}),
    ("GIF", "P", {"frames": 3, "duration": 20, "loop": 0}),
    ("PNG", "RGBA", {"frames": 3, "duration": 20}),
    ("PNG", "RGB", {"frames": 2, "default_image": True}),
    ("PNG", "L", {"transparency": 9}),
    ("PNG", "RGB", {"exif": True, "dpi": (72, 72)}),
    ("PNG", "L", {"texts": True}),
    ("WEBP", "RGB", {"frames": 3, "duration": 20}),
    ("WEBP", "RGB", {"xmp": XMP}),
    ("WEBP", "RGBA", {"lossless": True, "exif": True}),
    ("AVIF", "RGB", {"frames": 2}),
    ("JPEG", "RGB", {"exif": True, "dpi": (72, 72), "icc_profile": bytes(16) + b"RGB " * 8}),
    ("JPEG", "L", {"progressive": True, "comment": b"x", "xmp": XMP}),
    ("GIF", "P", {"comment": b"x"}),
    ("MPO", "RGB", {"frames": 2}),
    ("JPEG2000", "RGB", {"no_jp2": True}),
    ("TGA", "RGB", {"compression": "tga_rle"}),
    ("ICO", "RGB", {"bitmap_format": "bmp", "sizes": [(4, 4), (5, 5)]}),
)


@cache
def images() -> dict[str, dict[str, bytes]]:
    """Return files that Pillow writes here and convcli reads, by format and kind."""
    Image.init()
    found: dict[str, dict[str, bytes]] = {}
    plain = ((form, mode, dict[str, object]()) for form in PILLOW_FORMATS for mode in MODES)
    for form, mode, options in (*plain, *VARIANTS):
        if form == "AVIF" and not features.check("avif"):
            continue
        if form == "ICNS" and mode != "1":
            continue  # holds every size up to 1024 pixels: too large, and slow to write
        data = _written(form, mode, **options) if form in Image.SAVE else b""
        if 0 < len(data) <= MAX_BYTES:
            kind = " ".join((mode, *(f"{key}={value}" for key, value in options.items())))
            found.setdefault(form, {})[kind[:40]] = data
    for form, data in _by_hand():
        found.setdefault(form, {})["by hand"] = data
    return found


@cache
def arrays() -> dict[str, bytes]:
    """Return ``.npy`` files of every type and order."""
    files = {}
    types = ("?", "u1", "<u2", ">u2", "i4", "i8", "u8", "f2", "f4", ">f8", "g")
    for shape in ((12,), (3, 4), (4, 3, 1), (2, 2, 3)):
        for dtype in types:
            array = np.arange(12).reshape(shape).astype(dtype)
            files[f"{dtype} {shape}"] = _saved(array)
    files["columns first"] = _saved(np.asfortranarray(np.ones((3, 4))))
    files["bank"] = _saved(np.ones((2, 1, 3, 3)))
    files["infinite"] = _saved(np.array([[[np.inf, -np.inf, 1]] * 2] * 2))
    files["old name of a type"] = _headed("{'descr': 'a5', 'fortran_order': False, 'shape': (3,)}")
    files["version 2"] = _headed("{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }")
    files["python 2"] = _headed("{'descr': '<f8', 'fortran_order': False, 'shape': (3L, 4L), }")
    return files


@cache
def texts() -> dict[str, bytes]:
    """Return matrices as text, in the ways that people and spreadsheets write them."""
    lines = {
        "blanks": "1 2 3\n4 5 6\n7 8 9\n",
        "floats": "# made\n0.5 -1e3 2.25\n1e-9 nan inf\n",
        "commas": "1,2,3\n4,5,6\n",
        "decimal commas": "1,5; 2\n3; 4,25\n",
        "quoted": '"1";"2,5"\n"3";"4"\n',
        "wide integers": "99999999999999999999 1\n2 3\n",
        "fractions": "1/16 2/16 1/16\n1/8 1/4 1/8\n",
        "one line": "0 -1 0; -1 5 -1; 0 -1 0",
    }
    return {kind: text.encode() for kind, text in lines.items()}


@cache
def documents() -> dict[str, bytes]:
    """Return kernels as JSON."""
    rows = [[1, 2, 1], [2, 4, 2], [1, 2, 1]]
    values = {
        "rows": rows,
        "bank": [[rows], [rows]],
        "whole": {"matrix": rows, "divisor": 16, "bias": 0.5, "name": "x", "source": "y"},
        "shown": {"matrix": [[0.5]], "size": [1, 1], "rank": 1, "summary": "z"},
    }
    return {kind: json.dumps(value).encode() for kind, value in values.items()}


@cache
def models() -> dict[str, dict[str, bytes]]:
    """Return small files of networks, by suffix and kind."""
    weights = np.linspace(-1, 1, 54, dtype=np.float32).reshape(2, 3, 3, 3)
    named = {"conv1/W": weights, "conv1/b": np.ones(2), "k": np.eye(3), "w": np.array(["a"])}
    packed, stored = io.BytesIO(), io.BytesIO()
    np.savez(stored, **named)
    np.savez_compressed(packed, **named)
    with zipfile.ZipFile(checkpoint := io.BytesIO(), "w") as zipped:
        zipped.writestr("net/data.pkl", TORCH_PICKLE)
        zipped.writestr("net/byteorder", b"little")
        zipped.writestr("net/data/0", weights.tobytes())
    found = {
        ".npz": {"stored": stored.getvalue(), "packed": packed.getvalue()},
        ".pt": {"dictionary": checkpoint.getvalue()},
        ".onnx": {"graph": ONNX_GRAPH + weights.tobytes(), "network": NETWORK.read_bytes()},
        ".safetensors": {
            "tensors": _safetensors({"conv.weight": weights, "fc": np.eye(3, dtype="f4")})
        },
    }
    try:
        import h5py
    except ImportError:  # an extra
        return found
    with h5py.File(keras := io.BytesIO(), "w") as root:
        root["conv2d/conv2d/kernel:0"] = weights
        root.create_dataset("k", data=np.eye(3), compression="gzip")
        root.attrs["layer_names"] = ["conv2d"]
    layer = {"class_name": "Conv2D", "config": {"name": "c", "strides": [2, 2]}}
    config = json.dumps({"class_name": "Sequential", "config": {"layers": [layer]}})
    with h5py.File(numbers := io.BytesIO(), "w") as root:
        root["layers/conv2d/vars/0"] = weights
        root.attrs["model_config"] = config
    with zipfile.ZipFile(model := io.BytesIO(), "w") as zipped:
        zipped.writestr("config.json", config)
        zipped.writestr("model.weights.h5", numbers.getvalue())
    return found | {
        ".h5": {"keras": keras.getvalue(), "whole": numbers.getvalue()},
        ".keras": {"model": model.getvalue()},
    }


def groups() -> dict[str, dict[str, bytes]]:
    """Return all files that may be read as images, by format."""
    return {**images(), "npy": arrays(), "text": texts()}


def _written(form: str, mode: str, frames: int = 1, **options: Any) -> bytes:
    """Return an image as a file, or nothing if the format cannot hold the mode."""
    first, *further = _images(mode, frames)
    if options.pop("exif", False):
        exif = Image.Exif()
        exif[0x0112], exif[0x010E] = 6, "described"
        exif.get_ifd(0x8769)[0x9003] = "2020:01:01 00:00:00"
        options["exif"] = exif
    if options.pop("texts", False):
        options["pnginfo"] = info = PngInfo()
        info.add_text("Comment", "x")
        info.add_itxt("Title", "x", "de", "y", zip=True)
        info.add_itxt("XML:com.adobe.xmp", XMP.decode())
    if further:
        options |= {"save_all": True, "append_images": further}
    if form in ("JPEG2000", "AVIF"):
        options |= {"quality": 50} if form == "AVIF" else {"num_resolutions": 2}
    file = io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow gives up writing some formats in time
            first.save(file, form, **options)
    except (OSError, ValueError, KeyError):
        return b""
    return file.getvalue()


def _by_hand() -> Iterator[tuple[str, bytes]]:
    """Yield files of formats that Pillow reads and does not write."""
    yield "PPM", b"P3 2 2 255\n" + b"1 2 3 " * 4
    rows = b'"2 2 2 1",\n"a c #000000",\n"b c #ffffff",\n"ab",\n"ba"'
    yield "XPM", b"/* XPM */\nstatic char *x[] = {\n" + rows + b"\n};\n"
    yield "SUN", struct.pack(">8I", 0x59A66A95, 4, 3, 8, 12, 1, 0, 0) + bytes(range(12))
    channels_height_width_depth_mode = struct.pack(">H6xHIIHH", 1, 3, 3, 4, 8, 3)
    yield "PSD", b"8BPS" + channels_height_width_depth_mode + bytes(14) + bytes(range(36))
    cards = ("SIMPLE  = T", "BITPIX  = 8", "NAXIS   = 2", "NAXIS1  = 4", "NAXIS2  = 3", "END")
    header = "".join(card.replace("= ", f"= {'':19}").ljust(80) for card in cards)
    yield "FITS", header.ljust(2880).encode() + bytes(range(12))
    with Image.new("RGB", (2, 2)) as im:
        im.save(file := io.BytesIO(), "ICO", bitmap_format="bmp", sizes=[(2, 2)])
    yield "CUR", b"\0\0\2\0" + file.getvalue()[4:]


def _images(mode: str, count: int) -> Iterator[Image.Image]:
    rng = np.random.default_rng(7)
    for _ in range(count):
        noise = rng.integers(0, 256, (*SIZE[::-1], 3), np.uint8)
        if mode == "I;16":
            yield Image.fromarray(noise[..., 0].astype(np.uint16) * 200)
        else:
            yield Image.fromarray(noise).convert("L" if mode in "IF" else "RGB").convert(mode)


def _saved(array: np.ndarray[Any, Any]) -> bytes:
    np.save(file := io.BytesIO(), array)
    return file.getvalue()


def _headed(header: str) -> bytes:
    """Return 3x4 ones under a header of the .npy format's version 2."""
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x02\x00" + len(text).to_bytes(4, "little") + text + np.ones(12).tobytes()


def _safetensors(named: dict[str, np.ndarray[Any, Any]]) -> bytes:
    """Return a .safetensors file of float32 tensors."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    numbers = b""
    for name, array in named.items():
        ends = [len(numbers), len(numbers) + array.nbytes]
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": ends}
        numbers += array.tobytes()
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + numbers
