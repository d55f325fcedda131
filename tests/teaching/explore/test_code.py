"""The programs of the page, written by node, against those of ``convcli code``."""

import ast
import json
import random
import re
import shlex
import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from convcli.choices import BORDERS, COMBINATIONS, PADDINGS, RANGES
from convcli.cli.main import root
from convcli.core.dtypes import int_if_whole
from convcli.errors import ConvcliError
from convcli.filtering.filter import Filter
from convcli.geometry import ConvOptions
from convcli.images.image import image_of
from convcli.kernels.catalogue import CATALOGUE
from convcli.kernels.kernel import Kernel
from convcli.kernels.spec import KernelSet, group_kernels, read_spec, read_specs
from convcli.teaching.code.program import write_program
from convcli.teaching.explore.page import (
    PageInput,
    PageKernel,
    PageSetup,
    explore_page,
    kernel_table,
)

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")

LIBRARIES = ("numpy", "scipy", "opencv", "torch")
TYPED = (
    "1 2 1; 2 4 2; 1 2 1", "1.0 2; -3 4", "1/3 1/4 0", "[[1, 2], [3, 4]]", "1e-7 2.5e20 3", "5",
    "0.1 -0.25; 9007199254740993 1e16", "[[[1, 2]], [[3, 4]], [[5, 6]]]", "box:3x2", "uniform:2",
    "[[[1, 2.0]], [[3, 4]], [[5, 6]]]", "sobel-x@45", "kirsch", "sobel", "1 2; 3 4@90", "box:9",
)  # fmt: skip
# Weights that the page computes by its formulas may differ in the last digit.
KNOWN = {*TYPED, *CATALOGUE} - {"gaussian", "gabor", "log", "dog"}


@pytest.fixture(scope="module")
def start():
    """What every page has: tables of kernels, and what programs are made of."""
    given = PageKernel(read_spec("outline"), ())
    source = PageInput(image_of(np.zeros((9, 9))), "", ())
    page = explore_page(PageSetup(source, [given], ConvOptions()))
    state = json.loads(re.search(r"data-convcli-state>(.*?)</script>", page)[1])
    return {"tables": state["kernels"], "code": state["code"]}


def random_kernels(rng, choose):
    """Kernels as a page is written with them, or as they are typed into it."""
    kind = choose.randrange(4)
    if kind == 0:
        return read_spec(choose.choice(TYPED))
    if kind == 1:
        return read_spec(choose.choice(list(CATALOGUE)))
    planes = choose.choice([(), (), (3,)])
    count = choose.choice([1, 2, 3])
    sizes = [[choose.randint(1, 8), choose.randint(1, 8)] for _ in range(count)]
    same = sizes[0] if choose.random() < 0.8 else None

    def kernel(number):
        shape = (*planes, *(same or sizes[number]))
        largest = choose.choice([4, 4, 400, 2**24, 2**45])
        whole = choose.random() < 0.7
        matrix = rng.integers(-largest, largest, shape) if whole else rng.normal(0, 1, shape)
        divisor = choose.choice([1, 1, 2, 16, -4, 0.7])
        return Kernel(matrix, divisor, choose.choice([0, 0, 5, -2.5]), name=f"k{number}")

    kernels = tuple(map(kernel, range(count)))
    bank = count > 1 and len({each.shape for each in kernels}) == 1 and choose.random() < 0.2
    combine = None if count == 1 or bank else choose.choice(COMBINATIONS[:4])
    return KernelSet("given", kernels, combine)


def random_case(rng, choose):
    """Settings for the page, and the same filter for Python."""
    kernels = random_kernels(rng, choose)
    border = choose.choice(BORDERS)
    conv = ConvOptions(
        choose.choice(["correlate", "convolve"]),
        choose.choice([*PADDINGS, "same", "same", "valid", "full", 0, 1, (1, 2), (2, 0, 1, 9)]),
        border,
        choose.choice([7, -3.5, 0, 255]) if border == "constant" else 0,
        choose.choice([1, 1, 2, (1, 3)]),
        choose.choice([1, 1, 2, (2, 1)]),
        choose.choice(["before", "before", "after", (0, 0), (1, 2)]),
    )
    if len({kernel.shape for kernel in kernels.kernels}) > 1 and choose.random() < 0.5:
        padding = choose.choice(["same-upper", "same-lower"])  # the pads of each are its own
        conv = conv._replace(padding=padding, stride=choose.choice([2, (1, 3)]), anchor="before")
    divisor, bias = choose.choice([None, None, 1, 9, 0.5]), choose.choice([None, None, 0, 3, 0.25])
    combine = choose.choice([None, *COMBINATIONS[:4]]) if kernels.combine else None
    percentile = choose.choice([(1.0, 99.0), (2.5, 97.0)])
    group = next(iter(group_kernels([kernels])))
    divided = [
        kernel if divisor is None else kernel.with_divisor(int_if_whole(divisor))
        for kernel in group.kernels
    ]
    name = choose.choice(RANGES)
    image_filter = Filter(
        group.label, tuple(divided), combine or group.combine, conv,
        range=name, bias=bias, percentile=percentile,
    )  # fmt: skip
    channels = choose.choice(["auto", "auto", "gray", "rgb", "r", "g", "b"])
    planes = kernels.kernels[0].matrix.ndim == 3
    shape = [48, 48, len(kernels.kernels[0].matrix) if planes else choose.choice([1, 3])]
    words = ([] if channels == "auto" else ["--channels", channels]) + ["image.png"]
    case = {
        "input": {
            "shape": shape, "words": words, "name": "image", "channels": [""] * shape[2],
            "maxValue": choose.choice([255, 65535]),
        },
        "kernels": [] if kernels.label in KNOWN else [
            kernel_table(PageKernel(kernels, ("-k", kernels.label)), "")
        ],
        "settings": {
            **conv._asdict(), "kernel": kernels.label, "divisor": divisor, "bias": bias,
            "combine": combine, "range": name, "percentile": percentile,
        },
        "library": choose.choice(LIBRARIES),
        "isSnippet": choose.random() < 0.2,
    }  # fmt: skip
    return case, image_filter, channels


def written(case, image_filter, channels, command):
    """What Python's ``code`` answers to a case: a program, or why there is none."""
    try:
        text = write_program(
            case["library"], image_filter, channels=channels, command=command,
            snippet=case["isSnippet"],
        )  # fmt: skip
    except ConvcliError as error:
        return {"error": str(error)}
    return {"command": command, "text": text}


def test_programs_are_those_of_python(run_cases, start):
    rng, choose = np.random.default_rng(16), random.Random(16)
    cases = [random_case(rng, choose) for _ in range(500)]
    _, *answers = run_cases([start, *(case for case, _, _ in cases)])
    programs = 0
    for (case, image_filter, channels), got in zip(cases, answers, strict=True):
        if "refused" not in got:  # by the page, which shows no map of such settings
            want = written(case, image_filter, channels, got.get("command"))
            assert got == want, case["settings"]
            programs += "text" in got
    assert programs > 350


def test_the_command_gives_the_program(run_cases, start):
    """Read by a shell, options and all, it is the command of the same program."""
    [kernels] = read_specs(["sobel"], divisor=4)
    entry = PageKernel(kernels, ("-k", 'a\\b"""c\nd.txt'), ("--divisor", "4"))
    table = kernel_table(entry, "") | {"spec": "given"}
    settings = {
        "kernel": "given", "padding": [1, 2, 0, 3], "border": "constant", "fill": 2.5, "stride": 2,
        "anchor": [1, 1], "operation": "convolve", "range": "percentile", "percentile": [3, 97],
        "bias": -1.5, "combine": "sum",
    }  # fmt: skip
    size = {"shape": [9, 9, 1], "name": "", "maxValue": 255, "channels": [""]}
    words = ["--resize", "9x9", "--channels", "gray", "a.png"]
    case = {"input": {**size, "words": words}, "kernels": [table], "settings": settings}
    cases = [{**case, "library": library, "isSnippet": False} for library in LIBRARIES]
    _, *answers = run_cases([start, *cases])
    for library, got in zip(LIBRARIES, answers, strict=True):
        docstring, _, program = got["text"].partition("import")
        words = shlex.split(got["command"])
        assert words[3] == 'a\\b"""c; d.txt'
        assert words[3] in ast.literal_eval(docstring)
        words = ["code", *words[2:3], "sobel", *words[4:], "--for", library]
        result = CliRunner().invoke(root, words)
        assert result.exit_code == 0, result.output
        assert result.stdout.partition("import")[2] == program


def test_programs_for_scipy_pad_where_it_reflects_wrongly(run_cases, start):
    image = {"shape": [9, 9, 1], "words": ["a.png"], "name": "", "maxValue": 255, "channels": [""]}
    cases = [
        {
            "input": image, "kernels": [], "library": "scipy", "isSnippet": False,
            "settings": {"kernel": f"box:{side}", "border": "symmetric"},
        }
        for side in ("15", "17x1", "1x17")
    ]  # fmt: skip
    _, *answers = run_cases([start, *cases])
    for got in answers:
        words = shlex.split(got["command"])[2:]
        program = CliRunner().invoke(root, ["code", *words, "--for", "scipy"]).stdout
        assert got["text"].partition("import")[2] == program.partition("import")[2]
    assert ["np.pad" in got["text"] for got in answers] == [False, True, True]
