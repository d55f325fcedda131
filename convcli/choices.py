"""The words that options accept, each list written once.

The command line, the Python functions and the figures all read them from here. ``convcli.cli``
builds its options from them at start-up, so this module imports ``typing`` alone.
"""

from typing import Literal, get_args

Operation = Literal["correlate", "convolve"]
PaddingRule = Literal["same", "valid", "full", "same-upper", "same-lower", "causal"]
AnchorRule = Literal["before", "after"]
Border = Literal["edge", "zero", "reflect", "symmetric", "wrap", "constant"]
AnyBorder = Border | Literal["replicate", "nearest", "zeros", "mirror", "circular"]
Method = Literal["auto", "direct", "toeplitz", "separable", "fft", "matrix"]
AnyMethod = Method | Literal["im2col"]
Combine = Literal["magnitude", "max", "sum", "mean", "direction"]
Range = Literal["clip", "abs", "offset", "rescale", "percentile", "raw"]
NanRule = Literal["propagate", "ignore"]
ChannelOrder = Literal["rgb", "bgr"]
Channels = Literal["auto", "gray", "rgb", "r", "g", "b"]
Alpha = Literal["keep", "premultiply", "drop"]
Frames = Literal["first", "all"]
Subsampling = Literal["444", "422", "420"]
Compression = Literal["none", "lzw", "deflate", "packbits", "zstd", "lzma"]
Scale = Literal["common", "own"]
ThemeName = Literal["screen", "slide", "paper", "dark"]
Panel = Literal["input", "padded", "kernel", "products", "result"]
Layout = Literal["row", "column", "grid"]
Pooling = Literal["max", "min", "avg"]
Upsampling = Literal["nearest", "bilinear"]
SizeForm = Literal["torch", "textbook"]
LikeName = Literal[
    "opencv", "scipy", "scipy-convolve2d", "torch", "tensorflow", "onnx", "numpy", "vips"
]
Library = Literal[
    "numpy",
    "scipy",
    "opencv",
    "skimage",
    "torch",
    "keras",
    "onnx",
    "pillow",
    "c",
    "javascript",
    "octave",
    "vips",
    "imagemagick",
    "ffmpeg",
]
ActivationName = Literal["none", "relu", "leaky-relu", "sigmoid", "tanh"]
ThroughName = Literal["relu"]  # functions before the loss of a descent

OPERATIONS: tuple[Operation, ...] = get_args(Operation)
CHANNEL_ORDERS: tuple[ChannelOrder, ...] = get_args(ChannelOrder)
NAN_RULES: tuple[NanRule, ...] = get_args(NanRule)
PADDINGS: tuple[PaddingRule, ...] = get_args(PaddingRule)
PADDING_FORMS = (*PADDINGS, "N", "V,H", "T,B,L,R")  # as typed in a shell
SIZED_PADDINGS: tuple[PaddingRule, ...] = ("same", "valid", "full")  # of different sizes
ANCHORS: tuple[AnchorRule, ...] = get_args(AnchorRule)
BORDERS: tuple[Border, ...] = get_args(Border)
METHODS: tuple[Method, ...] = get_args(Method)
COMBINATIONS: tuple[Combine, ...] = get_args(Combine)
VALUE_COMBINATIONS = tuple(rule for rule in COMBINATIONS if rule != "direction")  # no colors
RANGES: tuple[Range, ...] = get_args(Range)
SCALED_RANGES = ("rescale", "percentile")  # black and white depend on the whole map
PERCENTILES = (1.0, 99.0)  # that range percentile maps to black and white
CHANNELS: tuple[Channels, ...] = get_args(Channels)
ALPHAS: tuple[Alpha, ...] = get_args(Alpha)
FRAMES: tuple[Frames, ...] = get_args(Frames)
SUBSAMPLINGS: tuple[Subsampling, ...] = get_args(Subsampling)
COMPRESSIONS: tuple[Compression, ...] = get_args(Compression)
SCALES: tuple[Scale, ...] = get_args(Scale)
THEMES: tuple[ThemeName, ...] = get_args(ThemeName)
PANELS: tuple[Panel, ...] = get_args(Panel)
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
POOLINGS: tuple[Pooling, ...] = get_args(Pooling)
UPSAMPLINGS: tuple[Upsampling, ...] = get_args(Upsampling)
SIZE_FORMS: tuple[SizeForm, ...] = get_args(SizeForm)
LIBRARIES: tuple[Library, ...] = get_args(Library)
ACTIVATION_NAMES: tuple[ActivationName, ...] = get_args(ActivationName)
THROUGH: tuple[ThroughName, ...] = get_args(ThroughName)

BORDER_SYNONYMS: dict[str, Border] = {
    "replicate": "edge",
    "nearest": "edge",
    "zeros": "zero",
    "mirror": "reflect",
    "circular": "wrap",
}
METHOD_SYNONYMS: dict[str, Method] = {"im2col": "matrix"}

MOST_COLORS = 4  # channels of an image; arrays with more may be volumes
MAX_PIXELS = 89_478_485  # Pillow's own limit on the image that it decodes
NAME_TEMPLATE = "{stem}_{kernel}{suffix}"  # of a result's file name
