"""The table of what is timed: each row's work, its peers and its goal."""

from typing import NamedTuple

CALL = 25e-6  # seconds that a call may take, whatever its peer does
NEW_CALL = 60e-6  # the same with a kernel not seen before


class Row(NamedTuple):
    """A row of the table.

    Attributes:
        name: the work, see ``work.py``.
        peer: a key of ``PEERS`` in ``peers.py``.
        goal: of our time over the peer's.
        call: seconds a call that reach the goal whatever the peer takes; 0 for none.
        note: printed beside the row.
    """

    name: str
    peer: str = "filter2D"
    goal: float = 3
    call: float = CALL
    note: str = ""


GRAY, COLOR = "1200x2000", "1000x800x3"
FOUR = ("outline", "sharpen", "sobel-x", "laplacian")
DENSE = [f"dense {side}x{side}" for side in (3, 5, 7, 11, 21, 31, 63)]
DENSE.insert(4, "normal 15x15")  # its weights nearly cancel
LAYERS = [
    f"noise f4 512x512x3 | normal32 {bank} | zero"
    for bank in ("32x3x3x3", "64x3x3x3", "64x3x5x5", "256x3x3x3")
]
TALL = ("10000x100", "500000x2", "1000000x1")
NARROW = "int32 beside int16"
ROUNDED = "float32 beside uint8"


def _strict(name: str, goal: float, peer: str = "filter2D", note: str = "") -> Row:
    """Return a row whose goal holds for calls of any length."""
    return Row(name, peer, goal, 0, note)


GROUPS = {
    "core": [
        *(_strict(f"photo u1 {GRAY} | {kernel}", 1.25, note=NARROW) for kernel in FOUR),
        *(_strict(f"photo u1 {COLOR} | {kernel}", 1.25, note=NARROW) for kernel in FOUR),
        *(_strict(f"photo u1 {GRAY} | {kernel} | to u1", 1.15) for kernel in FOUR),
        *(_strict(f"photo u1 {COLOR} | {kernel} | to u1", 1.15) for kernel in FOUR),
        *(_strict(f"photo u1 {GRAY} | {kernel}", 2.2) for kernel in DENSE),
        *(_strict(f"photo f4 {GRAY} | {kernel}", 2.2) for kernel in DENSE),
        *(_strict(f"photo f4 {GRAY} | gaussian:{side}", 2.2) for side in (5, 15, 31)),
    ],
    "blurs": [
        *(
            _strict(f"photo f4 {GRAY} | {kernel}", goal, "sepFilter2D")
            for kernel, goal in {
                "gaussian:9": 1.8,
                "gaussian:15": 1.5,
                "gaussian:31": 1.3,
                "gaussian:63": 1.0,
                "outer 15x15": 1.5,  # float32 weights: of rank 1 but for their rounding
                "outer 31x31": 1.3,
            }.items()
        ),
        Row(f"photo u1 {GRAY} | gaussian:9 | to u1", "sepFilter2D"),
        Row(f"photo u1 {COLOR} | gaussian:15 | to u1", "sepFilter2D"),
    ],
    "boxes": [
        _strict(f"photo u1 1024x1024 | box:{side} | to u1", goal, "blur")
        for side, goal in {3: 5, 9: 3, 31: 4, 63: 5, 127: 5}.items()
    ],
    "pools": [
        *(
            _strict(f"photo u1 1024x1024 | avg {side}x{side}", 5, "blur", ROUNDED)
            for side in (3, 31, 101)
        ),
        *(_strict(f"photo u1 1024x1024 | max {side}x{side}", 5, "dilate") for side in (3, 15, 101)),
        Row("photo f4 1024x1024 | max 3x3", "dilate"),
        Row("photo f4 1024x1024x3 | max 15x15", "dilate"),
        Row("photo f8 1024x1024 | max 1024x1024", "numpy max"),
    ],
    "strides": [
        *(_strict(f"photo u1 {COLOR} | outline | stride {step}, to u1", 1.3) for step in (2, 3)),
        Row(f"photo u1 {COLOR} | normal 5x5 | stride 2"),
        Row("sky u1 512x512x3 | sparse 5x5 | stride 2"),
        Row("sky u1 512x512 | sparse 5x5 | stride 2"),
    ],
    "banks": [
        *(_strict(layer, 0.6, "torch NCHW") for layer in LAYERS),
        *(Row(layer, "torch") for layer in LAYERS),
    ],
    "maps": [  # banks on maps so small that planning may cost more than the sums
        Row(f"noise f4 {maps} | normal32 {bank} | zero", "torch")
        for maps, bank in (
            ("8x8x64", "64x64x3x3"),
            ("14x14x256", "256x256x3x3"),
            ("7x7x512", "512x512x3x3"),
            ("32x32x3", "64x3x7x7"),
            ("7x7x512", "512x512x1x1"),
            ("14x14x256", "256x256x1x1"),
            ("28x28x256", "256x256x1x1"),
            ("28x28x128", "128x128x3x3"),
            ("56x56x64", "64x64x3x3"),
            ("64x64x3", "96x3x11x11"),
        )
    ],
    "calls": [  # small images, and kernels that are new
        Row("photo u1 8x8 | outline", note=NARROW),
        Row("photo f4 8x8 | dense 3x3"),
        Row("photo u1 64x64 | outline", note=NARROW),
        Row("photo f4 8x8 | dense 15x15 | new", call=NEW_CALL),
        Row("photo f4 64x64 | dense 15x15 | new", call=NEW_CALL),
        Row("photo f4 512x512 | dense 15x15 | new", call=NEW_CALL),
        Row("photo f4 8x8 | dense 101x101"),
        Row("photo f4 64x64 | dense 101x101"),
        Row("photo f4 256x256 | dense 101x101"),
        Row("photo u1 512x512 | zeros 15x15"),
    ],
    "cancelling": [
        *(Row(f"photo {kind} 512x512 | zero-sum 15x15") for kind in ("u1", "u2", "f4")),
        *(Row(f"{kind} f4 512x512 | zero-sum 15x15") for kind in ("sky", "offset", "noise")),
        *(Row(f"sky f4 512x512 | zero-sum {side}x{side}") for side in (3, 5, 7, 9, 11)),
        Row("sky u1 512x512 | zero-sum 7x7"),
        Row("sky f4 512x512 | ramp 3x3"),
        Row("offset f4 512x512 | ramp 15x15"),
        *(Row(f"photo u1 512x512 | log:{side}") for side in (9, 15)),
        Row("sky f8 512x512 | ramp 41x41 | dilation 4"),
        Row("offset f4 512x512 | integers 1x63 | dilation 2"),
    ],
    "values": [
        *(
            Row(f"{image} f4 512x512 | dense {side}x{side}", note="peer sees 0 there")
            for side in (3, 15, 31, 63)
            for image in (
                "nan-one", "nan-scattered", "nan-half", "inf-scattered", "nodata-one", "nodata-half"
            )
        ),
        Row("nan-one f8 512x512 | dense 51x51", note="peer sees 0 there"),
        Row("nan-scattered f4 512x512 | holes 31x31", note="peer sees 0 there"),
        Row("nan-scattered f4 512x512 | dense 15x15 | dilation 3", note="peer sees 0 there"),
        Row("denormal f4 512x512 | dense 2x2"),
        Row("denormal f4 512x512 | dense 9x9"),
    ],
    "doubles": [
        Row("photo f8 512x512 | normal 31x31"),
        Row("photo f8 512x512 | normal 63x63"),
        Row("photo f8 512x512 | positive 63x63"),
        Row("photo f8 512x512 | normal 31x31 | dilation 2"),
        Row("noise f8 512x512 | normal 31x31 | dilation 4"),
        Row("photo f8 512x512 | sparse 63x63"),
    ],
    "thin": [  # kernels and images of a few rows or columns
        Row("photo u1 512x512x4 | normal 1x5 | to u1"),
        Row("noise f4 1000x1000 | normal 1x63"),
        Row("noise f4 1000x1000 | normal 63x1"),
        Row("noise f4 1000x1000 | normal 1x111"),
        Row("noise f4 1000x1000 | normal 111x1"),
        Row("noise f4 1000x1000 | normal 127x1"),
        *(Row(f"noise f4 {shape} | normal 1x63") for shape in ("1x1000000", "100x10000", *TALL)),
        *(Row(f"noise f4 {shape} | normal 15x15") for shape in TALL),
    ],
    "dilations": [
        Row("photo u1 100x100 | outline | dilation 10000", "numpy take"),
        Row("photo f4 512x512 | dense 3x3 | dilation 100", "numpy take"),
        Row("photo f4 512x512 | dense 15x15 | dilation 8"),
        Row("photo f4 512x512 | dense 31x31 | dilation 2"),
    ],
    "depths": [
        Row("noise f4 64x64x64 | normal 64x7x7 | zero", "torch"),
        Row("noise f4 512x512x3 | normal 3x31x31 | zero", "torch"),
        Row("noise f4 512x512x3 | normal 3x3x3 | zero", "torch"),
    ],
}  # fmt: skip
MEANS = {"core": 0.87}  # goals of geometric means
