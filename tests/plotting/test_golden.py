"""The comparison with golden images: it finds changes, and tolerates faint differences."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from convcli.kernels.kernel import Kernel
from convcli.plotting.heatmap import draw_kernel


@pytest.fixture(autouse=True)
def _comparing(monkeypatch, request):
    """Write the one true reference only, where references are being written."""
    if request.node.name != "test_the_same_figure_passes":
        monkeypatch.delenv("GOLDEN", raising=False)


def kernel_figure(weight: int = -1) -> Figure:
    return draw_kernel(Kernel([[1, 2, 1], [0, 0, 0], [weight, -2, -1]], name="sobel"))


def test_the_same_figure_passes(golden):
    golden(kernel_figure(), "kernel")


@pytest.mark.parametrize("shift", [-2, 2])
def test_faint_differences_pass(golden, rendered_kernel, shift):
    golden(np.clip(rendered_kernel.astype(int) + shift, 0, 255).astype(np.uint8), "kernel")


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        lambda pixels: pixels[1:],
        lambda pixels: np.roll(pixels, 4, axis=1),
        lambda pixels: np.full_like(pixels, 255),
    ],
    ids=["size", "moved", "empty"],
)
def test_another_image_fails(golden, rendered_kernel, change):
    with pytest.raises(AssertionError, match="differ"):
        golden(change(rendered_kernel), "kernel")


@pytest.mark.slow
def test_another_weight_fails(golden):
    with pytest.raises(AssertionError, match="differ"):
        golden(kernel_figure(2), "kernel")


@pytest.fixture
def rendered_kernel(render):
    return render(kernel_figure())
