"""The guided search, for a limited time and only if atheris is installed, finds no fault."""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.fuzz, pytest.mark.processes]
GUIDED = Path(__file__).with_name("guided.py")
RUNS = 1000
WITHOUT = (
    "import runpy, sys; sys.modules['atheris'] = None; sys.argv = ['guided.py', 'spec'];"
    f"runpy.run_path({str(GUIDED)!r}, run_name='__main__')"
)


def test_without_atheris_it_says_so():
    done = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "atheris is not installed" in done.stdout


@pytest.mark.parametrize("target", ["readers", "spec", "models"])
def test_a_short_search_finds_nothing(target, tmp_path):
    pytest.importorskip("atheris")
    command = [sys.executable, str(GUIDED), target, "--runs", str(RUNS), "--keep", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=120)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert f"Done {RUNS} in" in done.stderr
