"""Settings of every test, and pictures to compare with what is drawn."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from PIL import Image

settings.register_profile(
    "same-everywhere",
    derandomize=True,
    deadline=None,
    database=None,
    print_blob=False,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("same-everywhere")

MEAN_DIFFERENCE, FAR, FAR_SHARE = 3.0, 48, 0.03  # of 255: on average, of one pixel; of all pixels


def frames(path: Path) -> list[np.ndarray]:
    """Return the first, the middle and the last picture of a file as (H, W, 3)."""
    with Image.open(path) as image:
        count = getattr(image, "n_frames", 1)
        taken = []
        for number in sorted({0, count // 2, count - 1}):
            image.seek(number)
            taken.append(np.asarray(image.convert("RGB")).astype(int))
        return taken


def assert_alike(drawn: Path, kept: Path) -> None:
    if os.environ.get("GOLDEN") == "write":
        shutil.copyfile(drawn, kept)
        return
    assert kept.exists(), f"{kept} is missing: GOLDEN=write writes it"
    for found, expected in zip(frames(drawn), frames(kept), strict=True):
        assert found.shape == expected.shape, f"{kept.name}: the size differs from {drawn}"
        apart = np.abs(found - expected).max(axis=2)
        mean, share = apart.mean(), (apart > FAR).mean()
        assert mean <= MEAN_DIFFERENCE, f"{kept.name}: differs by {mean:.2f} on average: {drawn}"
        assert share <= FAR_SHARE, f"{kept.name}: {share:.1%} of the pixels differ: {drawn}"


@pytest.fixture
def alike() -> Callable[[Path, Path], None]:
    """Compare a drawn picture with one that was looked at: ``alike(drawn, kept)``.

    Letters and lines may be rasterised a little differently by another version of matplotlib: the
    mean difference and the share of pixels that are far off have to be small. After a change that
    is meant, look at what a run with ``GOLDEN=write`` in the environment puts in place, and
    commit it.
    """
    return assert_alike
