"""Peers do the same work as convcli, and the table holds what was timed."""

import json
import math
import subprocess
import sys
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2")
HERE = Path(__file__).parent
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


def start(program, *options):
    command = [sys.executable, str(HERE / program), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.mark.parametrize(("text", "peer"), SMALL)
def test_peers_do_the_same_work(text, peer):
    import measure
    import peers
    from work import Work

    if not peers.PEERS[peer].installed:
        pytest.skip(f"{peers.PEERS[peer].library} is not installed")
    work = Work(text)
    times = measure.measure(work, peers.contestants(work, (peer,)), 0)
    assert times.seconds.keys() == {"convcli", peer}
    assert not times.differs


def test_another_result_is_reported():
    import measure
    import peers
    from work import Work

    works = [Work("photo u1 40x50 | outline"), Work("photo u1 40x50 | sharpen")]
    first, second = (peers.contestants(work, ("filter2D",)) for work in works)
    assert measure.measure(works[0], first | {"filter2D": second["filter2D"]}, 0).differs
    assert not measure.agree(np.zeros((2, 2)), np.zeros((2, 3)))


def test_a_kernel_may_be_new_at_each_call():
    from work import Work

    kernel = np.ones((3, 3))
    for text, new in (
        ("photo f4 8x8 | normal 3x3", False),
        ("photo f4 8x8 | normal 3x3 | new", True),
    ):
        take = Work(text).each_call(kernel)
        assert np.array_equal(take(), take()) != new


def test_every_row_can_be_made_and_is_there_once():
    import rows
    from peers import PEERS
    from work import IMAGES, Work

    table = [(row.name, row.peer) for group in rows.GROUPS.values() for row in group]
    assert len(table) == len(set(table))
    assert rows.MEANS.keys() <= rows.GROUPS.keys()
    for text, peer in table:
        work = Work(text)
        assert work.image.split()[0] in IMAGES
        assert all((*work.shape, *work.window))
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
    assert line(result, {"ratio": 8, "one_thread_ratio": 2}).split()[-3:] == [
        "0.50x",
        "2.00",
        "2.00x",
    ]
    assert "DIFFERS from filter2D" in line(result._replace(differs=True))


@pytest.mark.slow
@pytest.mark.processes
def test_the_program_writes_what_it_prints(tmp_path):
    target = tmp_path / "numbers.json"
    options = ["calls", "--only", "photo u1 8x8", "--repeats", "1"]
    printed = start("run.py", *options, "--json", str(target))
    results = json.loads(target.read_text())
    assert results["machine"]["versions"]["numpy"] == np.__version__
    (row,) = results["rows"]
    assert f"calls: {row['row']} " in printed
    assert math.isclose(row["ratio"], row["figures"]["convcli"] / row["figures"]["filter2D"])
    assert not row["differs"]


@pytest.mark.slow
@pytest.mark.processes
def test_commands_take_turns_and_agree(tmp_path):
    import commands

    make = partial(commands.photograph, size=(60, 40))
    (jpeg,) = (one for one in commands.GROUPS["commands"] if "JPEG" in one.name)
    wall, peak = commands.measure("commands", jpeg._replace(make=make), 1, tmp_path)
    assert (wall.unit, peak.unit) == ("s", "B")
    assert wall.one_thread.keys() == wall.figures.keys() == {"convcli", "OpenCV"}
    assert not wall.differs
    other = tmp_path / "other.jpg"
    commands.photograph(other, (60, 40), 1)
    assert not commands.agree(tmp_path / "in.jpg", other)


@pytest.mark.slow
@pytest.mark.processes
def test_folders_are_filtered_by_all(tmp_path):
    import commands

    make = partial(commands.photographs, count=3, size=(60, 40), suffix=".png")
    pair = {who: commands.FOLDER[who] for who in ("convcli", "OpenCV")}
    pngs = commands.Command("PNGs", make, "in", pair, {commands.WALL: 1})
    (result,) = commands.measure("folders", pngs, 1, tmp_path)
    assert not result.differs
    assert result.ratio > 0
    commands.tiny_files(tmp_path / "tiny", 10)
    assert len(list((tmp_path / "tiny").iterdir())) == 10


def test_draws_depend_on_the_seed_alone():
    import cliffs
    from work import Work

    first = list(islice(cliffs.draws(3), 20))
    assert first == list(islice(cliffs.draws(3), 20))
    assert first != list(islice(cliffs.draws(4), 20))
    assert all(Work(text).text == text for text in first)


def test_a_cliff_is_timed_beside_a_peer_or_plain_work():
    import cliffs

    found = cliffs.time_work("photo u1 40x50 | outline | stride 2")
    assert (found.peer, found.samples) == ("filter2D", 20 * 25)
    assert str(found).endswith(found.text)
    assert cliffs.time_work("nan-one f4 20x20x5 | normal 3x3").peer == "plain work"
