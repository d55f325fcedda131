"""Signals, permissions, links and devices: what only a process of its own can show."""

import os
import signal
import stat
import subprocess
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = [pytest.mark.processes, pytest.mark.posix]


@pytest.fixture
def many(save, rng):
    """More images than are done before a signal comes."""
    pixels = rng.integers(0, 256, (700, 700, 3), np.uint8)
    save("in/00.bmp", pixels)
    for number in range(1, 60):
        os.link("in/00.bmp", f"in/{number:02}.bmp")


@pytest.fixture
def started(with_workers, here):
    """Start a run, and wait for its first line on stdout."""
    running = []

    def start(*arguments):
        process = subprocess.Popen(
            [*with_workers, "apply", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        running.append(process)
        assert process.stdout.readline()
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (signal.SIGINT, 130, "Error: interrupted\n"),
        (signal.SIGTERM, 143, ""),
        (signal.SIGHUP, 129, ""),
    ],
)
def test_a_signal_keeps_what_is_finished_and_leaves_no_temporary_file(
    started, many, number, code, said
):
    process = started("-k", "gaussian:9,sigma=2", "in", "--out-dir", "out")
    process.send_signal(number)
    printed, err = process.communicate(timeout=30)
    assert (process.returncode, err.lstrip("\n")) == (code, said)
    files = sorted(path.name for path in Path("out").iterdir())
    assert 1 <= len(files) < 60
    assert printed.count("\n") <= len(files)  # in order: a slow one holds back the next
    for name in files:
        assert name.endswith(".bmp")
        with Image.open(f"out/{name}") as image:
            image.load()


def test_a_closed_terminal_ends_the_run_with_its_workers(with_workers, many):
    command = [*with_workers, "apply", "-k", "gaussian:9,sigma=2", "in", "--out-dir", "out"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, start_new_session=True, **pipes) as process:
        process.stdout.readline()
        os.killpg(process.pid, signal.SIGHUP)  # as a terminal does: everyone gets it
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (129, "")
    assert not list(Path("out").glob(".convcli*"))


def test_a_hang_up_that_is_ignored_stays_ignored(with_workers, save, rng):
    for number in range(12):
        save(f"in/{number:02}.png", rng.integers(0, 256, (90, 90), np.uint8))
    command = ["nohup", *with_workers, "apply", "-k", "blur", "in", "--out-dir", "out"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.PIPE}
    with subprocess.Popen(command, start_new_session=True, **pipes) as process:
        process.stdout.readline()
        os.killpg(process.pid, signal.SIGHUP)
        _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, b"")
    assert len(list(Path("out").iterdir())) == 12


def test_ctrl_c_during_the_imports_ends_without_a_traceback(program, here):
    Path("click.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    done = subprocess.run(
        program,
        env=os.environ | {"PYTHONPATH": f"{here}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stderr) == (-signal.SIGINT, b"")


# A system that starts neither threads nor processes, such as Python in a browser.
ALONE = """
import _posixsubprocess, os, threading
def refuse(*_, **__):
    raise RuntimeError("can't start new thread")
def no_process(*_, **__):
    raise OSError(138, "Function not implemented")
threading.Thread.start = refuse
_posixsubprocess.fork_exec = os.fork = no_process
if __name__ == "__main__":
    from convcli.__main__ import main
    main()
"""


@pytest.mark.parametrize("listed", [False, True])
def test_without_threads_and_processes_everything_works_in_this_one(program, save, rng, listed):
    pixels = rng.integers(0, 256, (900, 900), np.uint8)
    for number in range(3):
        save(f"in/{number}.png", pixels + np.uint8(number))
    Path("alone.py").write_text(ALONE)
    inputs = ["--files-from", "-"] if listed else ["in"]
    command = [program[0], "alone.py", "apply", "-k", "gaussian:9", *inputs, "--out-dir", "out"]
    names = "".join(f"in/{number}.png\n" for number in range(3))
    done = subprocess.run(
        command, input=names, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 3
    learn = [program[0], "alone.py", "learn", "in/0.png", "out/in/0_gaussian-9.png"]
    if listed:
        learned = subprocess.run(learn, capture_output=True, text=True, timeout=60, check=False)
        assert (learned.returncode, learned.stderr) == (0, "")


def test_a_kill_leaves_no_half_written_file_and_no_word(started, many):
    process = started("-k", "gaussian:9,sigma=2", "in", "--out-dir", "out")
    process.kill()
    _, err = process.communicate(timeout=30)  # until every process that it started has ended
    assert err == ""
    for path in Path("out").glob("*.bmp"):
        with Image.open(path) as image:
            image.load()
            assert image.size == (700, 700)


def test_a_kill_while_a_large_file_is_written(program, save, here):
    save("in.npy", np.random.default_rng(3).normal(size=(900, 900)))
    (here / "out.txt").write_text("old")
    arguments = ["apply", "-k", "identity", "in.npy", "-o", "out.txt", "--overwrite"]
    process = subprocess.Popen([*program, *arguments], stdout=subprocess.PIPE)
    deadline = time.monotonic() + 30
    while not any(p.stat().st_size for p in here.glob(".convcli-*")):
        assert process.poll() is None, "it ended before it was seen to write"
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.kill()
    process.communicate(timeout=30)
    assert process.returncode == -signal.SIGKILL
    assert (here / "out.txt").read_text() == "old"


def mode(path):
    return stat.S_IMODE(Path(path).stat().st_mode)


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_permissions_follow_the_umask(process, gray, mask):
    ran = process("apply", "-k", "blur", "gray.png", "-o", "o.png", umask=mask)
    assert ran.code == 0
    assert mode("o.png") == 0o666 & ~mask


def test_permissions_of_a_replaced_file_stay(process, gray):
    Path("o.png").write_bytes(b"old")
    Path("o.png").chmod(0o640)
    assert process("apply", "-k", "blur", "gray.png", "-o", "o.png", "--overwrite").code == 0
    assert mode("o.png") == 0o640


def test_a_link_stays_and_its_target_is_replaced(process, gray, load):
    Path("sub").mkdir()
    Path("sub/real.png").write_bytes(b"old")
    Path("o.png").symlink_to("sub/real.png")
    process("apply", "-k", "blur", "gray.png", "-o", "o.png").fails(2, "o.png", "--overwrite")
    assert process("apply", "-k", "blur", "gray.png", "-o", "o.png", "--overwrite").code == 0
    assert str(Path("o.png").readlink()) == "sub/real.png"
    assert load("sub/real.png").shape == gray.shape


def test_a_link_to_nothing_is_not_overwritten_without_overwrite(process, gray):
    Path("o.png").symlink_to("nowhere.png")
    ran = process("apply", "-k", "blur", "gray.png", "-o", "o.png")
    assert (ran.code, Path("o.png").is_symlink()) == (1, True)


def test_a_fifo_is_written_to(process, gray, here):
    os.mkfifo("fifo.png")
    received = []
    reader = threading.Thread(target=lambda: received.append(Path("fifo.png").read_bytes()))
    reader.start()
    ran = process("apply", "-k", "blur", "gray.png", "-o", "fifo.png")
    reader.join(30)
    assert ran.code == 0
    assert process("apply", "-k", "blur", "gray.png", "-o", "file.png").code == 0
    assert received == [Path("file.png").read_bytes()]
    assert stat.S_ISFIFO(Path("fifo.png").stat().st_mode)


def test_a_fifo_is_read(process, gray):
    os.mkfifo("in")
    data = Path("gray.png").read_bytes()
    writer = threading.Thread(target=lambda: Path("in").write_bytes(data))
    writer.start()
    ran = process("apply", "-k", "blur", "in", "-o", "o.png")
    writer.join(30)
    assert (ran.code, ran.err) == (0, "")


def test_devices_are_written_to(process, gray):
    ran = process("apply", "-k", "blur", "gray.png", "-o", "/dev/null", "--format", "png")
    assert (ran.code, ran.out) == (0, b"/dev/null\n")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    ran = process("apply", "-k", "blur", "gray.png", "-o", "/dev/stdout", "--format", "png")
    assert ran.code == 0
    assert ran.out.startswith(b"\x89PNG")


def test_folders_that_cannot_be_written_to(process, gray):
    Path("file").write_text("mine")
    process("apply", "-k", "blur", "gray.png", "-o", "file/o.png").fails(1, "Error: file/o.png: ")
    process("apply", "-k", "blur", "gray.png", "--out-dir", "file").fails(1, "Error: file/")
    process("apply", "-k", "blur", "gray.png", "-o", "/proc/o.png").fails(1, "Error: /proc/o.png: ")
    assert Path("file").read_text() == "mine"


def test_a_folder_in_the_place_of_the_output(process, gray):
    Path("o.png").mkdir()
    process("apply", "-k", "blur", "gray.png", "-o", "o.png").fails(2, "Error: o.png: ")
    ran = process("apply", "-k", "blur", "gray.png", "-o", "o.png", "--overwrite")
    ran.fails(2, "Error: o.png: ")
    assert list(Path("o.png").iterdir()) == []


def test_a_name_that_is_too_long(process, save):
    name = "x" * 250 + ".png"
    save(name, np.zeros((3, 3), np.uint8))
    process("apply", "-k", "blur", name).fails(1, "x" * 250)
