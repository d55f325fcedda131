"""A real scheduler and real worker processes on this machine, some of which are killed."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("distributed") is None, reason="distributed is not installed"
    ),
    pytest.mark.slow,
    pytest.mark.processes,
    pytest.mark.posix,
    pytest.mark.skipif(os.name != "posix", reason="kills processes"),
]

COMMAND = [sys.executable, "-m", "convcli", "apply"]
SLOW = ["-k", "gaussian:63,sigma=9", "--method", "direct"]
# A worker that dies once it has written a certain image, before it can tell.
PRELOAD = """
import os
from pathlib import Path
from convcli.batch.executors import dask_worker

def run_job(job, options):
    result = real(job, options)
    if "last-breath" in job.source.path:
        mark = Path("died")
        if not mark.exists():
            mark.touch()
            os.kill(os.getpid(), 9)
    return result

real = dask_worker.__dict__.setdefault("real", dask_worker.run_job)
dask_worker.run_job = run_job
"""


class Process(subprocess.Popen):
    """A process and the file of its messages."""

    log: Path


class Dask:
    """Schedulers and workers, whose working folder is none of ours."""

    def __init__(self, folder):
        self.folder = folder
        (folder / "preload.py").write_text(PRELOAD)
        self.processes = []

    def start(self, *arguments, **env):
        with (self.folder / f"log{len(self.processes)}").open("wb") as log:
            process = Process(
                [sys.executable, "-m", "dask", *arguments],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=os.environ | env,
            )
        process.log = Path(log.name)
        self.processes.append(process)
        return process

    def scheduler(self):
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port = str(sock.getsockname()[1])
        options = ["--no-dashboard", "--dashboard-address", "127.0.0.1:0"]
        process = self.start("scheduler", "--host", "127.0.0.1", "--port", port, *options)
        process.address = f"tcp://127.0.0.1:{port}"
        return process

    def worker(self, scheduler, *arguments, **env):
        options = [
            "--nthreads",
            "1",
            "--no-nanny",
            "--no-dashboard",
            "--local-directory",
            "scratch",
        ]
        return self.start("worker", scheduler.address, *options, *arguments, **env)

    def cluster(self, size):
        scheduler = self.scheduler()
        workers = [self.worker(scheduler, "--preload", "preload.py") for _ in range(size)]
        for worker in workers:
            until_registered(worker)
        return scheduler, workers

    def end(self):
        for process in self.processes:
            process.kill()
            process.wait()


def wait_for(condition):
    """Poll until a condition holds."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def until_registered(worker):
    wait_for(lambda: worker.poll() is not None or "Registered to" in worker.log.read_text())
    assert worker.poll() is None, worker.log.read_text()


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """A cluster of two workers that live as long as they are asked for."""
    dask = Dask(tmp_path_factory.mktemp("dask"))
    scheduler, _ = dask.cluster(2)
    yield scheduler.address
    dask.end()


@pytest.fixture(scope="module")
def lonely(tmp_path_factory):
    """A scheduler to which nothing is connected, and what starts workers for it."""
    dask = Dask(tmp_path_factory.mktemp("dask"))
    yield dask.scheduler(), dask
    dask.end()


@pytest.fixture
def dask(tmp_path_factory):
    """Schedulers and workers that may be killed."""
    started = Dask(tmp_path_factory.mktemp("dask"))
    yield started
    started.end()


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def images(number, size=(40, 60)):
    """Make images that differ."""
    Path("in").mkdir()
    rng = np.random.default_rng(0)
    for index in range(number):
        Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).save(f"in/{index:02}.png")


def start(*arguments):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*COMMAND, *map(str, arguments)], **pipes)


def run(*arguments):
    process = start(*arguments)
    try:
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert "Traceback" not in err
    return process.returncode, out.splitlines(), err.splitlines()


def names(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def contents(folder):
    return {path.name: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}


def test_the_same_bytes_names_and_errors_as_without(address):
    images(12)
    Path("in/05.png").write_bytes(b"no image")
    Path("out").mkdir()
    Path("out/07_outline.png").write_bytes(b"mine")
    Path("out/a file").touch()
    alone = run("-k", "outline", "in", "gone.png", "--out-dir", "out")
    expected = contents("out")
    for name in set(expected) - {"07_outline.png", "a file"}:
        Path("out", name).unlink()
    together = run("-k", "outline", "in", "gone.png", "--out-dir", "out", "--scheduler", address)
    assert together == alone
    assert alone[0] == 1
    assert len(alone[1]) == 10
    assert contents("out") == expected


def test_names_are_ours_wherever_the_workers_are(address, here):
    images(2)
    Path("sub").mkdir()
    os.chdir("sub")
    Path("file").touch()
    at = ["--scheduler", address, "-k", "blur"]
    assert run(*at, "../in", "--out-dir", "./out") == (
        0,
        ["out/00_blur.png", "out/01_blur.png"],
        [],
    )
    code, out, err = run(*at, here / "in/00.png", "--out-dir", "out")
    assert (code, out) == (1, [])
    assert err == ["Error: out/00_blur.png: exists already; --overwrite replaces it"]
    code, out, err = run(*at, "../in/00.png", "-o", "file/x.png")
    assert (code, out) == (1, [])
    assert err == ["Error: file/x.png: cannot be written: file is a file"]
    made = [f"{here}/in/00-b.png"]
    assert run(*at, here / "in/00.png", "--name", "{stem}-b{suffix}") == (0, made, [])


def test_standard_output_is_ours(address):
    images(1)
    run("-k", "blur", "in/00.png", "-o", "alone.png")
    at = ["--scheduler", address, "-k", "blur", "in/00.png"]
    done = subprocess.run([*COMMAND, *at, "-o", "-"], capture_output=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == (Path("alone.png").read_bytes(), b"")
    os.mkfifo("pipe.png")
    code, _, err = run(*at, "-o", "pipe.png")
    assert (code, err) == (2, ["Error: pipe.png: a cluster's workers cannot write to a stream"])


def test_a_timeout_holds(address):
    images(3)
    Image.new("RGB", (1500, 1500)).save("in/01.png")
    limit = ["--timeout", "1.5", "--scheduler", address]
    code, out, err = run(*SLOW, "in", "--out-dir", "out", *limit)
    assert (code, len(out)) == (1, 2)
    assert err[0] == "Error: in/01.png: took longer than --timeout 1.5 seconds"
    made = [f"{n}_gaussian-63-sigma-9.png" for n in ("00", "02")]
    wait_for(lambda: names("out") == made)  # the thread has ended, without a temporary file


def test_an_interrupt_ends_at_once(address):
    images(40, (300, 300))
    process = start(*SLOW, "in", "--out-dir", "out", "--scheduler", address)
    process.stdout.readline()
    for _ in range(2):
        process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (130, "Error: interrupted\n")
    assert len(names("out")) < 40


def test_the_images_of_a_killed_worker_are_filtered_by_another(dask):
    scheduler, workers = dask.cluster(2)
    images(12, (200, 200))
    Path("in/05.png").rename("in/last-breath.png")
    blurred = [f"out/{name[:-4]}_blur.png" for name in names("in")]
    at = ["--scheduler", scheduler.address, "--out-dir", "out"]
    assert run("-k", "blur", "in", *at) == (0, blurred, [])  # one has died, its result was there
    assert sum(worker.poll() is not None for worker in workers) == 1
    until_registered(dask.worker(scheduler))
    process = start(*SLOW, "in", *at)
    first = process.stdout.readline()
    next(worker for worker in workers if worker.poll() is None).kill()
    out = process.stdout.read()
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    smooth = [name.replace("blur", "gaussian-63-sigma-9") for name in blurred]
    assert (first + out).split() == smooth
    assert [f"out/{name}" for name in names("out")] == sorted(blurred + smooth)


def test_a_scheduler_that_vanishes_ends_the_run(dask):
    scheduler, _ = dask.cluster(1)
    images(40, (300, 300))
    process = start(*SLOW, "in", "--out-dir", "out", "--scheduler", scheduler.address)
    process.stdout.readline()
    scheduler.kill()
    _, err = process.communicate(timeout=20)
    said = f"Error: {scheduler.address}: the scheduler has gone; continue with --skip-existing\n"
    assert (process.returncode, err) == (1, said)


def test_addresses_without_a_scheduler_or_a_worker(lonely):
    images(1)
    empty = lonely[0].address
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        silent = f"tcp://127.0.0.1:{mute.getsockname()[1]}"
        free = "tcp://127.0.0.1:1"
        addresses = (free, silent, empty)
        runs = [start("-k", "blur", "in", "--scheduler", each) for each in addresses]
        ends = [process.communicate(timeout=30) for process in runs]
    assert [process.returncode for process in runs] == [2, 2, 2]
    assert [out for out, _ in ends] == ["", "", ""]
    for address, (_, err), said in zip(
        addresses,
        ends,
        ["cannot be reached", "not a Dask scheduler", f"dask worker {empty}"],
        strict=True,
    ):
        assert err.startswith("Error: ")
        assert err.count("\n") == 1
        assert address in err
        assert said in err


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("__version__ = '0.0.1'", "has convcli 0.0.1; here it is"),
        ("import gone", "has no convcli;"),
    ],
)
def test_a_worker_with_another_version_or_none(lonely, here, code, said):
    Path("other/convcli").mkdir(parents=True)
    Path("other/convcli/__init__.py").write_text(code)
    images(1)
    scheduler, dask = lonely
    worker = dask.worker(scheduler, PYTHONPATH=str(here / "other"))
    until_registered(worker)
    code, out, (err,) = run("-k", "blur", "in", "--scheduler", scheduler.address)
    removed = scheduler.log.read_text().count("Remove worker")
    worker.kill()
    wait_for(lambda: scheduler.log.read_text().count("Remove worker") > removed)
    assert (code, out) == (2, [])
    assert err.startswith("Error: the worker tcp://127.0.0.1:")
    assert said in err
