"""The computed kernels: parameters with defaults, meanings and units, an example, the source.

The function of the same name in ``convcli.kernels.formulas`` computes each.
"""

from convcli.kernels.entries import ComputedKernel, Parameter

SETOSA = "V. Powell, Image Kernels Explained Visually, setosa.io/ev/image-kernels, 2015"
OPENCV = "OpenCV, getGaussianKernel"
PIXELS, DEGREES = "pixels", "degrees"

SIZE = Parameter("size", "size", "3", "N or WxH (width x height)", PIXELS)
SIZE_FROM_SIGMA = SIZE._replace(default="", meaning=f"{SIZE.meaning}; default: from sigma")
ANGLE = Parameter("angle", "number", "0", "direction, counter-clockwise from the right", DEGREES)

SIMPLE = (
    ComputedKernel(
        "identity", "simple", (SIZE,), "identity:5", "leaves the image unchanged", SETOSA
    ),
)

RANDOM = (
    ComputedKernel(
        "random",
        "random",
        (SIZE, Parameter("seed", "seed", "0", "another seed gives other weights")),
        "random:5,seed=1",
        "weights drawn uniformly from -1 to 1",
        "M. O'Neill, PCG: fast statistically good algorithms, HMC-CS-2014-0905 (numpy's PCG64)",
    ),
)

SMOOTHING = (
    ComputedKernel(
        "box",
        "smoothing",
        (SIZE,),
        "box:5",
        "mean of a rectangle",
        "M. McDonnell, Computer Graphics and Image Processing 17(1), 1981",
    ),
    ComputedKernel(
        "uniform",
        "smoothing",
        (SIZE,),
        "uniform:5",
        "mean of a rectangle, same as box",
        "scipy, ndimage.uniform_filter",
    ),
    ComputedKernel(
        "binomial",
        "smoothing",
        (SIZE,),
        "binomial:5",
        "Pascal's triangle, the Gaussian of integers",
        "B. Jaehne, Digital Image Processing, 6th ed., 2005",
    ),
    ComputedKernel(
        "gaussian",
        "smoothing",
        (
            Parameter("size", "size", "", "N or WxH; default: 2 ceil(3 sigma / step) + 1", PIXELS),
            Parameter(
                "sigma",
                "positive",
                "",
                "standard deviation; default: 1, or from size: 0.3 ((size - 1) / 2 - 1) + 0.8",
                PIXELS,
            ),
            Parameter("sigma-x", "positive", "", "horizontal; default: sigma", PIXELS),
            Parameter("sigma-y", "positive", "", "vertical; default: sigma", PIXELS),
            Parameter(
                "rho", "correlation", "0", "correlation of x (right) and y (down), between -1 and 1"
            ),
            Parameter("angle", "number", "0", "rotates the bell counter-clockwise", DEGREES),
            Parameter("start", "number", "", "x and y of sample 0; default: centered", PIXELS),
            Parameter("step", "positive", "1", "distance between samples", PIXELS),
            Parameter("normalize", "flag", "yes", "no: the weights are the density's values"),
        ),
        "gaussian:5,sigma=1.2",
        "Gaussian bell, round, elliptic or correlated",
        f"{OPENCV} (default sigma); bivariate normal density",
    ),
    ComputedKernel(
        "disk",
        "smoothing",
        (Parameter("radius", "positive", "2", "pixels whose center lies within it count", PIXELS),),
        "disk:4.5",
        "mean of a disk, like a lens out of focus",
        "M. Potmesil and I. Chakravarty, Computer Graphics 15(3), 1981",
    ),
    ComputedKernel(
        "motion",
        "smoothing",
        (Parameter("length", "positive", "9", "length of the line", PIXELS), ANGLE),
        "motion:15,angle=30",
        "mean along a line, like a moving camera",
        "MATLAB, fspecial('motion')",
    ),
    ComputedKernel(
        "comet",
        "smoothing",
        (
            Parameter("length", "positive", "9", "length from head to tail", PIXELS),
            Parameter("sigma", "positive", "", "standard deviation; default: length / 3", PIXELS),
            ANGLE,
        ),
        "comet:15,angle=30",
        "fading line: half a Gaussian along a line",
        "ImageMagick, Comet kernel",
    ),
)

SHARPENING = (
    ComputedKernel(
        "unsharp",
        "sharpening",
        (
            SIZE_FROM_SIGMA._replace(meaning="odd N or WxH; default: from sigma"),
            Parameter("sigma", "positive", "1", "standard deviation of the blur", PIXELS),
            Parameter("amount", "number", "1", "factor of the difference that is added"),
        ),
        "unsharp:sigma=2,amount=0.8",
        "adds the difference from a Gaussian blur",
        "W. Schreiber, Pattern Recognition 2(2), 1970",
    ),
)

DIFFERENCES = (
    ComputedKernel(
        "log",
        "Laplacian",
        (SIZE_FROM_SIGMA, Parameter("sigma", "positive", "1.4", "standard deviation", PIXELS)),
        "log:9,sigma=1.4",
        "Laplacian of a Gaussian, sum 0",
        "D. Marr and E. Hildreth, Proc. R. Soc. Lond. B 207, 1980",
    ),
    ComputedKernel(
        "dog",
        "Laplacian",
        (
            SIZE_FROM_SIGMA,
            Parameter("sigma", "positive", "1", "sigma of the narrower Gaussian", PIXELS),
            Parameter("ratio", "positive", "1.6", "the wider one's sigma / the narrower one's"),
        ),
        "dog:sigma=1.5,ratio=1.6",
        "Gaussian minus a wider Gaussian, sum 0",
        "D. Marr and E. Hildreth, Proc. R. Soc. Lond. B 207, 1980",
    ),
    ComputedKernel(
        "gabor",
        "texture",
        (
            SIZE_FROM_SIGMA,
            Parameter("sigma", "positive", "3", "standard deviation along the wave", PIXELS),
            Parameter("wavelength", "positive", "6", "length of one period", PIXELS),
            ANGLE._replace(meaning="direction of the wave, counter-clockwise from the right"),
            Parameter("aspect", "positive", "0.5", "sigma along the wave / sigma across it"),
            Parameter("phase", "number", "0", "0: bright bar in the center; 90: edge", DEGREES),
        ),
        "gabor:21,wavelength=8,angle=45",
        "wave under a Gaussian, for stripes in one direction",
        "J. Daugman, J. Opt. Soc. Am. A 2(7), 1985; OpenCV, getGaborKernel",
    ),
)
