"""Real processes: what happens when they are killed, slow, hungry, or interrupted."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from multiprocessing import active_children
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

from convcli.atomic import atomic_write
from convcli.batch.executors import process_pool
from convcli.batch.executors.process_pool import ProcessPool
from convcli.batch.executors.start_method import start_process
from convcli.batch.inputs import Source
from convcli.batch.job import Job, JobOptions, JobResult
from convcli.batch.outputs import plan_output
from convcli.errors import ConvcliError
from convcli.filtering.filter import Filter
from convcli.kernels.spec import get_kernel

pytestmark = pytest.mark.processes
once = pytest.mark.parametrize("with_workers", ["forked"], indirect=True)
linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
COMMAND: list[str] = []  # convcli apply
SLOW = ["-k", "gaussian:21,sigma=4", "--method", "direct"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch, with_workers):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys.modules[__name__], "COMMAND", [*with_workers, "apply"])
    return tmp_path


def images(count, size=(60, 40), folder="in", suffix=".png"):
    """Make images that differ; large ones are one and the same file, black and soon compressed."""
    Path(folder).mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    first = Path(folder) / f"000{suffix}"
    for number in range(count):
        path = Path(folder) / f"{number:03}{suffix}"
        if size[0] <= 500:
            Image.fromarray(rng.integers(0, 256, (*size, 3), np.uint8)).save(path)
        elif number:
            os.link(first, path)
        else:
            Image.new("RGB", size).save(path)


def run(*arguments, **options):
    done = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False, **options
    )
    assert "Traceback" not in done.stderr
    return done


def start(*arguments, **options):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*COMMAND, *arguments], **pipes, **options)


def children(parent):
    """Process numbers of a process's children."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            stat = (entry / "stat").read_text()
        except OSError:
            continue
        if int(stat.rpartition(")")[2].split()[1]) == parent:
            found.append(int(entry.name))
    return found


def workers(parent):
    """The workers of a process: its children, or those of its fork server."""
    if "-m" in COMMAND:
        return children(parent)
    return [worker for child in children(parent) for worker in children(child)]


def sockets(process):
    """The sockets that a process has open."""
    links = [str(path.readlink()) for path in Path(f"/proc/{process}/fd").iterdir()]
    return {link for link in links if link.startswith("socket:")}


def is_running(process):
    """Tell whether a process has a thread left that holds its files; its memory goes before."""
    with suppress(FileNotFoundError, ProcessLookupError):  # its folder is gone
        for thread in Path(f"/proc/{process}/task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):
                status = (thread / "stat").read_text()
                if status.rpartition(")")[2].split()[0] not in ("Z", "X"):
                    return True
    return False


def wait_for(condition):
    """Poll until a condition holds, and return its value."""
    deadline = time.monotonic() + 30
    while not (value := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return value


def machine_mark():
    """The digits that stand for this machine in the name of a temporary file."""
    with atomic_write(Path("mark.txt")):
        (temporary,) = Path().glob(".convcli-*")
    return temporary.name.split("-")[1]


def names(folder):
    return sorted(path.name for path in Path(folder).iterdir())


def no_temporary_files(folder):
    return not [name for name in names(folder) if name.startswith(".")]


def test_results_and_their_order_do_not_depend_on_the_jobs():
    images(12)
    for jobs in "15":
        done = run("-k", "outline", "in", "--out-dir", f"out{jobs}", "-j", jobs)
        printed = [Path(name).name for name in done.stdout.split()]
        assert (done.returncode, printed) == (0, [f"{n:03}_outline.png" for n in range(12)])
    for name in names("out1"):
        contents = {Path(f"out{jobs}/{name}").read_bytes() for jobs in "15"}
        assert len(contents) == 1


def test_a_slow_first_image_holds_back_names_but_not_work():
    images(1, (900, 900))
    images(1, (20, 20), "more")
    for number in range(1, 9):
        os.link("more/000.png", f"in/{number:03}.png")
    done = run(*SLOW, "in", "--out-dir", "out", "-j", "2", "--json")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert [record["input"] for record in records] == [f"in/{n:03}.png" for n in range(9)]


def test_500_damaged_images_among_500():
    images(1, (8, 8))
    for number in range(1, 500):
        os.link("in/000.png", f"in/{number:03}.png")
    for number in range(500):
        Path(f"in/bad{number}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(number))
    done = run("-k", "outline", "in", "--out-dir", "out")
    assert done.returncode == 1
    assert (len(names("out")), no_temporary_files("out")) == (500, True)
    *errors, last = done.stderr.splitlines()
    assert len(errors) == 500
    assert all(line.startswith("Error: in/bad") for line in errors)
    assert last == "500 of 1000 done, 500 failed"


@pytest.mark.posix
@linux
def test_a_killed_worker_costs_its_own_image():
    images(8, (700, 700), suffix=".bmp")
    process = start(*SLOW, "in", "--out-dir", "out", "-j", "2")
    process.stdout.readline()
    os.kill(workers(process.pid)[0], signal.SIGKILL)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    error, last = err.splitlines()
    assert "the worker process died on this image" in error
    assert last == "7 of 8 done, 1 failed"
    made = names("out")
    assert len(made) == 7
    lost = error.removeprefix("Error: in/").partition(".bmp")[0]
    assert f"{lost}_gaussian-21-sigma-4.bmp" not in made
    assert 5 <= out.count("\n") <= 6  # one was read above, perhaps two


def test_an_image_that_takes_too_long_fails():
    images(4)
    images(1, (3000, 3000), "large")
    Path("large/000.png").rename("in/001large.png")
    done = run(*SLOW, "in", "--out-dir", "out", "--timeout", "1")
    assert done.returncode == 1
    assert "Error: in/001large.png: took longer than --timeout 1 seconds" in done.stderr
    assert len(names("out")) == 4
    assert no_temporary_files("out")


def test_one_image_has_a_timeout_as_well():
    images(1, (3000, 3000))
    done = run(*SLOW, "in/000.png", "-o", "o.png", "--timeout", "0.5")
    assert (done.returncode, Path("o.png").exists()) == (1, False)
    assert "took longer" in done.stderr


# A system with neither fork nor signal masks; its SIGTERM ends a process by force.
WINDOWS = """
import multiprocessing, os, signal
kill, list_folder = os.kill, os.listdir
os.kill = lambda process, _: kill(process, signal.SIGKILL)
os.listdir = lambda folder: list_folder(folder if folder != "/proc/self/task" else "nowhere")
multiprocessing.get_all_start_methods = lambda: ["spawn"]
for name in ("SIG_BLOCK", "SIG_UNBLOCK", "SIG_SETMASK", "pthread_sigmask"):
    delattr(signal, name)
if __name__ == "__main__":
    from convcli.cli.main import main
    main()
"""


@once
@pytest.mark.posix
def test_workers_that_are_spawned_and_killed_as_on_windows():
    images(4)
    images(1, (3000, 3000), "large")
    Path("large/000.png").rename("in/001large.png")
    Path("windows.py").write_text(WINDOWS)
    flags = [*SLOW, "in", "--out-dir", "out", "-j", "2", "--timeout", "1"]
    done = subprocess.run(
        [sys.executable, "windows.py", "apply", *flags],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    error, last = done.stderr.splitlines()
    assert error == "Error: in/001large.png: took longer than --timeout 1 seconds"
    assert last == "4 of 5 done, 1 failed"
    assert (len(names("out")), no_temporary_files("out")) == (4, True)


@once
def test_workers_that_die_as_they_start_fail_their_images(monkeypatch):
    def start_and_join(_, *arguments):
        process, connection = start_process(suppress, *arguments)  # which returns at once
        process.join()
        return process, connection

    monkeypatch.setattr(process_pool, "start_process", start_and_join)
    pool = ProcessPool(1, JobOptions(()), 1 << 40)
    results: dict[int, JobResult] = {}
    for number in range(3):
        pool.submit(number, Job(Source(f"{number}.png")))
    while len(results) < 3:
        results.update(pool.finished())
    pool.close()
    assert all("died" in str(results[number].error) for number in range(3))


@once
def test_that_no_worker_can_be_started_is_an_error(monkeypatch):
    pool = ProcessPool(1, JobOptions(()), 1 << 40)
    (worker,) = active_children()
    worker.kill()
    worker.join()
    refused = OSError(errno.EAGAIN, "too many processes")
    monkeypatch.setattr(process_pool, "start_process", Mock(side_effect=refused))
    pool.submit(0, Job(Source("a.png")))
    with pytest.raises(ConvcliError, match=r"no other can be started .*too many processes"):
        pool.finished()
    pool.close()


# A program whose decoder crashes at one of the images.
KILLING = """
import os, signal
from convcli.batch import run_job
from convcli.cli.main import main
read = run_job.read_image
def read_or_die(path, **options):
    if path.endswith("005.png"):
        os.kill(os.getpid(), signal.SIGKILL)
    return read(path, **options)
run_job.read_image = read_or_die
main()
"""

# A program that has printed something which is not flushed yet, and does more when it ends.
BUFFERED = """
import atexit, sys
from convcli.cli.main import main
atexit.register(print, "at the end")
sys.stdout.write("buffered\\n")
main()
"""


@pytest.mark.parametrize("count", [1, 4])
def test_an_image_that_needs_more_memory_than_the_limit(count):
    images(count)
    Image.new("RGB", (4000, 3000)).save("in/001.png")
    done = run("-k", "blur", "in", "--out-dir", "out", "--max-memory", "120M")
    assert done.returncode == 1
    assert "Error: in/001.png: needs about " in done.stderr
    assert "raise the limit with --max-memory" in done.stderr
    assert len(names("out")) == max(count - 1, 1)


def test_workers_wait_for_memory():
    images(5, (1500, 1000))
    for memory in ("60M", "100%"):
        done = run("-k", "blur", "in", "--out-dir", "out", "--max-memory", memory, "--overwrite")
        assert (done.returncode, done.stderr) == (0, "")


def test_fail_fast_ends_at_the_first_error():
    images(30, (400, 300))
    Path("in/003.png").write_bytes(b"no")
    done = run(*SLOW, "in", "--out-dir", "out", "--fail-fast", "-j", "2")
    assert done.returncode == 1
    assert "Error: in/003.png" in done.stderr
    assert sorted(done.stdout.split()) == sorted(map(str, Path("out").iterdir()))
    assert 3 <= done.stdout.count("\n") < 29
    assert no_temporary_files("out")


@pytest.mark.posix
@pytest.mark.parametrize("strokes", [1, 3])
def test_an_interrupt_ends_a_run_that_would_go_on(strokes):
    images(40, (900, 900), suffix=".bmp")
    process = start(*SLOW, "in", "--out-dir", "out", start_new_session=True)
    process.stdout.readline()
    for _ in range(strokes):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err.strip()) == (130, "Error: interrupted")
    assert len(names("out")) < 40
    assert no_temporary_files("out")
    for path in Path("out").iterdir():
        with Image.open(path) as image:
            image.load()


@pytest.mark.posix
@linux
def test_killed_outright_it_leaves_no_worker_and_the_next_run_clears_up():
    images(20, (900, 900), suffix=".bmp")
    process = start(*SLOW, "in", "--out-dir", "out")
    process.stdout.readline()
    left = workers(process.pid)
    process.kill()
    process.communicate(timeout=20)
    wait_for(lambda: not any(map(is_running, left)))
    host = machine_mark()
    dead = f".convcli-{host}-{left[0]}-0123456789abcdef.tmp"
    alive = f".convcli-{host}-{os.getpid()}-0123456789abcdef.tmp"
    for name in (dead, alive, ".convcli-mine"):
        Path("out", name).touch()
    done = run("-k", "blur", "in", "--out-dir", "out", "--skip-existing")
    assert done.returncode == 0
    assert [name for name in names("out") if name.startswith(".")] == [alive, ".convcli-mine"]


def test_a_slow_list_does_not_hold_back_what_is_done():
    images(3)
    process = start("-k", "blur", "--files-from", "-", "--out-dir", "out", stdin=subprocess.PIPE)
    process.stdin.write("in/000.png\nin/001.png\n")
    process.stdin.flush()
    assert process.stdout.readline() == "out/in/000_blur.png\n"
    assert process.stdout.readline() == "out/in/001_blur.png\n"
    out, err = process.communicate("in/002.png\nin/000.png\n", timeout=20)
    assert out == "out/in/002_blur.png\n"
    assert (process.returncode, err) == (0, "")  # what is named twice is taken once


def test_an_interrupt_while_waiting_for_a_list():
    process = start("-k", "blur", "--files-from", "-", "--out-dir", "out", stdin=subprocess.PIPE)
    process.stdin.write("gone.png\n")
    process.stdin.flush()
    assert "gone.png" in process.stderr.readline()  # it is running, and waits for the list
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (130, "Error: interrupted\n")


@pytest.mark.posix
@linux
def test_a_worker_killed_with_nothing_to_do_costs_nothing():
    images(5)
    process = start("-k", "blur", "--files-from", "-", "--out-dir", "out", stdin=subprocess.PIPE)
    process.stdin.write("in/000.png\nin/001.png\n")
    process.stdin.flush()
    assert process.stdout.readline()
    assert process.stdout.readline()
    killed = workers(process.pid)
    assert killed
    for worker in killed:
        os.kill(worker, signal.SIGKILL)
    wait_for(lambda: not any(map(is_running, killed)))
    _, err = process.communicate("in/002.png\nin/003.png\nin/004.png\n", timeout=30)
    assert (process.returncode, err, len(names("out/in"))) == (0, "", 5)


@pytest.mark.parametrize("seconds", ["0.001", "0.02"])
def test_a_timeout_that_all_but_few_exceed(seconds):
    images(12, (300, 300))
    done = run("-k", "blur", "in", "--out-dir", "out", "--timeout", seconds)
    failed = done.stderr.count("took longer")
    assert done.returncode == (1 if failed else 0)
    assert failed + done.stdout.count("\n") == 12
    assert "internal error" not in done.stderr


@once
def test_a_timeout_is_a_number(here):
    for text in ("inf", "nan"):
        assert run("-k", "blur", "x.png", "y.png", "--timeout", text).returncode == 2


def test_closed_streams_and_many_jobs(here):
    images(4)
    command = " ".join([*COMMAND, "-k blur in --out-dir out --overwrite"])
    for ending in ("2>&-", ">&-", "-j 500", "</dev/null >&- 2>&-"):
        done = subprocess.run(
            ["sh", "-c", f"ulimit -n 64; {command} {ending}"], check=False, timeout=60
        )
        assert done.returncode == 0
        assert len(names("out")) == 4


def test_two_runs_share_a_folder():
    images(60, (120, 120))
    arguments = ("-k", "blur", "in", "--out-dir", "out", "--skip-existing")
    both = [start(*arguments) for _ in range(2)]
    for process in both:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0
        assert "failed" not in err
    assert len(names("out")) == 60


@once
@pytest.mark.posix
@linux
def test_a_job_submitted_to_a_worker_that_has_just_died_is_run_by_the_next():
    images(2, (900, 900), suffix=".bmp")
    kernel = get_kernel("gaussian:21,sigma=4")
    slow = Filter("slow", (kernel,), method="direct", threads=1)
    jobs = [Job(Source(f"in/00{n}.bmp"), (plan_output(f"out/{n}.bmp", None),)) for n in range(2)]
    pool = ProcessPool(1, JobOptions((slow,)), 1 << 40)
    try:
        pool.submit(0, jobs[0])
        assert pool.finished() == {}  # it has started
        (worker,) = active_children()
        worker.kill()
        wait_for(lambda: not is_running(worker.pid))
        pool.submit(1, jobs[1])
        results: dict[int, JobResult] = {}
        while len(results) < 2:
            results.update(pool.finished())
    finally:
        pool.close()
    assert "died" in str(results[0].error)
    assert results[1].error is None
    assert names("out") == ["1.bmp"]


@once
@linux
def test_of_several_small_images_in_a_message_a_death_costs_the_one_that_was_running():
    images(30)
    Path("killing.py").write_text(KILLING)
    done = subprocess.run(
        [sys.executable, "killing.py", "apply", "-k", "blur", "in", "--out-dir", "out", "-j", "1"],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    error, last = done.stderr.splitlines()
    assert error.startswith("Error: in/005.png: the worker process died on this image")
    assert last == "29 of 30 done, 1 failed"
    expected = [f"{number:03}_blur.png" for number in range(30) if number != 5]
    assert names("out") == [Path(name).name for name in done.stdout.split()] == expected


@once
def test_what_the_parent_has_buffered_and_registered_is_written_once():
    images(5)
    Path("buffered.py").write_text(BUFFERED)
    command = [sys.executable, "buffered.py", "apply", "-k", "blur", "in", "--out-dir", "out"]
    done = subprocess.run(
        [*command, "-j", "2"],
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    first, *printed, last = done.stdout.splitlines()
    assert (done.returncode, first, last) == (0, "buffered", "at the end")
    assert printed == [f"out/{number:03}_blur.png" for number in range(5)]


@pytest.mark.posix
@linux
def test_a_worker_holds_no_connection_of_another():
    images(5)
    process = start(
        "-k", "blur", "--files-from", "-", "--out-dir", "out", "-j", "3", stdin=subprocess.PIPE
    )
    process.stdin.write("in/000.png\n")
    process.stdin.flush()
    assert process.stdout.readline()
    held = [sockets(worker) for worker in workers(process.pid)]
    assert [len(each) for each in held] == [1, 1, 1]
    assert len(set.union(*held)) == 3
    assert process.communicate("in/001.png\n", timeout=30)[1] == ""
