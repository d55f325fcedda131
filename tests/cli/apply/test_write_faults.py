"""Writing where the system refuses, fails or kills: files are whole or absent; errors name them.

Several inputs are filtered in worker processes, so the errors arise there.
"""

import ctypes
import os
import shutil
import signal
import stat
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = [pytest.mark.processes, pytest.mark.posix]
linux = pytest.mark.skipif(sys.platform != "linux", reason="of Linux")


def ok(ran):
    assert (ran.code, ran.err) == (0, ""), ran
    return ran


def made(folder):
    """The names in a folder; a temporary left behind is among them."""
    return sorted(path.name for path in Path(folder).iterdir())


def is_whole(path):
    with Image.open(path) as image:
        image.load()
    return True


@pytest.fixture
def six(save, rng):
    """Six images in a folder, and the names of their results."""
    for number in range(6):
        save(f"in/{number}.bmp", rng.integers(0, 256, (60, 50, 3), np.uint8))
    return [f"{number}_blur.bmp" for number in range(6)]


# Killed at a step of a write, or robbed of its input

HOOK = """
import os, signal, sys

def strike(event, arguments):
    if event != os.environ["STEP"] or ".convcli-" not in str(arguments[0]):
        return
    try:
        os.unlink("once")
    except FileNotFoundError:
        return
    {deed}

sys.addaudithook(strike)
"""


@pytest.fixture
def hooked(here):
    """Return the environment of a run that does a deed, once, when it first comes to a step."""

    def prepare(step, deed):
        (here / "once").touch()
        (here / "hook").mkdir()
        (here / "hook/sitecustomize.py").write_text(HOOK.format(deed=deed))
        paths = [str(here / "hook"), os.environ.get("PYTHONPATH", "")]
        return {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "STEP": step}

    return prepare


STEPS = {
    "before the temporary is made": ("open", []),
    "before it gets its name": ("os.link", []),
    "between link and unlink": ("os.remove", []),
    "before it replaces the old file": ("os.rename", ["--overwrite"]),
}


@linux
@pytest.mark.parametrize("step", STEPS)
def test_a_worker_killed_at_a_step_of_a_write(process, hooked, six, step):
    event, flags = STEPS[step]
    env = hooked(event, "os.kill(os.getpid(), signal.SIGKILL)")
    run = ["apply", "-k", "blur", "in", "--out-dir", "out", "-j", "2"]
    ran = process(*run, *flags, env=env)
    assert not Path("once").exists()
    assert ran.code == 1
    error, last = ran.err.splitlines()
    assert error.startswith("Error: in/")
    assert error.endswith(
        ".bmp: the worker process died on this image (decoder crash or out of memory)"
    )
    assert last == "5 of 6 done, 1 failed"
    assert len(made("out")) == (6 if event == "os.remove" else 5)
    assert process(*run, "--skip-existing").code == 0
    assert made("out") == six
    assert all(is_whole(f"out/{name}") for name in six)


@linux
@pytest.mark.parametrize("step", STEPS)
def test_a_run_killed_at_a_step_of_a_write(process, hooked, gray, step):
    event, flags = STEPS[step]
    if flags:
        Path("o.png").write_bytes(b"old")
    env = hooked(event, "os.kill(os.getpid(), signal.SIGKILL)")
    run = ["apply", "-k", "blur", "gray.png", "-o", "o.png"]
    assert process(*run, *flags, env=env).code == -signal.SIGKILL
    rest = list(Path().glob(".convcli-*"))
    assert len(rest) == (0 if event == "open" else 1)
    if event == "os.remove":
        assert is_whole("o.png")
    elif flags:
        assert Path("o.png").read_bytes() == b"old"
    else:
        assert not Path("o.png").exists()
    assert process(*run, "--overwrite").code == 0
    assert is_whole("o.png")
    assert not list(Path().glob(".convcli-*"))


@linux
def test_an_input_that_vanishes(process, hooked, six):
    env = hooked("open", "os.unlink('in/5.bmp')")
    ran = process("apply", "-k", "blur", "in", "--out-dir", "out", "-j", "1", env=env)
    assert (ran.code, ran.names) == (1, [f"out/{name}" for name in six[:5]])
    assert ran.err.splitlines() == ["Error: in/5.bmp: no such file", "5 of 6 done, 1 failed"]
    assert made("out") == six[:5]


# Full disks, memory that is short


@pytest.fixture
def large_and_small(save, rng):
    for number in range(3):
        save(f"in/{number}.bmp", rng.integers(0, 256, (300, 300, 3), np.uint8))
    save("in/small.bmp", rng.integers(0, 256, (30, 30, 3), np.uint8))


def limited(program, limit, *arguments, **options):
    """Run a command from a shell that sets a limit first."""
    return subprocess.run(
        ["sh", "-c", f'{limit} && exec "$@"', "sh", *program, "apply", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


def test_files_that_may_not_grow(program, large_and_small):
    done = limited(program, "ulimit -f 100", "-k", "blur", "in", "--out-dir", "out")
    assert (done.returncode, done.stdout) == (1, "out/small_blur.bmp\n")
    assert done.stderr.splitlines() == [
        *(f"Error: out/{n}_blur.bmp: cannot be written: File too large" for n in range(3)),
        "1 of 4 done, 3 failed",
    ]
    assert made("out") == ["small_blur.bmp"]


@linux
def test_a_disk_that_fills_up(program, large_and_small):
    Path("disk").mkdir()
    mount = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o size=600k t disk && exec "$@"', "sh"]
    if not shutil.which("unshare") or subprocess.run([*mount, "true"], check=False).returncode:
        pytest.skip("no file system can be mounted")
    list_after = ["sh", "-c", '"$@"; code=$?; ls -A disk; exit $code', "sh"]
    command = [*mount, *list_after, *program]
    # One job, since a large file that is about to fail may leave no room beside it for the small.
    done = limited(command, "true", "-k", "blur", "in", "--out-dir", "disk", "-j", "1")
    assert done.returncode == 1
    *errors, last = done.stderr.splitlines()
    assert last == f"{4 - len(errors)} of 4 done, {len(errors)} failed"
    assert errors
    for error in errors:
        assert error.endswith("_blur.bmp: cannot be written: No space left on device")
    assert ".convcli-" not in done.stdout
    assert done.stdout.count("small_blur.bmp\n") == 2  # printed, and in the folder


@linux
def test_memory_that_is_limited(program, save):
    save("in/0.png", np.zeros((9_000, 9_900), bool))
    save("in/1.png", np.zeros((30, 30), np.uint8))
    single = os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    flags = ("-k", "blur", "--channels", "rgb", "in", "--out-dir", "out")
    done = limited(program, "ulimit -v 400000", *flags, env=single)
    assert (done.returncode, done.stdout) == (1, "out/1_blur.png\n")
    error, last = done.stderr.splitlines()
    assert error in (
        "Error: in/0.png: does not fit into memory",
        "Error: in/0.png: not enough memory for it and its result",
    )
    assert last == "1 of 2 done, 1 failed"
    assert made("out") == ["1_blur.png"]


# Permissions


def as_any_user():
    """Let root be refused what others are: without the rights to override permissions."""
    if os.geteuid() == 0:
        drop, override, search = 24, 1, 2  # PR_CAPBSET_DROP, CAP_DAC_*; an exec makes it so
        for right in (override, search):
            if ctypes.CDLL(None).prctl(drop, right, 0, 0, 0):
                raise PermissionError


@linux
def test_folders_that_may_not_be_read_or_written(process, six):
    Path("in/closed").mkdir(mode=0)
    Path("in/1.bmp").chmod(0)
    Path("fixed").mkdir(mode=0o555)
    run = ["apply", "-k", "blur", "in", "-r"]
    ran = process(*run, "--out-dir", "out", preexec_fn=as_any_user)
    assert (ran.code, ran.names) == (1, [f"out/{name}" for name in six if name[0] != "1"])
    assert sorted(ran.errors) == [
        "Error: in/1.bmp: permission denied",
        "Error: in/closed: cannot be read: Permission denied",
    ]
    ran = process(*run, "--out-dir", "fixed", "--exclude", "[1c]*", preexec_fn=as_any_user)
    assert (ran.code, ran.names) == (1, [])
    expected = [f"Error: fixed/{name}: cannot be written: Permission denied" for name in six]
    assert ran.errors == [line for line in expected if "/1" not in line]
    assert made("fixed") == []


@linux
@pytest.mark.parametrize("mask", [0o027, 0o077])
def test_permissions_follow_the_umask_in_every_process(process, six, mask):
    ok(process("apply", "-k", "blur", "in", "--out-dir", "out", umask=mask))
    assert {stat.S_IMODE(path.stat().st_mode) for path in Path("out").iterdir()} == {0o666 & ~mask}


# Pipes that are full


@pytest.fixture
def stuck(program, samples):
    """A run whose image has filled the pipe that nobody reads."""
    import fcntl
    import termios

    with subprocess.Popen(
        [*program, "apply", "-k", "blur", samples / "astronaut.png", "-o", "-"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        room, held = fcntl.fcntl(process.stdout, fcntl.F_GETPIPE_SZ), 0
        deadline = time.monotonic() + 30
        while held < room and time.monotonic() < deadline:
            time.sleep(0.01)
            answer = fcntl.ioctl(process.stdout, termios.FIONREAD, b"1234")
            (held,) = struct.unpack("i", answer)
        assert process.poll() is None
        yield process
        process.kill()


@linux
def test_a_full_pipe_is_waited_for(stuck, apply, samples):
    out, err = stuck.communicate(timeout=30)
    assert (stuck.returncode, err) == (0, b"")
    assert out == apply("-k", "blur", samples / "astronaut.png", "-o", "-").out


@linux
@pytest.mark.parametrize(
    ("number", "code", "said"),
    [(signal.SIGINT, 130, b"Error: interrupted\n"), (signal.SIGTERM, 143, b"")],
)
def test_a_full_pipe_does_not_keep_from_ending(stuck, number, code, said):
    stuck.send_signal(number)
    assert stuck.wait(timeout=30) == code
    assert stuck.stderr.read() == said


@linux
def test_an_input_that_may_not_be_read_among_others(process, six):
    Path("in/1.bmp").chmod(0)
    run = ["apply", "-k", "blur", "in/0.bmp", "in/1.bmp", "--out-dir", "out"]
    ran = process(*run, preexec_fn=as_any_user)
    assert (ran.code, ran.names) == (1, ["out/0_blur.bmp"])
    assert ran.errors == ["Error: in/1.bmp: permission denied"]
