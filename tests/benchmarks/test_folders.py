"""The benchmark of folders works: every contestant does the job, and rows say what was measured."""

import json
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("cv2")
RUN = Path(__file__).with_name("folders.py")
CONVCLI = [sys.executable, "-m", "convcli"]


def measured(place, only):
    import folders

    scale = folders.Scale(images=3, size=(40, 30), repeats=0, tiny=(3, 6), tiny_repeats=1)
    return list(folders.measure(CONVCLI, [], scale, re.compile(only), place))


@pytest.mark.slow
def test_contestants_agree(tmp_path, monkeypatch):
    import folders

    monkeypatch.setattr(folders, "median", lambda times: 1 + len(times))
    folder, jobs = measured(tmp_path, "folder PNG")
    assert (folder["row"], jobs["row"]) == ("folder PNG", "jobs PNG")
    assert folder["agree"]
    assert folder["ratio"] == {"opencv": 1}
    assert set(folder["written_mib"]) == {"convcli", "opencv", "-j 1"}
    assert jobs["faster"] == 1
    assert not folders.line(folder).endswith("!")
    assert folders.line(folder | {"agree": False}).endswith("!")


@pytest.mark.slow
def test_tiny_images(tmp_path):
    few, many, compared = measured(tmp_path, "tiny")
    assert (few["row"], many["row"]) == ("tiny 3", "tiny 6")
    (run,) = many["runs"]
    assert 0 < run["first"] < run["seconds"]
    assert math.isclose(many["whole_ms"], run["seconds"] / 6 * 1000)
    assert math.isclose(compared["peak_ratio"], many["peak_mib"] / few["peak_mib"])


def test_photographs_are_the_same_every_time(tmp_path):
    import folders

    scale = folders.Scale(images=2, size=(40, 30))
    for name in ("a", "b"):
        folders.make_photographs(tmp_path / name, ".png", scale)
    paths = sorted(tmp_path.glob("*/*.png"))
    first, second, again, _ = (np.asarray(Image.open(path)) for path in paths)
    assert first.shape == (30, 40, 3)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, second)


def test_something_else_called_mogrify_is_no_contestant(tmp_path, monkeypatch):
    import folders

    monkeypatch.setenv("PATH", str(tmp_path))
    assert folders.find_mogrify() == []
    program = tmp_path / "mogrify"
    program.write_text("#!/bin/sh\necho Nothing of the kind\n")
    program.chmod(0o755)
    assert folders.find_mogrify() == []
    program.write_text("#!/bin/sh\necho Version: ImageMagick 7\n")
    assert folders.find_mogrify() == ["mogrify"]


@pytest.mark.slow
def test_the_program_writes_what_it_is_asked_for(tmp_path):
    target = tmp_path / "numbers.json"
    command = [sys.executable, str(RUN), "--quick", "--only", "none", "--json", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "load" in done.stdout
    results = json.loads(target.read_text())
    assert results["rows"] == []
    assert results["machine"]["versions"]["numpy"] == np.__version__
