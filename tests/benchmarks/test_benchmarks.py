"""Peers do the same work as convcli, and the table holds what was timed."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")
RUN = Path(__file__).with_name("run.py")
SMALL = [
    ("photo u1 40x50x3 | outline", "filter2D"),
    ("photo u1 40x50 | normal 4x5 | stride 2, dilation 2, to u1", "filter2D"),
    ("sky f8 40x50 | ramp 3x3 | zero", "filter2D"),
    ("nan-scattered f4 40x50 | holes 5x5", "filter2D"),
    ("nodata-half f4 40x50 | sparse 7x7", "filter2D"),
    ("photo f4 40x50 | outer 5x7 | stride 3", "sepFilter2D"),
    ("photo u1 40x50 | box:5 | to u1", "blur"),
    ("photo u1 40x50 | avg 4x3", "blur"),
    ("photo u1 40x50x3 | max 3x4 | stride 2", "dilate"),
    ("noise f8 40x50 | max 40x50", "numpy max"),
    ("photo u1 20x20 | outline | dilation 30", "numpy take"),
    ("noise u4 40x50x3 | integers 4x5 | stride 2", "ndimage"),
    ("noise f4 20x30x4 | normal32 5x4x3x3 | zero, stride 2, dilation 2", "torch"),
    ("noise f4 20x30x4 | normal 4x3x5 | zero", "torch NCHW"),
]


def run(*options):
    command = [sys.executable, str(RUN), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.mark.parametrize(("text", "peer"), SMALL)
def test_peers_do_the_same_work(text, peer):
    import measure
    import peers
    from work import Work

    if not peers.is_installed(peer):
        pytest.skip(f"{peers.library_of(peer)} is not installed")
    work = Work.parse(text)
    times = measure.measure(work, peers.contestants(work, peer), 0)
    assert not times.differs
    assert times.seconds.keys() == {"convcli", peer}


def test_another_result_is_reported():
    import measure
    import peers
    from work import Work

    texts = ("photo u1 40x50 | outline", "photo u1 40x50 | sharpen")
    pairs = [peers.contestants(Work.parse(text), "filter2D") for text in texts]
    mixed = {"convcli": pairs[0]["convcli"], "filter2D": pairs[1]["filter2D"]}
    assert measure.measure(Work.parse(texts[0]), mixed, 0).differs
    assert measure.agree(np.zeros((2, 2)), np.zeros((2, 3))) is False


def test_every_row_can_be_made_and_is_there_once():
    import rows
    from peers import PEERS
    from work import IMAGES, Work, make_kernel, shape_of

    table = [(row.work, row.peer) for group in rows.GROUPS.values() for row in group.rows]
    assert len(table) == len(set(table))
    for text, peer in table:
        work = Work.parse(text)
        assert str(work) == text
        kind, dtype, _ = work.image.split()
        assert kind in IMAGES
        assert np.dtype(dtype).kind in "uif"
        assert all(shape_of(work.image))
        assert work.pooling or make_kernel(work.kernel)[0].size
        assert peer in PEERS


def test_a_goal_may_be_a_ratio_or_a_time():
    from table import Result, line

    figures = {"convcli": 20e-6, "filter2D": 5e-6}
    result = Result("calls", "row", "filter2D", figures, figures, 3)
    assert result.ratio == pytest.approx(4)
    assert not result.ok
    assert result._replace(goal=4.1).ok
    assert result._replace(call=25e-6).ok
    assert " over " in line(result)
    assert line(result, before=8).endswith("0.50x")
    assert "DIFFERS from filter2D" in line(result._replace(differs=True))


@pytest.mark.slow
@pytest.mark.processes
def test_the_program_writes_what_it_prints(tmp_path):
    target = tmp_path / "numbers.json"
    options = ["calls", "--only", "photo u1 8x8", "--repeats", "1"]
    printed = run(*options, "--json", str(target))
    results = json.loads(target.read_text())
    assert results["machine"]["versions"]["numpy"] == np.__version__
    (row,) = results["rows"]
    assert row["group"] == "calls"
    assert f"calls: {row['row']}" in printed
    assert math.isclose(row["ratio"], row["figures"]["convcli"] / row["figures"]["filter2D"])
    assert not row["differs"]
    assert "before" in run(*options, "--compare", str(target))
