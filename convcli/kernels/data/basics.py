"""Fixed kernels of textbooks and tools: smoothing, sharpening, lines, Laplacians, color, Pillow."""

from convcli.kernels.entries import FixedKernel, outer

SETOSA = "V. Powell, Image Kernels Explained Visually, setosa.io/ev/image-kernels, 2015"
GONZALEZ = "R. Gonzalez and R. Woods, Digital Image Processing, 4th ed., 2018"
PILLOW = "Pillow, PIL.ImageFilter"

RING_OF_MINUS_ONE = ((-1, -1, -1), (-1, 8, -1), (-1, -1, -1))

# fmt: off
SIMPLE = (
    FixedKernel("plus", "simple", ((0, 1, 0), (1, 1, 1), (0, 1, 0)),
                "sum of a pixel and its four neighbors, unscaled", GONZALEZ),
    FixedKernel("vertical-line", "simple", ((0, 1, 0), (0, 1, 0), (0, 1, 0)),
                "sum of a pixel and those above and below it", GONZALEZ),
    FixedKernel("horizontal-line", "simple", ((0, 0, 0), (1, 1, 1), (0, 0, 0)),
                "sum of a pixel and those left and right of it", GONZALEZ),
    FixedKernel("emboss", "simple", ((-2, -1, 0), (-1, 1, 1), (0, 1, 2)),
                "relief, as if lit from the upper left", SETOSA),
)

COLOR = (
    FixedKernel("luma", "color", (((299,),), ((587,),), ((114,),)),
                "brightness: 0.299 red, 0.587 green, 0.114 blue",
                "ITU-R Recommendation BT.601", divisor=1000),
    FixedKernel("red", "color", (((1,),), ((0,),), ((0,),)),
                "the red plane of a color image", GONZALEZ),
    FixedKernel("green", "color", (((0,),), ((1,),), ((0,),)),
                "the green plane of a color image", GONZALEZ),
    FixedKernel("blue", "color", (((0,),), ((0,),), ((1,),)),
                "the blue plane of a color image", GONZALEZ),
)

SMOOTHING = (
    FixedKernel("blur", "smoothing", outer((1, 2, 1), (1, 2, 1)),
                "weighted mean of 3x3 pixels, 1-2-1 by 1-2-1", SETOSA, divisor=16),
    FixedKernel("cross-blur", "smoothing", ((0, 1, 0), (1, 1, 1), (0, 1, 0)),
                "mean of a pixel and its four neighbors", GONZALEZ, divisor=5),
)

SHARPENING = (
    FixedKernel("sharpen", "sharpening", ((0, -1, 0), (-1, 5, -1), (0, -1, 0)),
                "adds the difference from the four neighbors", SETOSA),
)

LAPLACIANS = (
    FixedKernel("outline", "Laplacian", RING_OF_MINUS_ONE,
                "difference from the eight neighbors", SETOSA),
    FixedKernel("laplacian", "Laplacian", ((0, 1, 0), (1, -4, 1), (0, 1, 0)),
                "sum of both second differences, four neighbors", GONZALEZ),
    FixedKernel("laplacian-negative", "Laplacian", ((0, -1, 0), (-1, 4, -1), (0, -1, 0)),
                "laplacian with a positive center", GONZALEZ),
    FixedKernel("laplacian-8", "Laplacian", ((1, 1, 1), (1, -8, 1), (1, 1, 1)),
                "as laplacian, with the diagonals, eight neighbors", GONZALEZ),
    FixedKernel("laplacian-8-negative", "Laplacian", RING_OF_MINUS_ONE,
                "laplacian-8 with a positive center, same as outline", GONZALEZ),
    FixedKernel("laplacian-5x5", "Laplacian",
                ((0, 0, 1, 0, 0), (0, 1, 2, 1, 0), (1, 2, -16, 2, 1), (0, 1, 2, 1, 0),
                 (0, 0, 1, 0, 0)),
                "5x5 approximation of the Laplacian of a Gaussian", GONZALEZ),
    FixedKernel("laplacian-oono-puri", "Laplacian", ((1, 2, 1), (2, -12, 2), (1, 2, 1)),
                "nine points, nearly isotropic",
                "Y. Oono and S. Puri, Phys. Rev. Lett. 58(8), 1987", divisor=4),
    FixedKernel("laplacian-patra-karttunen", "Laplacian", ((1, 4, 1), (4, -20, 4), (1, 4, 1)),
                "nine points, isotropic to fourth order",
                "M. Patra and M. Karttunen, Numer. Methods Partial Differ. Equ. 22(4), 2006",
                divisor=6),
)

PILLOW_KERNELS = (
    FixedKernel("contour", "Pillow", RING_OF_MINUS_ONE,
                "find-edges plus 255: dark edges on white", f"{PILLOW}.CONTOUR", bias=255),
    FixedKernel("detail", "Pillow", ((0, -1, 0), (-1, 10, -1), (0, -1, 0)),
                "gentle sharpening by four neighbors", f"{PILLOW}.DETAIL", divisor=6),
    FixedKernel("edge-enhance", "Pillow", ((-1, -1, -1), (-1, 10, -1), (-1, -1, -1)),
                "sharpening by eight neighbors", f"{PILLOW}.EDGE_ENHANCE", divisor=2),
    FixedKernel("edge-enhance-more", "Pillow", ((-1, -1, -1), (-1, 9, -1), (-1, -1, -1)),
                "strong sharpening by eight neighbors", f"{PILLOW}.EDGE_ENHANCE_MORE"),
    FixedKernel("find-edges", "Pillow", RING_OF_MINUS_ONE,
                "bright edges, same as outline", f"{PILLOW}.FIND_EDGES"),
    FixedKernel("smooth", "Pillow", ((1, 1, 1), (1, 5, 1), (1, 1, 1)),
                "gentle blur of 3x3 pixels", f"{PILLOW}.SMOOTH", divisor=13),
    FixedKernel("smooth-more", "Pillow",
                ((1, 1, 1, 1, 1), (1, 5, 5, 5, 1), (1, 5, 44, 5, 1), (1, 5, 5, 5, 1),
                 (1, 1, 1, 1, 1)),
                "gentle blur of 5x5 pixels", f"{PILLOW}.SMOOTH_MORE", divisor=100),
    FixedKernel("pillow-blur", "Pillow",
                ((1, 1, 1, 1, 1), (1, 0, 0, 0, 1), (1, 0, 0, 0, 1), (1, 0, 0, 0, 1),
                 (1, 1, 1, 1, 1)),
                "mean of the 16 pixels on the border of a 5x5 square", f"{PILLOW}.BLUR",
                divisor=16),
    FixedKernel("pillow-sharpen", "Pillow", ((-2, -2, -2), (-2, 32, -2), (-2, -2, -2)),
                "sharpening by eight neighbors, sum 1", f"{PILLOW}.SHARPEN", divisor=16),
    # Pillow stores rows bottom-up; these are the weights that EMBOSS applies.
    FixedKernel("pillow-emboss", "Pillow", ((0, 0, 0), (0, 1, 0), (-1, 0, 0)),
                "relief plus 128: flat areas are mid-gray", f"{PILLOW}.EMBOSS", bias=128),
)
