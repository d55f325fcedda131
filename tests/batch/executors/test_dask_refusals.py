"""What a cluster refuses before it is reached, and what a worker does not do twice."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from convcli.batch.executors.dask_worker import input_stamp, work_on
from convcli.batch.inputs import Source
from convcli.batch.job import Job, JobOptions
from convcli.batch.outputs import plan_output

COMMAND = [sys.executable, "-m", "convcli", "apply", "-k", "blur", "in.png"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (9, 7)).save("in.png")


def refusal(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert done.stderr.startswith("Error: ")
    return done.stderr


@pytest.mark.processes
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--jobs", "2"], "--jobs"),
        (["--max-memory", "1G"], "--max-memory"),
        (["--show"], "--show"),
    ],
)
def test_options_of_this_machine(arguments, said):
    assert said in refusal([*COMMAND, *arguments, "--scheduler", "tcp://127.0.0.1:1"])


@pytest.mark.processes
@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("nonsense", "nonsense"),
        ("tcp://127.0.0.1", "missing port"),
        ("foo://127.0.0.1:1", "unknown address scheme"),
    ],
)
def test_what_is_no_address(address, said):
    pytest.importorskip("distributed")
    assert said in refusal([*COMMAND, "--scheduler", address])


@pytest.mark.processes
def test_without_distributed_the_extra_is_named():
    script = (
        "import sys; sys.modules['distributed'] = None; from convcli.cli.main import main;"
        "sys.argv[1:] = 'apply -k blur in.png --scheduler tcp://127.0.0.1:1'.split(); main()"
    )
    said = refusal([sys.executable, "-c", script])
    assert said == "Error: --scheduler needs the extra: pip install 'convcli[dask]'\n"


def test_an_input_that_an_earlier_attempt_replaced_is_not_filtered_twice():
    job = Job(Source("in.png"), (plan_output("in.png", None),))
    before = input_stamp(job)
    assert before is not None
    Image.new("L", (3, 3)).save("in.png")
    replaced = Path("in.png").read_bytes()
    result = work_on(job, JobOptions(()), None, before)
    assert "was replaced" in str(result.error)
    assert Path("in.png").read_bytes() == replaced
    assert input_stamp(Job(Source("in.png"), (plan_output("out.png", None),))) is None
