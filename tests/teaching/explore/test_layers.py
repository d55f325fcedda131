"""Layers of the page, run by node, against ``convcli chain`` on float64: texts, maps and fields."""

import random
import shlex
import shutil
from typing import Any

import numpy as np
import pytest

from convcli.choices import PADDINGS
from convcli.errors import ConvcliError, UsageError
from convcli.geometry import ConvOptions
from convcli.images.channels import channel_names
from convcli.images.image import ImageData
from convcli.kernels.spec import group_kernels, read_spec
from convcli.layers.conv import Conv
from convcli.teaching.chain.grammar import LAYERS
from convcli.teaching.chain.maps import maps_to_image, plan_chain
from convcli.teaching.explain.chain.arithmetic import explain_chain
from convcli.teaching.explain.chain.trace import run_chain
from convcli.teaching.explore.layers import parse_page_layers, read_page_layers
from convcli.teaching.explore.page import PageKernel, kernel_table

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")

NAMED = ("blur", "sobel-x", "sobel", "emboss", "sobel-x@45", "gaussian:3", "kirsch", "1 2; 3 -4")


def random_conv(choose, specs):
    """The words of a convolution with any of its options."""
    words = []
    for _ in range(choose.choice([1, 1, 1, 2])):
        words += [choose.choice(["-k", "--kernel"]), choose.choice(specs)]
    options = {
        "--combine": ["max", "sum", "mean", "magnitude"], "--divisor": ["2", "-0.5", "3"],
        "--bias": ["1", "-2.5", "1e2"], "--operation": ["convolve", "correlate"],
        "--padding": [*PADDINGS, "0", "1", "1,2", "2,0,1,3"],
        "--border": ["edge", "zero", "reflect", "symmetric", "wrap", "replicate", "circular"],
        "--stride": ["1", "2", "1,2", "2x1"], "--dilation": ["1", "2", "2,1"],
        "--anchor": ["before", "after", "0,0"],
    }  # fmt: skip
    for flag, texts in options.items():
        if choose.random() < 0.2:
            text = choose.choice(texts)
            words += [f"{flag}={text}"] if choose.random() < 0.5 else [flag, text]
    if choose.random() < 0.1:
        words.append("--normalize")
    if choose.random() < 0.15:
        words += ["--border", "constant", "--fill", choose.choice(["7", "-1.5"])]
    return words


def random_pool(choose):
    size = choose.choice(["2", "3", "2,3", "3x1", "1"])
    words = [choose.choice(["maxpool", "minpool", "avgpool"]), size]
    options = {
        "--stride": ["1", "2", "1,3"], "--dilation": ["2", "1,2", "3"],
        "--padding": [*PADDINGS, "0", "1", "1", "1,0", "0,1,2,1"],
    }  # fmt: skip
    for flag, texts in options.items():
        if choose.random() < 0.3:
            words += [flag, choose.choice(texts)]
    if choose.random() < 0.4:
        words.append("--ceil")
    if words[0] == "avgpool" and choose.random() < 0.4:
        words.append("--no-count-padding")
    return words


def random_transpose(choose, specs):
    words = ["convtranspose", "-k", choose.choice([*specs, "up.npy", "up.npy", "1 2; 3 4"])]
    options = {
        "--stride": ["2", "3", "1,2"], "--padding": ["1", "0,1", "1,0,2,0"], "--dilation": ["2"],
        "--output-padding": ["1", "0,1"], "--bias": ["1", "-0.5"], "--divisor": ["2", "-3"],
        "--groups": ["1", "2"],
    }  # fmt: skip
    for flag, texts in options.items():
        if choose.random() < 0.35:
            words += [flag, choose.choice(texts)]
    return words


def random_layer(choose, specs):
    """The text of a layer."""
    if choose.random() < 0.35:
        return shlex.join(["conv", *random_conv(choose, specs)])
    if choose.random() < 0.15:
        return shlex.join(random_transpose(choose, specs))
    if choose.random() < 0.5:
        return shlex.join(random_pool(choose))
    return choose.choice(
        [
            *("relu", "leaky-relu", "leaky-relu -0.3", "sigmoid", "tanh", "abs"),
            *("normalize", "normalize --eps=0.5", "channelpool max", "channelpool avg"),
            *("globalpool max", "globalpool avg", "globalpool min", "channelpool min"),
            *("softmax", "flatten", "upsample 2", "upsample 3x1", "upsample 2,3 --mode bilinear"),
            *("upsample 2 --mode=bilinear --align-corners", "batchnorm --mean 2 --var 9"),
            *("batchnorm --mean=-1.5 --var 0 --weight -2 --bias 3 --eps 0.25",),
            *("conv -k depthwise.npy --groups 2", "conv -k depthwise.npy --groups 3 --bias 2"),
            *("conv -k 'depthwise.npy' --border=wrap --groups 1", "conv -k blur --groups 2"),
        ]
    )


def random_image(rng, choose):
    shape = choose.randint(1, 12), choose.randint(1, 12), choose.choice([1, 1, 2, 3])
    depth = None if shape[2] == 2 else choose.choice([8, 16, None])
    if choose.random() < 0.7:
        pixels = rng.integers(-9 if depth is None else 0, 50, shape).astype(float)
    else:
        pixels = rng.normal(0, 5, shape).round(3)
    return ImageData(pixels[..., 0] if shape[2] == 1 else pixels, depth)


def random_banks(rng, choose, channels):
    """Files of banks: most of them fit the channels."""
    for number in range(2):
        count = choose.choice([channels, channels, channels, 2])
        shape = (choose.randint(1, 3), count, choose.randint(1, 3), choose.randint(1, 3))
        np.save(f"bank{number}.npy", rng.integers(-3, 4, shape))
        yield f"bank{number}.npy"
    for name in ("up", "depthwise"):
        shape = (choose.choice([channels, 2 * channels]), 1, choose.randint(1, 3), 2)
        np.save(f"{name}.npy", rng.integers(-3, 4, shape))


def random_start(choose, specs):
    """The page's own convolution: a SPEC and options."""
    words = random_conv(choose, specs)
    [layer] = parse_page_layers([shlex.join(["conv", *words])])
    options = {name: layer.values[name] for name in ConvOptions._fields}
    return words[1], ConvOptions(**options | {"fill": options["fill"] or 0})


def pixel_of(image, place):
    """A pixel of the input, and its channel: any one."""
    sides = (*image.shape, image.channels)
    return [number * 7 % side for number, side in zip(place, sides, strict=True)]


def case_of(image, spec, conv, layers, place, value_range):
    """A case as the runner takes it; a layer's kernels as a page has them."""
    own = {kernel_set.label: kernel_set for kernel_set in layers.kernels}
    return {
        "layers": {
            "input": {
                "shape": [*image.shape, image.channels],
                "values": image.pixels.ravel().tolist(),
                "channels": channel_names(image.channels),
                "maxValue": image.max_value,
                "words": ["INPUT"],
            },
            "kernels": [kernel_table(PageKernel(read_spec(spec), ("-k", spec)), "")],
            "layerKernels": [kernel_table(PageKernel(each, ()), "") for each in own.values()],
            "settings": {
                "kernel": read_spec(spec).label, "range": value_range, **conv._asdict(),
                "layers": list(layers.texts),
            },
            "place": place,
            "pixel": pixel_of(image, place),
        }
    }  # fmt: skip


def expected(image, spec, conv, layers, choose):
    """The maps of each layer after the convolution, a position, its field; or an error."""
    first = Conv(tuple(group_kernels([read_spec(spec)])), read_spec(spec).label, conv)
    try:
        stages = plan_chain([first, *layers.layers], image)
        maps = run_chain(image, stages)
        rows, columns, count = maps[-1].shape
        place = choose.randrange(rows), choose.randrange(columns), choose.randrange(count)
        explanation = explain_chain(image, stages, place[:2], place[2] + 1, maps=maps)
        whole = None
        if np.array_equal(image.pixels, image.pixels.astype(int)):
            whole = run_chain(image._replace(pixels=image.pixels.astype(np.int32)), stages)[2:]
        return place, (maps[2:], whole, explanation)
    except ConvcliError as error:
        return (0, 0, 0), str(error)


def difference(image, value_range, want, got):
    """What the page has that chain does not, in a word; empty if they agree."""
    if isinstance(want, str):
        # The page says that its own convolution does not fit before it looks at layers.
        is_own = want.startswith("layer 1 ") and "error" in got
        return "" if is_own or got.get("error") == want else "error"
    if "maps" not in got:
        return "refused"
    maps, whole, explanation = want
    field = explanation.field
    scale = max(1, *(np.abs(each).max() for each in (image.pixels, *maps)))
    for number, (after, own) in enumerate(zip(maps, got["maps"], strict=True)):
        values = np.array([float(value) for value in own["values"]])
        if own["shape"] != list(after.shape):
            return "shape"
        if whole is not None and whole[number].dtype.kind != "f":
            if not np.array_equal(values, after.ravel()):
                return "whole"
        elif not np.allclose(values, after.ravel(), rtol=1e-9, atol=1e-9 * scale):
            return "values"
    if field != ((), ()) and [list(axis) for axis in field] != got["field"]:
        return "field"
    if got["text"] != str(explanation):
        return "text"
    # From the page's own values, since its pixels can differ by 1 where a value is near a half.
    pixels = maps_to_image(values.reshape(after.shape), value_range, image.depth, image)[0].pixels
    own_pixels = np.array([float(value) for value in got["pixels"]])
    return "" if np.allclose(own_pixels, pixels.ravel(), rtol=1e-12, atol=1e-12) else "pixels"


@pytest.mark.parametrize(
    ("seed", "count"), [(1, 150), pytest.param(2, 500, marks=pytest.mark.slow)]
)
def test_maps_fields_and_refusals_are_those_of_chain(run_cases, seed, count, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng, choose = np.random.default_rng(seed), random.Random(seed)
    given: list[tuple[Any, Any]] = []
    wanted, refused = [], 0
    while len(given) < count:
        image = random_image(rng, choose)
        specs = [*NAMED, *random_banks(rng, choose, image.channels)]
        spec, conv = random_start(choose, specs)
        texts = [random_layer(choose, specs) for _ in range(choose.randint(1, 4))]
        value_range = choose.choice(["clip", "abs", "rescale", "raw"])
        try:
            layers = read_page_layers(parse_page_layers(texts))
        except ConvcliError:
            refused += 1
            continue
        place, want = expected(image, spec, conv, layers, choose)
        given.append((image, case_of(image, spec, conv, layers, place, value_range)))
        wanted.append(want)
    answers = run_cases([case for _, case in given])
    rounded = 0  # texts of values that are not whole: sums round in another order
    for (image, case), want, got in zip(given, wanted, answers, strict=True):
        kind = difference(image, case["layers"]["settings"]["range"], want, got)
        if kind == "text" and not all(np.array_equal(each, each.round()) for each in want[0]):
            rounded += 1
            continue
        assert not kind, (kind, case, want, got)
    assert rounded <= count / 25
    assert refused < count / 2
    assert sum(isinstance(want, str) for want in wanted) < count / 2


def test_a_value_to_which_nothing_adds_depends_on_no_pixel(run_cases):
    """Even if a pool over the whole map comes before the gaps of a transposed convolution."""
    choose, image = random.Random(1), random_image(np.random.default_rng(1), random.Random(1))
    texts = ["globalpool max", "convtranspose -k '1 2; 3 -4' --dilation 2"]
    layers = read_page_layers(parse_page_layers(texts))
    drawn = [expected(image, "outline", ConvOptions(), layers, choose) for _ in range(12)]
    answers = run_cases(
        [case_of(image, "outline", ConvOptions(), layers, place, "clip") for place, _ in drawn]
    )
    assert [got["text"] for got in answers] == [str(want[2]) for _, want in drawn]
    assert {want[2].field == ((), ()) for _, want in drawn} == {True, False}


@pytest.mark.parametrize("seed", range(3))
def test_what_a_pixel_feeds_is_all_that_changes_with_it(run_cases, seed, tmp_path, monkeypatch):
    """Chain on the image with another pixel; normalize, where all changes, is left out."""
    monkeypatch.chdir(tmp_path)
    rng, choose = np.random.default_rng(seed), random.Random(seed)
    cases: list[Any] = []
    changes = []
    while len(cases) < 60:
        image = random_image(rng, choose)
        specs = [*NAMED, *random_banks(rng, choose, image.channels)]
        spec, conv = random_start(choose, specs)
        texts = [random_layer(choose, specs) for _ in range(choose.randint(1, 4))]
        try:
            layers = read_page_layers(parse_page_layers(texts))
        except ConvcliError:
            continue
        place, want = expected(image, spec, conv, layers, choose)
        if isinstance(want, str) or any("normalize" in text for text in texts):
            continue
        case = case_of(image, spec, conv, layers, place, "raw")
        pixels = image.pixels.copy()
        pixel = pixel_of(image, place)
        pixels.reshape(*image.shape, -1)[tuple(pixel)] += 1000
        first = Conv(tuple(group_kernels([read_spec(spec)])), read_spec(spec).label, conv)
        stages = plan_chain([first, *layers.layers], image)
        maps = run_chain(image._replace(pixels=pixels), stages)[2:]
        cases.append(case)
        changes.append((want[0], maps))
    for case, got, (before, maps) in zip(cases, run_cases(cases), changes, strict=True):
        for region, own, other in zip(got["fed"], before, maps, strict=True):
            fed = np.zeros(own.shape, bool)
            fed[np.ix_(region["rows"], region["columns"], region["channels"])] = True
            assert not ((own != other) & ~fed).any(), (case, region)


@pytest.mark.parametrize("border", ["zero", "reflect"])
def test_what_a_pixel_feeds_is_no_more_than_what_changes(run_cases, border):
    """Where no weight is 0, all of it changes."""
    texts = ["avgpool 2 --stride 1", "conv -k box:3x2 --stride 2,1 --border wrap", "flatten"]
    texts[1:1] = ["avgpool 3 --padding 2,1,1,0 --dilation 2 --ceil --no-count-padding"]
    layers = read_page_layers(parse_page_layers(texts))
    image = ImageData(np.arange(77.0).reshape(7, 11), 8)
    conv = ConvOptions(padding="full", border=border, stride=(1, 2))
    first = Conv((read_spec("1 2 3; 4 5 6"),), "1 2 3; 4 5 6", conv)
    stages = plan_chain([first, *layers.layers], image)
    before = run_chain(image, stages)[2:]
    cases, changes = [], []
    for pixel in np.ndindex(7, 11):
        pixels = image.pixels.copy()
        pixels[pixel] += 1e5
        changes.append(run_chain(image._replace(pixels=pixels), stages)[2:])
        case = case_of(image, "1 2 3; 4 5 6", conv, layers, (0, 0, 0), "raw")
        case["layers"]["pixel"] = [*pixel, 0]
        cases.append(case)
    for got, maps in zip(run_cases(cases), changes, strict=True):
        for region, own, other in zip(got["fed"], before, maps, strict=True):
            fed = np.zeros(own.shape, bool)
            fed[np.ix_(region["rows"], region["columns"], region["channels"])] = True
            assert np.array_equal(fed, own != other)


def refusal(read, *arguments):
    try:
        read(*arguments)
    except ConvcliError as error:
        return str(error)
    return ""


IMAGE = ImageData(np.arange(24.0).reshape(4, 6), 8)


@pytest.mark.parametrize(
    "text",
    [
        *("", "  ", "nonesuch", "relu relu", "relu 2", "maxpool", "maxpool 0", "maxpool 2 | relu"),
        *("maxpool 2,3,4", "maxpool 2 --stride", "maxpool 2 --stride=0", "maxpool 2 --ceil=yes"),
        *("maxpool 2 --padding 2", "maxpool 5", "minpool 3 --dilation 3", "maxpool 2 -k blur"),
        *("leaky-relu 1 2", "leaky-relu 1 --slope 2", "leaky-relu --slope=1 2", "leaky-relu inf"),
        *("leaky-relu relu", "avgpool 9 --padding 1,2 --no-count-padding"),
        *("maxpool 9 --padding 0,1,0,1", "minpool 9 --dilation 2 --padding 1,1 --ceil"),
        *("maxpool 9 --padding valid --stride 2",),
        *("globalpool mean", "leaky-relu --slope nan", "leaky-relu --slope x", "normalize --eps 0"),
        *("conv", "conv -k", "conv -k 'blur", "conv -k blur\\", "conv -k blur --border moon"),
        *("conv -k blur --fill 3", "conv -k sobel-x --normalize", "conv -k blur --combine max"),
        *("conv -k blur --normalize --divisor 2", "conv -k blur --padding 1,2,3"),
        *("conv -k blur --anchor 9,9", "conv -k blur --anchor x", "conv -k blur --anchor=9,9"),
        *("conv -k blur --padding causal --anchor after", "conv -k blur --operation fold"),
        *("conv -k blur --bias inf", "conv -k blur --bias ''", "conv -k blur --bias b.npy"),
        *("conv -k blur --groups 2", "conv -k blur --groups 0", "conv -k blur --groups 1.5"),
        *("conv -k blur --method fft", "conv -k blur --threads 2"),
        *("conv -k bank.npy", "conv -k 1 -k '1 2; 3 4' --padding valid", "conv -k '1 2' --foo"),
        *("conv -k blur -k bank.npy --combine sum", "conv -k box:9 --padding valid --dilation 2"),
        *("convtranspose", "convtranspose -k sobel", "convtranspose -k blur -k blur"),
        *("convtranspose -k blur --padding same", "convtranspose -k blur --padding 9"),
        *("convtranspose -k bank.npy", "convtranspose -k blur --groups 2"),
        *("upsample", "upsample 0", "maxpol 2"),
        *("convtranspose -k blur --output-padding 1", "convtranspose -k blur --bias b.npy"),
        *("convtranspose -k blur --threads 2", "convtranspose -k blur --border wrap"),
        *("upsample 2 --align-corners", "upsample 2 --mode cubic", "batchnorm --mean 1"),
        *("batchnorm --mean 0 --var -1", "batchnorm --mean m.npy --var 1", "batchnorm --var 1"),
    ],
)  # fmt: skip
def test_a_wrong_layer_is_refused_in_the_words_of_the_command(
    run_cases, text, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    np.save("bank.npy", np.ones((2, 3, 1, 1)))
    kernels = [read_spec(spec) for spec in ("blur", "sobel", "sobel-x", "bank.npy", "1")]

    def python():
        layers = read_page_layers(parse_page_layers([text]))
        plan_chain([Conv((read_spec("1"),), "1", ConvOptions()), *layers.layers], IMAGE)

    layers = read_page_layers([])._replace(texts=(text,), kernels=tuple(kernels))
    [answer] = run_cases([case_of(IMAGE, "1", ConvOptions(), layers, (0, 0, 0), "clip")])
    said = ": the layers are"  # a page has not all of them
    assert refusal(python)
    assert answer["error"].partition(said)[0] == refusal(python).partition(said)[0]


def test_texts_are_split_as_by_a_shell(run_cases):
    """Quotes and backslashes hold words together; the command quotes them anew."""
    texts = ['conv -k "1 2" --bias=-3', "conv -k'1 -1'  --kernel \\\"1", "conv --kernel 2\\ 1"]
    layers = read_page_layers(parse_page_layers([texts[0], texts[2]]))
    [answer] = run_cases([case_of(IMAGE, "blur", ConvOptions(), layers, (0, 0, 0), "clip")])
    assert answer["command"] == (
        'convcli chain INPUT conv -k blur conv -k "1 2" --bias=-3 conv --kernel "2 1"'
    )
    bad = layers._replace(texts=(texts[1],))
    [answer] = run_cases([case_of(IMAGE, "blur", ConvOptions(), bad, (0, 0, 0), "clip")])
    assert "layer 2 (conv)" in answer["error"]


def test_a_layer_that_a_page_has_not_is_refused_in_words(run_cases, monkeypatch):
    monkeypatch.setitem(LAYERS, "sharpen", LAYERS["relu"]._replace(name="sharpen"))
    with pytest.raises(UsageError, match=r"^layer 3: a page has no sharpen; it has conv, convtr"):
        parse_page_layers(["relu", "sharpen"])
    layers = read_page_layers([])._replace(texts=("relu", "sharpen"))
    [answer] = run_cases([case_of(IMAGE, "1", ConvOptions(), layers, (0, 0, 0), "clip")])
    assert answer["error"].startswith(
        "No such layer 'sharpen': the layers are conv, convtranspose, "
    )
