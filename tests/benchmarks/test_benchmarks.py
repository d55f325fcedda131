"""The benchmark works: it compares before it times, and writes what it says."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")
RUN = Path(__file__).with_name("run.py")
ROW = "outline uint8->uint8 gray 0.004MP"


@pytest.mark.slow
def test_smallest_row(tmp_path):
    target = tmp_path / "numbers.json"
    command = [sys.executable, str(RUN), "--quick", "--only", f"^{ROW}$", "--repeats", "1"]
    options = ["--peers", "filter2d,pillow,einsum", "--json", str(target)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert ROW in done.stdout
    assert "DISAGREES" not in done.stdout
    results = json.loads(target.read_text())
    assert set(results) == {"machine", "rows", "commands", "means"}
    assert results["machine"]["versions"]["numpy"] == np.__version__
    (row,) = results["rows"]
    assert row["row"] == ROW
    assert row["samples"] == 64 * 64
    times = row["ns_per_sample"]
    assert set(times) == {"convcli", "filter2d", "pillow", "einsum"}
    for peer in ("filter2d", "pillow", "einsum"):
        assert math.isclose(row["ratio"][peer], times["convcli"] / times[peer])
        assert row["difference"][peer] <= 1
    mean = results["means"]["all rows"]["filter2d"]["mean"]
    assert math.isclose(mean, row["ratio"]["filter2d"])


@pytest.mark.parametrize("types", [("uint8", "uint8"), ("float32", "float32")])
def test_another_result_is_reported(types):
    import grid
    import measure
    import peers

    job = grid.job(grid.Row("random:5", *types, "RGB", 0.004))
    shifted = job._replace(kernel=grid.job(grid.Row("random:3", *types, "RGB", 0.004)).kernel)
    rivals = {"alike": peers.filter2d, "other": lambda job: peers.filter2d(shifted)}
    measured, left_out = measure.contest(job, rivals, 0)
    assert measured.disagree == ["other"]
    assert left_out == {}


@pytest.mark.parametrize("kernel", ["random:5", "correlated:30", "blur"])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2)])
def test_peers_do_the_same_job(kernel, stride, dilation):
    pytest.importorskip("scipy")
    import grid
    import measure
    import peers

    job = grid.job(grid.Row(kernel, "uint16", "uint16", "RGB", 0.004, stride, dilation))
    rivals = {name: peer for name, peer in peers.PEERS.items() if name != "torch"}
    measured, _ = measure.contest(job, rivals, 0)
    assert measured.disagree == []
    assert {"filter2d", "einsum"} <= measured.difference.keys()
    assert ("ndimage" in measured.difference) == (stride == dilation == 1)


def test_a_slow_peer_is_left_out(monkeypatch):
    import grid
    import measure
    import peers

    monkeypatch.setattr(measure, "CAP", 0)
    job = grid.job(grid.Row("outline", "uint8", "uint8", "gray", 0.25))
    rivals = {"filter2d": peers.filter2d, "einsum": peers.einsum}
    measured, left_out = measure.contest(job, rivals, 0)
    assert left_out.keys() == {"einsum"}
    assert left_out["einsum"] > 0
    assert set(measured.seconds) == {"convcli", "filter2d"}


def test_the_grid_has_each_row_once():
    import grid

    names = [row.name for row in grid.rows()]
    assert len(names) == len(set(names))
    assert {row.name for row in grid.rows(quick=True)} < set(names)
