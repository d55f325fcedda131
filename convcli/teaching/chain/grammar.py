"""The grammar of layers: a table of their names, arguments, options, help lines and examples.

``convcli chain`` builds its commands from :data:`LAYERS`; ``parser.py`` reads layers from text.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from convcli.choices import (
    ANCHORS,
    BORDER_SYNONYMS,
    BORDERS,
    CHANNEL_ORDERS,
    METHOD_SYNONYMS,
    METHODS,
    OPERATIONS,
    PADDING_FORMS,
    PADDINGS,
    POOLINGS,
    UPSAMPLINGS,
    VALUE_COMBINATIONS,
)
from convcli.errors import UsageError, shown
from convcli.geometry import parse_anchor, parse_padding, parse_pair
from convcli.kernels.models.spec import ModelSpec, parse_model
from convcli.kernels.reading import is_file
from convcli.teaching.chain.builders import (
    build_batchnorm,
    build_conv,
    build_conv_transpose,
    build_network,
    layer_builder,
)
from convcli.teaching.chain.syntax import (
    ArgumentSyntax,
    LayerSyntax,
    OptionSyntax,
    ValueSyntax,
    is_number,
)


def _words(words: Sequence[str], synonyms: Iterable[str] = ()) -> ValueSyntax:
    """Return the syntax of one of several words; synonyms are not shown."""
    known = (*words, *synonyms)

    def parse(text: str) -> str:
        if text not in known:
            raise UsageError(f"{text!r} is not one of {', '.join(map(repr, known))}")
        return text

    return ValueSyntax("|".join(words), parse, known)


def _parse_finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise UsageError(f"{text!r} is not a finite number")
    return number


def _parse_positive(text: str) -> float:
    number = _parse_finite(text)
    if number <= 0:
        raise UsageError(f"{text!r} is not greater than 0")
    return number


def _parse_count(text: str) -> int:
    if not text.strip().isdecimal() or int(text) < 1:
        raise UsageError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _parse_pads(text: str) -> tuple[int, ...]:
    """Read padding in numbers."""
    padding = parse_padding(text)
    if isinstance(padding, str):
        raise UsageError(f"{text!r} is a rule; give numbers: N, V,H or T,B,L,R")
    return padding


def _parse_ratio(text: str) -> float:
    """Read a finite number or a quotient, such as ``1/255``."""
    over, slash, under = text.partition("/")
    divisor = _parse_finite(under) if slash else 1.0
    if not divisor:
        raise UsageError(f"{text!r} divides by 0")
    return _parse_finite(over) / divisor


def _parse_numbers(text: str) -> tuple[float, ...]:
    """Read numbers with commas between."""
    return tuple(map(_parse_finite, text.split(",")))


def _parse_network(text: str) -> ModelSpec:
    model = parse_model(text)
    if model is None:
        raise UsageError(f"{text!r} is not the name of an .onnx file")
    return model


def _parse_bias(text: str) -> float | str:
    """Return a number, or the name of a file of numbers."""
    if not text.strip():
        raise UsageError("it is empty: give a number, or a file of numbers")
    return _parse_finite(text) if is_number(text) else text


def _activation(name: str, summary: str) -> LayerSyntax:
    build = layer_builder("activations", "Activation", name=name)
    return LayerSyntax(
        name, summary, build, (f"conv -k sobel-x {name}", f"conv -k outline {name} maxpool 2")
    )


SPEC = ValueSyntax("SPEC", str)
_PAIR = ValueSyntax("N|V,H", parse_pair)
_SIDES = ValueSyntax("|".join(PADDING_FORMS), parse_padding, PADDINGS)
_SIZE = ArgumentSyntax("window", ValueSyntax("SIZE", parse_pair))
_SIZE_DETAILS = "SIZE is N, rows,columns, or WIDTHxHEIGHT."
_KIND = ArgumentSyntax("kind", _words(POOLINGS)._replace(metavar="KIND"))
_KIND_DETAILS = "KIND is max, min, or avg for the mean."

_CONV_OPTIONS = (
    OptionSyntax(
        "--kernel",
        'Name, matrix ("0 1 0; 1 -4 1; 0 1 0"), file (a bank: 4-D .npy), or -. Repeatable.',
        SPEC, group="Kernel", short="-k", required=True, multiple=True,
    ),
    OptionSyntax(
        "--combine", "Combine the kernels' maps into one.",
        _words(VALUE_COMBINATIONS), group="Kernel"
    ),
    OptionSyntax("--normalize", "Divide by the sum of the weights.", default=False, group="Kernel"),
    OptionSyntax(
        "--divisor", "Divide by D instead of the kernel's own divisor.",
        ValueSyntax("D", _parse_finite), group="Kernel",
    ),
    OptionSyntax(
        "--channel-order", "Channels of the kernel (Caffe: bgr).",
        _words(CHANNEL_ORDERS), "rgb", "Kernel",
    ),
    OptionSyntax(
        "--bias", "Add B to every map, or one number to each map from a file or MODEL:NAME.",
        ValueSyntax("B|FILE", _parse_bias), group="Kernel", shown_default="the kernel's own",
    ),
    OptionSyntax(
        "--groups", "Runs of maps with kernels of their own (N, C/G, kh, kw), as in torch.",
        ValueSyntax("G", _parse_count), "1", "Convolution",
    ),
    OptionSyntax(
        "--operation", "convolve flips the kernel.",
        _words(OPERATIONS), "correlate", "Convolution",
    ),
    OptionSyntax(
        "--padding", "Pixels added around each map.",
        _SIDES, "same", "Convolution",
    ),
    OptionSyntax(
        "--border", "What the padding holds.", _words(BORDERS, BORDER_SYNONYMS), "edge",
        "Convolution",
    ),
    OptionSyntax(
        "--fill", "Value of --border constant.", ValueSyntax("V", float), group="Convolution",
        shown_default="0",
    ),
    OptionSyntax(
        "--stride", "Step between windows: N, or rows,columns.", _PAIR, "1", "Convolution"
    ),
    OptionSyntax(
        "--dilation", "Distance between the kernel's taps: N, or rows,columns.", _PAIR, "1",
        "Convolution",
    ),
    OptionSyntax(
        "--anchor", "Which place of a window, even in size, its value stands for.",
        ValueSyntax("before|after|ROW,COL", parse_anchor, ANCHORS), "before", "Convolution",
    ),
    OptionSyntax(
        "--method", "How sums are computed.",
        _words(METHODS, METHOD_SYNONYMS), "auto", "Speed",
    ),
    OptionSyntax(
        "--threads", "Threads for one image; the result does not depend on it.",
        ValueSyntax("N", _parse_count), group="Speed", shown_default="one per processor",
    ),
)  # fmt: skip
_PAIR_FROM_0 = ValueSyntax("N|V,H", lambda text: parse_pair(text, least=0))
_CONV_TRANSPOSE_OPTIONS = (
    OptionSyntax(
        "--kernel",
        "Name, matrix, file (a bank: 4-D .npy of (C, N/G, kh, kw)), or -.",
        SPEC, group="Kernel", short="-k", required=True, multiple=True,
    ),
    *(option for option in _CONV_OPTIONS if option.flag in ("--normalize", "--divisor", "--bias")),
    OptionSyntax(
        "--groups", "Runs of maps with kernels of their own (C, N/G, kh, kw), as in torch.",
        ValueSyntax("G", _parse_count), "1", "Convolution",
    ),
    OptionSyntax(
        "--stride", "Distance between what neighbors add: N, or rows,columns.", _PAIR, "1",
        "Convolution",
    ),
    OptionSyntax(
        "--padding", "Pixels cut off around each map of the output.",
        ValueSyntax("N|V,H|T,B,L,R", _parse_pads), "0", "Convolution",
    ),
    OptionSyntax(
        "--output-padding", "Rows and columns added at the bottom and at the right.",
        _PAIR_FROM_0, "0", "Convolution",
    ),
    *(option for option in _CONV_OPTIONS if option.flag in ("--dilation", "--threads")),
)  # fmt: skip
_STRIDE = OptionSyntax("--stride", "Step between windows.", _PAIR, shown_default="SIZE")
_PADDING = OptionSyntax(
    "--padding",
    "Pixels added around each map: ignored by a maximum or minimum, 0 in a mean.",
    _SIDES,
    "0",
)
_DILATION = OptionSyntax(
    "--dilation", "Distance between the pixels of a window: N, or rows,columns.", _PAIR, "1"
)
_COUNT_PADDING = OptionSyntax(
    "--count-padding",
    "Whether a mean divides by the whole window or only by its image pixels.",
    default=True,
    off="--no-count-padding",
)
_CEIL = OptionSyntax(
    "--ceil", "Keep the last window even if part of it lies outside the map.", default=False
)
_SLOPE = OptionSyntax(
    "--slope",
    "Factor of negative values; the flag can be left out.",
    ValueSyntax("SLOPE", _parse_finite),
    "0.01",
    bare=True,
)
_EPS = OptionSyntax(
    "--eps",
    "Added to the variance; it avoids division by 0 on a constant map.",
    ValueSyntax("E", _parse_positive),
    "1e-5",
)

_NUMBERS = ValueSyntax("X|FILE", _parse_bias)
_BATCHNORM_OPTIONS = (
    OptionSyntax("--mean", "Mean: a number, or a file with one for each map.", _NUMBERS,
                 required=True),
    OptionSyntax("--var", "Variance, likewise.", _NUMBERS, required=True),
    OptionSyntax("--weight", "What the result is multiplied by.", _NUMBERS, shown_default="1"),
    OptionSyntax("--bias", "What is added after it.", _NUMBERS, shown_default="0"),
    _EPS._replace(help="Added to the variance."),
)  # fmt: skip

_TABLE = (
    LayerSyntax(
        "conv",
        "Filter with kernels: one for every map, or a bank.",
        build_conv,
        (
            "conv -k sobel-x relu",
            "conv -k bank.npy --bias b.npy --border zero",
            "conv -k sobel-x -k sobel-y --combine max",
            "conv -k depthwise.npy --groups 3",
        ),
        options=_CONV_OPTIONS,
        details="A 2-D kernel filters every map on its own. A 3-D kernel (C, kh, kw) sums over C "
        "maps to one map. A bank (N, C, kh, kw), the layout of torch and ONNX, makes N maps. "
        "With --groups G, maps and kernels are divided into G runs; kernels read their run alone. "
        "Depthwise means as many groups as maps, separable a depthwise layer and then one of 1x1. "
        "Values are not rounded or clipped. By default the border repeats the edge and the size "
        "stays, as with apply; for a torch layer with padding=1, write --padding 1 --border zero.",
    ),
    LayerSyntax(
        "convtranspose",
        "Enlarge maps: each value adds a kernel to the result.",
        build_conv_transpose,
        (
            "convtranspose -k '1 1; 1 1' --stride 2",
            "convtranspose -k up.npy --stride 2",
        ),
        options=_CONV_TRANSPOSE_OPTIONS,
        details="The transpose of a convolution. A value at row i adds its product with the kernel "
        "from row i*stride - padding on; what overlaps is added up. A 2-D kernel enlarges every "
        "map on its own. A bank is (C, N/groups, kh, kw), the layout of torch and ONNX: of every "
        "input map, one kernel for each output map. The size is (n - 1)*stride - padding before "
        "and after + dilation*(k - 1) + output padding + 1.",
    ),
    _activation("relu", "Replace negative values by 0."),
    LayerSyntax(
        "leaky-relu",
        "Multiply negative values by a small slope.",
        layer_builder("activations", "LeakyRelu"),
        ("conv -k outline leaky-relu", "conv -k outline leaky-relu 0.2"),
        options=(_SLOPE,),
    ),
    _activation("sigmoid", "Squash values to between 0 and 1: 1 / (1 + exp(-x))."),
    _activation("tanh", "Squash values to between -1 and 1."),
    _activation("abs", "Take absolute values."),
    LayerSyntax(
        "softmax",
        "Turn the maps into shares that add up to 1.",
        layer_builder("activations", "Softmax"),
        ("globalpool avg softmax", "conv -k bank.npy softmax"),
        details="exp(x) / sum(exp(x)) over the maps, at each position.",
    ),
    LayerSyntax(
        "maxpool",
        "Take the maximum of each window.",
        layer_builder("pooling", "Pool", kind="max"),
        ("maxpool 2", "maxpool 3 --stride 2 --padding 1", "maxpool 3 --stride 1 --dilation 2"),
        (_SIZE,),
        (_STRIDE, _PADDING, _DILATION, _CEIL),
        _SIZE_DETAILS,
    ),
    LayerSyntax(
        "minpool",
        "Take the minimum of each window.",
        layer_builder("pooling", "Pool", kind="min"),
        ("minpool 2", "minpool 3 --stride 1 --padding same"),
        (_SIZE,),
        (_STRIDE, _PADDING, _DILATION, _CEIL),
        _SIZE_DETAILS,
    ),
    LayerSyntax(
        "avgpool",
        "Take the mean of each window.",
        layer_builder("pooling", "Pool", kind="avg"),
        ("avgpool 2", "avgpool 3 --padding 1 --no-count-padding"),
        (_SIZE,),
        (_STRIDE, _PADDING, _DILATION, _COUNT_PADDING, _CEIL),
        _SIZE_DETAILS,
    ),
    LayerSyntax(
        "globalpool",
        "Reduce each map to one value.",
        layer_builder("pooling", "GlobalPool"),
        ("globalpool max", "conv -k bank.npy relu globalpool avg"),
        (_KIND,),
        details=_KIND_DETAILS,
    ),
    LayerSyntax(
        "channelpool",
        "Reduce the maps to one, value by value.",
        layer_builder("pooling", "ChannelPool"),
        ("channelpool avg", "conv -k bank.npy relu channelpool max"),
        (_KIND,),
        details=_KIND_DETAILS,
    ),
    LayerSyntax(
        "upsample",
        "Enlarge maps by a factor.",
        layer_builder("upsample", "Upsample"),
        ("upsample 2", "maxpool 4 upsample 4 --mode bilinear"),
        (ArgumentSyntax("factor", ValueSyntax("FACTOR", parse_pair)),),
        (
            OptionSyntax(
                "--mode",
                "Repeat values, or take values between them.",
                _words(UPSAMPLINGS),
                "nearest",
            ),
            OptionSyntax(
                "--align-corners",
                "With bilinear: corners fall on corners, as in torch.",
                default=False,
            ),
        ),
        "FACTOR is N, rows,columns, or WIDTHxHEIGHT. Without --align-corners pixels are squares, "
        "whose centers are compared: the default of torch and ONNX, and that of image programs.",
    ),
    LayerSyntax(
        "flatten",
        "Turn each value into a map of its own.",
        layer_builder("flatten", "Flatten"),
        ("maxpool 4 flatten", "maxpool 4 flatten conv -k dense.npy softmax"),
        details="Values follow each other map by map, then row by row, as in torch and ONNX. A "
        "dense layer after it is a conv with a bank (N, VALUES, 1, 1).",
    ),
    LayerSyntax(
        "normalize",
        "Scale each map to mean 0 and standard deviation 1.",
        layer_builder("pooling", "Normalize"),
        ("conv -k outline normalize", "conv -k outline normalize --eps 0.001"),
        options=(_EPS,),
        details="(x - mean) / sqrt(variance + eps) over all positions of a map, as instance "
        "normalization does.",
    ),
    LayerSyntax(
        "batchnorm",
        "Normalize maps by the numbers of a trained network.",
        build_batchnorm,
        (
            "batchnorm --mean 128 --var 3000",
            "batchnorm --mean mean.npy --var var.npy",
        ),
        options=_BATCHNORM_OPTIONS,
        details="(x - mean) / sqrt(var + eps) * weight + bias of each map, as torch and ONNX have "
        "it. A file is a .npy array, a text file, or a tensor of a model, MODEL:NAME.",
    ),
)
LAYERS = {layer.name: layer for layer in _TABLE}
# In place of a name it has that of a file.
NETWORK = LayerSyntax(
    "network",
    "Run the network of an .onnx file.",
    build_network,
    ("net.onnx", "net.onnx:conv3 relu", "net.onnx --mean 124,116,104 --std 58,57,57"),
    (ArgumentSyntax("model", ValueSyntax("MODEL[:UNTIL]", _parse_network)),),
    (
        OptionSyntax(
            "--input-scale", "What pixels are multiplied by, e.g. 1/255.",
            ValueSyntax("S", _parse_ratio), "1", "Input",
        ),
        OptionSyntax(
            "--mean", "What is subtracted then: one number, or one for each channel.",
            ValueSyntax("R,G,B", _parse_numbers), "0", "Input",
        ),
        OptionSyntax(
            "--std", "What the result is divided by, likewise.",
            ValueSyntax("R,G,B", _parse_numbers), "1", "Input",
        ),
        OptionSyntax(
            "--channel-order", "Channels that the network takes (Caffe: bgr).",
            _words(CHANNEL_ORDERS), "rgb", "Input",
        ),
    ),
    "Its nodes become layers, up to UNTIL: the name of a node or of an output, or the number of a "
    "layer. Without UNTIL all must be layers of chain that follow each other; the error names the "
    "last node that can be shown. Pixels enter as numbers from 0 to 255, or 65535; a network of "
    "one channel takes gray.",
)  # fmt: skip


def find_layer(name: str) -> LayerSyntax:
    """Return the kind of layer with this name, or that of networks for a model's file.

    Raises:
        UsageError: there is none; the message suggests a similar name, or lists all.
    """
    if name in LAYERS:
        return LAYERS[name]
    if parse_model(name):
        return NETWORK
    if is_file(name):
        raise UsageError(f"{shown(name)} is a file, but no network, whose name ends in .onnx")
    if name[:1].isdecimal():
        raise UsageError(
            f"{name} is no layer: a number follows an option, or a layer that takes one, such as "
            "maxpool 2 --stride 1"
        )
    close = get_close_matches(name, LAYERS, n=1)
    hint = f"did you mean {close[0]}?" if close else f"the layers are {', '.join(LAYERS)}"
    raise UsageError(f"No such layer {name!r}: {hint}")


def layer_name(syntax: LayerSyntax, values: dict[str, Any]) -> str:
    """Return the name of a layer in messages, that of the file for a network."""
    return shown(values["model"].path) if syntax is NETWORK else syntax.name
