"""A user's program: it runs, and passes ``mypy --strict``.

``warn_unused_ignores`` is part of strict, so each ignored line is one that mypy refuses.
"""

from pathlib import Path
from typing import Any, assert_type

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

import convcli
from convcli import (
    Chain,
    ChainExplanation,
    ChainSummary,
    ConvcliError,
    Explanation,
    ExplorePage,
    Kernel,
    KernelSet,
    LearnResult,
    ReceptiveField,
    animate,
    convolve,
    cross_correlate,
    explain,
    explore,
    get_filter,
    get_kernel,
    learn_kernel,
    list_kernels,
    output_size,
    pad,
    pool,
    read_image,
    receptive_field,
)
from convcli.teaching.explore.widget import ExploreWidget

IMAGE = np.arange(48, dtype=np.uint8).reshape(6, 8)


def filtered() -> list[NDArray[Any]]:
    """Arrays, nested lists and kernels; every way to give a padding or a pair."""
    sharpen = Kernel([[0, -1, 0], [-1, 5, -1], [0, -1, 0]], name="sharpen")
    return [
        cross_correlate(IMAGE, [[1, 2, 1]], padding="valid", border="replicate"),
        cross_correlate([[1, 2], [3, 4]], sharpen, padding=[1, 2], stride=(1, 2)),
        cross_correlate(IMAGE, sharpen.weights, padding=(0, 1, 2, 3), dtype=np.uint8, threads=1),
        convolve(read_image("signal:box", x=(-1, 1, 5)), get_kernel("signal:step", x="0:1:3")),
        convolve(IMAGE, get_kernel("gaussian:3"), dilation=[2, 1], method="direct"),
        convolve(IMAGE, [1, 2, 1], border="constant", fill=np.float32(0.5), stride=np.int64(2)),
        cross_correlate(Image.fromarray(IMAGE), "sobel", padding=np.array([1, 2])),
        cross_correlate(IMAGE, get_filter("sobel"), divisor=np.int32(4), bias=0.5),
        pool(IMAGE, (2, 3), "avg", stride=[1, 2], ceil=True),
        pool(Image.fromarray(IMAGE), np.uint8(2), ceil_mode=True, count_include_pad=False),
    ]


def banks() -> list[NDArray[Any]]:
    """A list of kernels, and a bias for each filter."""
    return [
        cross_correlate(IMAGE, [get_kernel("sobel-x"), Kernel(np.ones((3, 3)))], bias=[1, 2.5]),
        cross_correlate(IMAGE, np.ones((2, 1, 3, 3)), bias=np.array([1, 2])),
    ]


def refused() -> None:
    """Words and types that are wrong."""
    cross_correlate(IMAGE, [[1]], border="mirrored")  # type: ignore[arg-type]
    cross_correlate(IMAGE, [[1]], padding="Same")  # type: ignore[arg-type]
    convolve(IMAGE, [[1]], method="gpu")  # type: ignore[arg-type]
    pool(IMAGE, 2, "median")  # type: ignore[arg-type]
    pad(IMAGE, 1, "mirrored")  # type: ignore[arg-type]
    read_image("@letter-h", "alpha")  # type: ignore[arg-type]
    explain(IMAGE, "blur", (0, 0), range="wide")  # type: ignore[arg-type]
    output_size("5", 3)  # type: ignore[arg-type]
    Chain(3)  # type: ignore[arg-type]
    explained()[0].plot(panels=["result"])  # type: ignore[call-arg]
    explained()[0].plot(theme="light")  # type: ignore[arg-type]


def explained() -> list[Explanation]:
    """Weights, kernels and SPEC text."""
    return [
        explain(IMAGE, [[1, 2], [3, 4]], (0, 0), padding=1, border="wrap"),
        explain(IMAGE, Kernel([[1, -1]]), [1, 1], activation="relu", range="offset"),
        explain(IMAGE, "sobel", (2, 3), operation="convolve", combine="magnitude"),
        explain(IMAGE, "blur", (0, 0), mask=IMAGE > 9, nan="ignore", min_valid=0.5),
    ]


def chained() -> ChainSummary:
    """Layers as texts, or as one text; shapes as tuples and arrays."""
    chain = Chain(["conv -k outline", "relu", "maxpool 2"])
    assert_type(chain(IMAGE), NDArray[Any])
    assert_type(Chain("relu abs").maps(Image.fromarray(IMAGE)), list[NDArray[Any]])
    assert_type(chain[:2].layers, tuple[str, ...])
    assert_type(chain[0], Chain)
    assert_type(chain.explain(IMAGE, (1, 2)), ChainExplanation)
    chain[:2].explain(IMAGE.tolist(), [1, 2], map=np.int64(1))
    chain.summary(np.array([6, 8]))
    return chain.summary(IMAGE.shape)


def explored(folder: Path) -> ExplorePage:
    page = explore(IMAGE, "sobel-x", padding=(1, 2), border="reflect", at=(1, 2))
    page.save(folder / "page.html", overwrite=True)
    assert_type(explore([1, 2, 3], [1, 2], at=1), ExplorePage)
    lesson = explore(IMAGE, "blur", percentile=[1, 98], layers="relu", widget=True)
    lesson.set(kernel=[[1, 2]], stride=2)
    assert_type(lesson, ExploreWidget)
    assert_type(lesson.kernels[0], Kernel)
    return page


def learned() -> LearnResult:
    """One pair of images, or several."""
    images = [np.random.default_rng(seed).integers(0, 256, (12, 15)) for seed in range(2)]
    results = [cross_correlate(image, [[1, 2, 1]]) for image in images]
    learn_kernel(images[0], results[0], [1, 3], padding="same", border="edge")
    return learn_kernel(images, results, (1, 3), bias=False)


def drawn() -> list[Figure]:
    """Results draw themselves."""
    return [
        convcli.plot(IMAGE, "sobel-x", panels=["result"], theme="slide"),
        explain(IMAGE, "blur", (0, 0)).plot(theme="paper", digits=2),
        Chain("relu").plot(IMAGE, scale="own", limits=(0, 9), titles=["a", "b"]),
        Chain("relu").explain(IMAGE, (1, 2)).plot(width=9, cmap="gray"),
        learned().plot(get_kernel("1 2 1"), title=""),
    ]


def main(folder: Path) -> None:
    """Use every public function."""
    assert_type(output_size(5, 3), int)
    assert_type(output_size((5, 7), 3, padding=[1, 2], stride=2), tuple[int, int])
    assert_type(receptive_field([(3,), [3, 2]]), ReceptiveField)
    assert_type(receptive_field([(3, 1, 1, 2)]).size, int)
    assert [result.ndim for result in filtered()] == [2] * 10
    assert [result.ndim for result in banks()] == [3, 3]
    assert_type(list_kernels(), dict[str, str])
    np.save(folder / "gray.npy", IMAGE)
    assert (read_image(folder / "gray.npy", "gray") == IMAGE).all()
    assert pad(IMAGE, [1, 2], "mirror").shape == (8, 12)
    assert pad(IMAGE, "full", "constant", fill=np.int64(3), kernel_size=(3, 1)).shape == (10, 8)
    assert_type(get_filter("sobel"), KernelSet)
    assert_type(output_size(np.int64(5), 3), int)
    assert_type(output_size(5, (3, 2)), int | tuple[int, int])
    assert_type(receptive_field(np.array([[7, 2, 3]])), ReceptiveField)
    assert [len(explanation.outputs) for explanation in explained()] == [1, 1, 1, 1]
    assert chained().layers[-1].output_shape == (3, 4)
    assert_type(convcli.plot("blur").save(folder / "blur.svg"), None)
    written = animate(IMAGE, "blur", folder / "blur.gif", last=(0, 1), fps=2.5, theme="slide")
    assert_type(written, list[Path])
    assert min(figure.get_figwidth() for figure in drawn()) > 2
    assert np.allclose(learned().weights, [[1, 2, 1]])
    try:
        get_kernel(str(folder / "missing.txt"))
    except convcli.KernelError as error:
        problem: ConvcliError = error
        assert "missing.txt" in str(problem)
