"""Kernels of first differences: gradient pairs, and compass sets of eight.

The signs are those of cross-correlation, which does not flip the kernel. The response of ``-x`` is
positive where brightness increases to the right, of ``-y`` where it increases downward, and of a
compass or side name (``kirsch-n``, ``left-sobel``) where the named side is brighter.
Gradients are not divided by the sum of their weights.
"""

from math import sqrt

from convcli.kernels.entries import FixedKernel, KernelFamily, Rows, outer

SOBEL = "I. Sobel and G. Feldman, talk at the Stanford AI Project, 1968"
PREWITT = "J. Prewitt, Object Enhancement and Extraction, 1970"
SCHARR = "H. Scharr, Optimal Operators in Digital Image Processing, thesis, Heidelberg, 2000"
ROBERTS = "L. Roberts, Machine Perception of Three-Dimensional Solids, thesis, MIT, 1963"
FREI_CHEN = "W. Frei and C. Chen, IEEE Trans. Computers C-26(10), 1977"
FARID = "H. Farid and E. Simoncelli, IEEE Trans. Image Processing 13(4), 2004"
KIRSCH = "R. Kirsch, Computers and Biomedical Research 4(3), 1971"
ROBINSON = "G. Robinson, Computer Graphics and Image Processing 6(5), 1977"
SETOSA_SOBEL = "V. Powell, Image Kernels Explained Visually, setosa.io/ev/image-kernels, 2015"

DIFFERENCE = (-1, 0, 1)
FARID_SMOOTHING = (
    0.0376593171958126,
    0.249153396177344,
    0.426374573253687,
    0.249153396177344,
    0.0376593171958126,
)
FARID_DIFFERENCE = (
    -0.109603762960254,
    -0.276690988455557,
    0.0,
    0.276690988455557,
    0.109603762960254,
)
COMPASS = {"n": 0, "ne": -45, "e": -90, "se": -135, "s": 180, "sw": 135, "w": 90, "nw": 45}
SIDES = {
    "n": "above",
    "ne": "at the upper right",
    "e": "to the right",
    "se": "at the lower right",
    "s": "below",
    "sw": "at the lower left",
    "w": "to the left",
    "nw": "at the upper left",
}


def _pair(
    name: str,
    smoothing: tuple[int | float, ...],
    difference: tuple[int | float, ...],
    summary: str,
    source: str,
) -> tuple[KernelFamily | FixedKernel, ...]:
    """Return a gradient pair: a difference along one axis, smoothed along the other."""
    x, y = f"{name}-x", f"{name}-y"
    group = "gradient"
    return (
        KernelFamily(name, group, (x, y), "magnitude", summary, source),
        FixedKernel(
            x, group, outer(smoothing, difference), "positive where brighter to the right", source
        ),
        FixedKernel(
            y, group, outer(difference, smoothing), "positive where brighter below", source
        ),
    )


def _compass(
    name: str, north: Rows, summary: str, source: str
) -> tuple[KernelFamily | FixedKernel, ...]:
    """Return eight kernels: ``north`` rotated to each point of the compass."""
    group = "compass"
    tables = tuple(
        FixedKernel(
            f"{name}-{point}",
            group,
            north,
            f"positive where brighter {SIDES[point]}",
            source,
            rotation=angle,
        )
        for point, angle in COMPASS.items()
    )
    members = tuple(table.name for table in tables)
    return (KernelFamily(name, group, members, "max", summary, source), *tables)


# fmt: off
GRADIENTS = (
    *_pair("sobel", (1, 2, 1), DIFFERENCE, "gradient, smoothed by 1-2-1", SOBEL),
    FixedKernel("left-sobel", "gradient", outer((1, 2, 1), (1, 0, -1)),
                "positive where brighter to the left", SETOSA_SOBEL),
    FixedKernel("right-sobel", "gradient", outer((1, 2, 1), (-1, 0, 1)),
                "positive where brighter to the right", SETOSA_SOBEL),
    FixedKernel("top-sobel", "gradient", outer((1, 0, -1), (1, 2, 1)),
                "positive where brighter above", SETOSA_SOBEL),
    FixedKernel("bottom-sobel", "gradient", outer((-1, 0, 1), (1, 2, 1)),
                "positive where brighter below", SETOSA_SOBEL),
    *_pair("prewitt", (1, 1, 1), DIFFERENCE, "gradient, smoothed by 1-1-1", PREWITT),
    *_pair("scharr", (3, 10, 3), DIFFERENCE, "gradient, 3-10-3, nearly isotropic", SCHARR),
    KernelFamily("roberts", "gradient", ("roberts-x", "roberts-y"), "magnitude",
                 "gradient along the diagonals, 2x2", ROBERTS),
    FixedKernel("roberts-x", "gradient", ((-1, 0), (0, 1)),
                "positive where brighter at the lower right", ROBERTS),
    FixedKernel("roberts-y", "gradient", ((0, -1), (1, 0)),
                "positive where brighter at the lower left", ROBERTS),
    *_pair("frei-chen", (1, sqrt(2), 1), DIFFERENCE, "gradient, 1-sqrt(2)-1, isotropic", FREI_CHEN),
    *_pair("farid", FARID_SMOOTHING, FARID_DIFFERENCE, "5x5 gradient of accurate direction", FARID),
)

COMPASSES = (
    *_compass("kirsch", ((5, 5, 5), (-3, 0, -3), (-3, -3, -3)),
              "strongest of eight directions, 5 against -3", KIRSCH),
    *_compass("robinson", outer((1, 0, -1), (1, 2, 1)),
              "strongest of eight directions, Sobel weights", ROBINSON),
)
