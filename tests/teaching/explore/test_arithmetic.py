"""The page's arithmetic, run by node, against Python's: values, pixels, texts, numbers, SPECs."""

import json
import math
import random
import re
import shutil
import struct
from collections import defaultdict
from typing import Any

import numpy as np
import pytest

from convcli.choices import PADDINGS
from convcli.core.digits import round_number
from convcli.errors import ConvcliError
from convcli.filtering.filter import Filter
from convcli.filtering.run import filter_image, measure
from convcli.geometry import ConvOptions
from convcli.images.channels import channel_names
from convcli.images.image import ImageData, image_of, level_of
from convcli.kernels.catalogue import CATALOGUE
from convcli.kernels.kernel import Kernel
from convcli.kernels.spec import KernelSet, read_spec
from convcli.teaching.decimals import format_number
from convcli.teaching.explain.arithmetic import explain_image
from convcli.teaching.explore.page import (
    PageInput,
    PageKernel,
    PageSetup,
    explore_page,
    kernel_table,
)

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")


def random_kernel(rng, choose, shape, number):
    whole = choose.random() < 0.6
    matrix = (
        rng.integers(-4, 5, shape)
        if whole
        else rng.normal(0, 1, shape).round(choose.choice([1, 3, 17]))
    )
    divisor, bias = choose.choice([1, 1, 2, 3, 16, -4, 0.7]), choose.choice([0, 0, 0, 5, -2.5])
    return Kernel(matrix, divisor, bias, name=f"k{number}")


def random_image(rng, choose):
    height, width, channels = (
        choose.randint(1, 9),
        choose.randint(1, 9),
        choose.choice([1, 1, 3, 3, 2]),
    )
    depth = None if channels == 2 else choose.choice([8, 8, 16, None])
    shape = (height, width, channels)
    if depth:
        pixels = rng.integers(0, 2**depth, shape).astype(float)
    elif choose.random() < 0.6:
        pixels = rng.integers(-9, 10, shape).astype(float)
    else:
        pixels = rng.normal(0, 10, shape).round(choose.randint(0, 6))
    if choose.random() < 0.05:
        pixels.flat[0] = choose.choice([math.nan, math.inf, -math.inf])
    return ImageData(pixels[..., 0] if channels == 1 else pixels, depth)


def random_filter(rng, choose, image):
    """One kernel, or several that are combined, with every option of the convolution."""
    planes = [image.channels] * (choose.random() < 0.25)
    shape = (*planes, choose.randint(1, 5), choose.randint(1, 5))
    count = choose.choice([1, 1, 1, 1, 2, 3])
    kernels = tuple(random_kernel(rng, choose, shape, number) for number in range(count))
    border = choose.choice(["edge", "zero", "reflect", "symmetric", "wrap", "constant"])
    conv = ConvOptions(
        choose.choice(["correlate", "convolve"]),
        choose.choice([*PADDINGS, "same", "valid", "full", 0, 1, (1, 2), (2, 0, 1, 3)]),
        border,
        choose.choice([7, -3.5]) if border == "constant" else 0,
        choose.choice([1, 1, 2, (1, 3)]),
        choose.choice([1, 1, 2, (2, 1)]),
        choose.choice(["before", "before", "after", (0, 0), (1, 2)]),
    )
    return Filter(
        "k0" if count == 1 else "family",
        kernels,
        choose.choice(["magnitude", "max", "sum", "mean"]) if count > 1 else None,
        conv,
        range=choose.choice(["clip", "abs", "offset", "rescale", "percentile", "raw"]),
        percentile=choose.choice([(1, 99), (0, 100), (12.5, 60)]),
    )


def case_of(image, image_filter, at):
    """A case as the runner takes it."""
    conv = image_filter.conv._asdict()
    table = KernelSet(image_filter.label, image_filter.kernels, image_filter.combine)
    numbers = [
        x if math.isfinite(x) else str(x).replace("inf", "Infinity")
        for x in image.pixels.ravel().tolist()
    ]
    return {
        "input": {
            "shape": [*image.shape, image.channels],
            "values": ["NaN" if x == "nan" else x for x in numbers],
            "channels": channel_names(image.channels),
            "maxValue": image.max_value,
        },
        "kernels": [kernel_table(PageKernel(table, ()), "")],
        "settings": {
            "kernel": image_filter.label, "range": image_filter.range,
            "percentile": image_filter.percentile, "at": at, **conv,
        },
    }  # fmt: skip


def expected(image, image_filter, choose):
    """Values, pixels and the text of a random position; or the message of an error."""
    try:
        raw = filter_image(image, image_filter._replace(range="raw"), image.depth).image.pixels
        filtered = filter_image(image, image_filter, image.depth)
        at = choose.randrange(raw.shape[0]), choose.randrange(raw.shape[1])
        text = str(explain_image(image, image_filter, at))
        return at, (raw, filtered.image.pixels, filtered.stats.clipped, text)
    except ConvcliError as error:
        return (0, 0), str(error)


def floats(numbers):
    return np.array([float(str(number).replace("Infinity", "inf")) for number in numbers])


def bound_of(image, image_filter):
    """The largest sum of magnitudes."""
    largest = np.abs(image.pixels[np.isfinite(image.pixels)]).max(
        initial=abs(image_filter.conv.fill)
    )
    return max(
        np.abs(kernel.weights).sum() * largest + abs(kernel.bias) * level_of(image.depth)
        for kernel in image_filter.kernels
    ) * len(image_filter.kernels)


def is_exact(image, image_filter):
    """Whether all numbers of a filter are integers, and its sums are not divided."""
    numbers = [image.pixels.ravel(), [image_filter.conv.fill]]
    for kernel in image_filter.kernels:
        numbers += [kernel.matrix.ravel(), [kernel.bias, 0.5 * (kernel.divisor != 1)]]
    joined = np.concatenate(numbers)
    whole = np.isfinite(joined).all() and np.array_equal(joined, np.rint(joined))
    return whole and image_filter.combine not in ("magnitude", "mean")


def unrounded(values, image, image_filter):
    """Values on the scale of pixels, before they are rounded to them."""
    if image_filter.range not in ("rescale", "percentile"):
        return values
    low, high = measure(image, image_filter)
    return (values - low) / ((high - low) or 1) * image.max_value


def differences(image, image_filter, want, got):
    """What the page has that Python does not, in a word; empty if they agree."""
    if isinstance(want, str):
        return "" if got.get("error") == want else "error"
    if "values" not in got:
        return "refused"
    values, pixels, clipped, text = want
    values, pixels = (array.ravel().astype(float) for array in (values, pixels))
    own_values, own_pixels = floats(got["values"]), floats(got["pixels"])
    bound = bound_of(image, image_filter)
    allowed = 0 if is_exact(image, image_filter) else 1e-12 * bound
    if not np.allclose(own_values, values, rtol=0, atol=allowed, equal_nan=True):
        return "values"
    if image_filter.range in ("rescale", "percentile"):
        low, high = measure(image, image_filter)
        if high - low <= allowed:  # a constant map, whose rounding errors are stretched
            return ""
    if image.depth and image_filter.range != "raw":
        with np.errstate(invalid="ignore"):
            from_tie = np.abs(unrounded(values, image, image_filter) % 1 - 0.5)
        near = (from_tie <= 1e-5 * max(bound, 1)) & (np.abs(own_pixels - pixels) <= 1)
        if not np.array_equal(own_pixels[~near], pixels[~near]):
            return "pixels"
    elif not np.allclose(own_pixels, pixels, rtol=1e-9, atol=1e-9, equal_nan=True):
        return "pixels"
    if abs(got["clipped"] - clipped * values.size) > (allowed > 0):  # one may lie on a tie
        return "clipped"
    return "" if got["text"] == text else "text"


@pytest.mark.parametrize(
    ("seed", "count"), [(1, 200), pytest.param(2, 3000, marks=pytest.mark.slow)]
)
def test_values_pixels_texts_and_refusals_are_those_of_python(run_cases, seed, count):
    rng, choose = np.random.default_rng(seed), random.Random(seed)
    given, wanted = [], []
    for _ in range(count):
        image = random_image(rng, choose)
        image_filter = random_filter(rng, choose, image)
        at, want = expected(image, image_filter, choose)
        given.append((image, image_filter, at))
        wanted.append(want)
    answers = run_cases([case_of(*each) for each in given])
    found = defaultdict(list)
    for (image, image_filter, _), want, got in zip(given, wanted, answers, strict=True):
        kind = differences(image, image_filter, want, got)
        if kind:
            found[kind].append((image_filter, want, got))
    # Where Python sums in another order, the last reliable digit may differ.
    texts = found.pop("text", [])
    assert len(texts) <= count / 100, texts[0][1][-1] + texts[0][2]["text"]
    assert not found, next(iter(found.items()))


@pytest.mark.parametrize("count", [10_000])
def test_numbers_are_written_by_the_same_rule(run_cases, count):
    choose = random.Random(1)
    rows: list[list[Any]] = []
    wanted = []
    while len(rows) < count:
        number = choose.choice(
            [
                struct.unpack(">d", choose.randbytes(8))[0],
                choose.randint(-4000, 4000) / 2 ** choose.randint(0, 8),
                round(choose.uniform(-1000, 1000), choose.randint(0, 10)),
                choose.gauss(0, 1) * 10 ** choose.randint(-20, 20),
            ]
        )
        if math.isfinite(number):
            decimals = choose.randint(0, 15)
            rows.append([struct.pack(">d", number).hex(), decimals])
            wanted.append([format_number(number), format_number(round_number(number, decimals))])
    [answer] = run_cases([{"doubles": rows}])
    assert answer == wanted


def random_gaussian(choose):
    arguments = [choose.choice(["5", "7x3", "4", "9"])] if choose.random() < 0.7 else []
    for name, words in {
        "sigma": ["1", "2.5", ".7"], "sigma-x": ["1", "3"], "sigma-y": ["2"],
        "rho": ["0.5", "-.9"], "angle": ["30", "90", "-200"], "start": ["-2"],
        "step": [".5", "2"], "normalize": ["no", "yes"],
    }.items():  # fmt: skip
        if choose.random() < 0.3:
            arguments.append(f"{name}={choose.choice(words)}")
    return f"gaussian:{','.join(arguments)}{choose.choice(['', '', '@90'])}"


MATRICES = [
    *("1 2 1", "1/16 2/16; 1 1/3", "[[1,0],[0,-1.5]]", "0 -1 0; -1 5 -1; 0 -1 0@90"),
    *("gaussian:5,", "gaussian:normalize=2", "gaussian:sigma=2,5", "gaussian:rho=1", "motion:a=1"),
    *(
        "gaussian:5x5x5",
        "box:0",
        "box:2048",
        "gaussian:5,sigma=0",
        "gaussian:angle=1e7",
        "disk:1,2,3",
    ),
    *(".5 1e-3", "1 2; 3", "1 a", "1/0", "1,2,3;4,5,6@90", "1 2 1@45", " 1  2\n3 4 "),
    *("box:5", "box:3x7", "uniform:4", "gaussian:5,foo=1", "gaussian:0", "gaussian:5,5,5"),
    *("[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]", "[1 2; 3 4]", "[1, 2, 3; 4, 5, 1/2;]@90", "", " "),
]


COMPUTED = [
    *("gabor:9", "gabor:7x5,wavelength=4", "gabor:5,2,phase=90@30", "gabor:5,aspect=2,angle=-20"),
    *("gabor:5,sigma=0", "gabor@90", "log:9", "log:sigma=0.8@90", "log:5x4,2", "log:sigma=-1"),
    *("dog:7,sigma=2", "dog:sigma=1.5,ratio=2", "dog:3,1,0.5", "dog@45", "dog:3@45", "dog:2,3,4,5"),
]
OUTLINE = PageKernel(read_spec("outline"), ())
NOT_NAMES = [
    *("OUTLINE", "outlin", "Sobel_X", "sobel xx", "bluer", "gausian", "gauss", "no-such", "zzz"),
    *("outline:5", "sobel:3@45", "OUTLINE@90", "it's", 'say "it\'s"', "lap", "kirsh-ne"),
]


@pytest.fixture(scope="module")
def tables():
    """The kernels that every page has."""
    source = PageInput(image_of(np.zeros((9, 9))), "", ())
    page = explore_page(PageSetup(source, [OUTLINE], ConvOptions()))
    return json.loads(re.search(r"data-convcli-state>(.*?)</script>", page)[1])["kernels"]


def test_names_that_are_none_are_refused_in_the_same_words(run_cases, tables):
    """With the names that are most like them."""
    _, *answers = run_cases([{"tables": tables}, *({"spec": spec} for spec in NOT_NAMES)])
    for spec, answer in zip(NOT_NAMES, answers, strict=True):
        with pytest.raises(ConvcliError) as refusal:
            read_spec(spec)
        assert answer["error"] == str(refusal.value)


def test_specs_name_the_same_kernels(run_cases, tables):
    choose = random.Random(3)
    specs = [*CATALOGUE, *(f"{name}@{angle}" for name in CATALOGUE for angle in (45, -90, 180, 30))]
    specs += [random_gaussian(choose) for _ in range(200)] + MATRICES + COMPUTED
    _, *answers = run_cases([{"tables": tables}, *({"spec": spec} for spec in specs)])
    elsewhere = []
    for spec, got in zip(specs, answers, strict=True):
        if "this page cannot compute" in got.get("error", ""):
            elsewhere.append(spec)
            continue
        if "error" in got:
            with pytest.raises(ConvcliError) as refusal:
                read_spec(spec)
            assert got["error"] == str(refusal.value)
            continue
        want = read_spec(spec)
        assert (got["label"], got["combine"]) == (want.label, want.combine), spec
        for own, kernel in zip(got["kernels"], want.kernels, strict=True):
            assert own["shape"] == list(kernel.shape), spec
            assert (own["divisor"], own["bias"]) == (kernel.divisor, kernel.bias), spec
            allowed = 1e-15 * np.abs(kernel.matrix).max()
            planes = np.ravel(own["planes"])
            assert np.allclose(planes, kernel.matrix.ravel(), 1e-13, allowed), spec
    # Of formulas that it does not compute, the page has tables, whose angle it cannot change.
    bases = {spec.partition("@")[0] for spec in elsewhere}
    assert bases <= {name for name, entry in CATALOGUE.items() if hasattr(entry, "parameters")}


@pytest.mark.parametrize(
    "text",
    [
        "1 2 3\n4 5.5 -6",
        "1, 2, 3; 4, 5.5, -6;",
        "1\t2\t3\n4\t5,5\t-6\n",
        "[[1, 2, 3], [4, 5.5, -6]]",
        "[1 2 3; 4 5.5 -6]",
        "1;2;3\n4;5,5;-6\n",
        "1 2 3;\n4 5.5 -6;",
        "array([[ 1. ,  2. ,  3. ],\n       [ 4. ,  5.5, -6. ]])",
        "tensor([[1, 2, 3], [4, 5.5, -6]], device='cuda:0', dtype=torch.float64)",
        "((1, 2, 3), (4, 5.5, -6))",
        "[(1, 2, 3,),\n (4, 5.5, -6,),]",
        "[[[1], [2], [3]], [[4], [5.5], [-6]]]",
        "+1 2. 3; 4e0 .55E+1 -6",
    ],
)
def test_matrices_are_read_as_people_have_them(run_cases, text):
    [answer] = run_cases([{"matrix": text}])
    words = ["--matrix", "1 2 3; 4 5.5 -6"]
    assert answer == {"shape": [2, 3, 1], "values": [1, 2, 3, 4, 5.5, -6], "words": words}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the matrix is empty"),
        ("1 2; 3", "rows differ in length: row 1 has 2, row 2 has 1"),
        ("1 x", "row 1: 'x' is not a finite number"),
        ("1,,2", "row 1: '' is not a finite number"),
        ("Infinity", "row 1: 'Infinity' is not"),
        ("1 0x10", "row 1: '0x10' is not"),
        ("1 1e999", "row 1: '1e999' is not"),
        ("[[1, 2], [3, 4]", "the brackets do not match"),
        ("1, 2], [3, 4]", "the brackets do not match"),
        ("[[1, 2], 3]", "the brackets do not match"),
        ("([1, 2], 3, [4, 5])", "the brackets do not match"),
    ],
)
def test_other_text_is_no_matrix(run_cases, text, said):
    [answer] = run_cases([{"matrix": text}])
    assert said in answer["error"]


def test_the_quiz_knows_what_each_slip_gives(run_cases):
    """Each is what Python computes with that slip; a slip that changes nothing is none."""
    pixels = np.random.default_rng(5).integers(0, 20, (5, 6)).astype(float)
    kernel = Kernel([[1, 2, 0], [0, 3, -1], [1, 0, 2]], 3, 2, name="mine")
    image = ImageData(pixels, 8)
    mine = Filter("mine", (kernel,), None, ConvOptions(border="edge"), range="clip")

    def pixel(image_filter, at):
        output = explain_image(image, image_filter, at).outputs[0]
        return output.value, output.pixel

    def with_conv(**changes):
        return pixel(mine._replace(conv=mine.conv._replace(**changes)), (1, 0))

    def with_kernel(**changes):
        return pixel(mine._replace(kernels=(kernel._replace(**changes),)), (1, 0))

    right = pixel(mine, (1, 0))
    wanted = {
        "the kernel is flipped; correlate does not flip it": with_conv(operation="convolve"),
        "the sum is not divided by the divisor": with_kernel(divisor=1),
        "the bias is left out": with_kernel(bias=0),
        "the window lies one pixel higher": pixel(mine, (0, 0)),
        "the window lies one pixel lower": pixel(mine, (2, 0)),
        "the window lies one pixel further right": pixel(mine, (1, 1)),
    }
    for border in ("edge", "zero", "reflect", "symmetric", "wrap", "constant"):
        wanted[f"the border is {border}"] = with_conv(border=border)
    [slips] = run_cases([{"quiz": case_of(image, mine, (1, 0))}])
    found = {slip["text"]: (slip["value"], slip["pixel"]) for slip in slips}
    found.pop("the window lies one pixel further left", None)
    wanted = {text: numbers for text, numbers in wanted.items() if numbers != right}
    wanted["the range (clip) is left out"] = right[:1] * 2
    assert found.keys() == wanted.keys()
    for text, numbers in found.items():
        assert numbers == pytest.approx(wanted[text]), text
    assert len(found) > 6
