"""Readers that leave, devices that are full, streams that are closed, and terminals."""

import os
import shlex
import subprocess
import sys
import threading
from pathlib import Path

import pytest

pytestmark = [pytest.mark.processes, pytest.mark.posix]


def ok(ran):
    assert (ran.code, ran.errors) == (0, []), ran
    return ran


# Pipes that end, full devices


def test_a_full_device_is_one_line(program, gray):
    for arguments in (["gray.png"], ["gray.png", "-o", "-", "--overwrite"]):
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                [*program, "apply", "-k", "blur", *arguments, "--overwrite"],
                stdout=full,
                stderr=subprocess.PIPE,
                text=True,
                timeout=60,
                check=False,
            )
        assert done.returncode == 1
        assert done.stderr.startswith("Error: standard output: ")
        assert done.stderr.count("\n") == 1


def test_a_full_device_as_the_output(process, gray):
    ran = process("apply", "-k", "blur", "gray.png", "-o", "/dev/full", "--format", "png")
    ran.fails(1, "Error: /dev/full: ")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_leaves_ends_quietly(program, samples, unbuffered):
    writer = subprocess.Popen(
        [*program, "apply", "-k", "blur", samples / "astronaut.png", "-o", "-"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
    )
    assert len(writer.stdout.read(1)) == 1
    writer.stdout.close()
    assert writer.stderr.read() == b""
    writer.stderr.close()
    assert writer.wait(60) == 141


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_disk_that_fills_up_is_reported(program, samples, here, unbuffered):
    command = [*program, "apply", "-k", "blur", samples / "astronaut.png", "-o", "-"]
    with Path("o.png").open("wb") as out:
        done = subprocess.run(
            ["sh", "-c", 'ulimit -f 100; exec "$@"', "sh", *command],
            stdout=out,
            stderr=subprocess.PIPE,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert done.stderr.startswith(b"Error: standard output: ")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_of_names_that_leaves_ends_quietly(program, gray, photo, unbuffered):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [*program, "apply", "-k", "blur", "gray.png", "photo.png"],
        stdout=write,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
        timeout=60,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, b"")


def redirected(program, redirection, *arguments):
    """Run the program with a redirection of a shell, e.g. ``>&-``."""
    command = ["sh", "-c", f'exec "$@" {redirection}', "sh", *program, *arguments]
    return subprocess.run(command, capture_output=True, timeout=60, check=False)


def test_names_need_no_stdout(program, gray):
    done = redirected(program, ">&-", "apply", "-k", "blur", "gray.png", "-o", "o.png")
    assert (done.returncode, done.stderr) == (0, b"")
    assert Path("o.png").stat().st_size


@pytest.mark.parametrize(
    "arguments",
    [
        ("apply", "-k", "blur", "gray.png", "-o", "-"),
        ("apply", "-k", "blur", "gray.png", "-o", "o.png", "--json"),
        ("size", "--n", "5", "--k", "3"),
        ("kernels", "list"),
        ("--version",),
    ],
)
def test_data_for_a_closed_stdout_is_a_failure(program, gray, arguments):
    done = redirected(program, ">&-", *arguments)
    assert (done.returncode, done.stderr) == (1, b"Error: standard output: is closed\n")


def test_a_folder_that_is_gone_is_not_standard_output(program, gray, here):
    script = f'mkdir gone && cd gone && rmdir ../gone && exec {shlex.join(program)} "$@"'
    arguments = ["apply", "-k", "blur", str(here / "gray.png"), "-o", "o.png"]
    command = ["sh", "-c", script, "sh", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == "Error: the current folder no longer exists; change to another\n"
    assert done.returncode == 1


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_messages_have_the_encoding_that_python_is_told(program, encoding):
    done = subprocess.run(
        [*program, "apply", "-k", "blur", "\u00e9.png"],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": encoding, "PYTHONUTF8": "1"},
        timeout=60,
        check=False,
    )
    assert done.stderr == "Error: \u00e9.png: no such file\n".encode(encoding)


def test_dev_stdout_is_standard_output_whatever_it_leads_to(program, gray):
    for name in ("-", "/dev/stdout", "/dev/fd/1"):
        flags = ("apply", "-k", "blur", "gray.png", "-o", name)
        done = redirected(program, "> out.bin", *flags)
        assert (done.returncode, done.stderr) == (0, b"")
        content = Path("out.bin").read_bytes()
        assert content.startswith(b"\x89PNG")
        assert redirected(program, "", *flags).stdout == content
        if name == "-":
            expected = content
    assert content == expected


@pytest.mark.parametrize("command", ["apply", "explain"])
def test_a_fault_of_stdin_is_told_as_such(program, here, command):
    options = ("-o", "o.png") if command == "apply" else ("--at", "0,0")
    done = redirected(program, "0> unreadable", command, "-k", "blur", "-", *options)
    message = b"Error: standard input: cannot be read: Bad file descriptor\n"
    assert (done.returncode, done.stderr) == (1, message)


def test_closed_stdin(program, gray):
    command = [*program, "apply", "-k", "blur", "-", "-o", "o.png"]
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *command], capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith(b"Error: standard input: ")
    assert b"internal error" not in done.stderr


# Terminals


@pytest.fixture
def on_terminal(program):
    """Run with the streams named on a terminal; return its exit code and what the screen got."""

    def run(arguments, *streams):
        leader, follower = os.openpty()
        shown = bytearray()

        def watch():
            try:
                while piece := os.read(leader, 4096):
                    shown.extend(piece)
            except OSError:  # the other side is closed
                pass

        watcher = threading.Thread(target=watch)
        watcher.start()
        pipes = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
        process = subprocess.Popen(
            [*program, *arguments], **pipes | dict.fromkeys(streams, follower)
        )
        os.close(follower)
        out, err = process.communicate(timeout=60)
        watcher.join(60)
        os.close(leader)
        return process.returncode, bytes(shown), out or b"", err or b""

    return run


def test_no_image_on_a_terminal(on_terminal, gray):
    code, shown, _, err = on_terminal(["apply", "-k", "blur", "gray.png", "-o", "-"], "stdout")
    assert (code, shown) == (2, b"")
    assert err.startswith(b"Error: ")
    assert b"terminal" in err


def test_a_terminal_gets_no_control_characters_of_a_name(on_terminal, gray, here):
    name = "\x1b[31mred.png"
    Path("gray.png").rename(name)
    code, shown, _, err = on_terminal(["apply", "-k", "blur", name], "stdout")
    assert (code, shown, err) == (0, b"\\x1b[31mred_blur.png\r\n", b"")
    assert Path("\x1b[31mred_blur.png").exists()


def test_a_matrix_on_a_terminal(on_terminal, here):
    (here / "in.txt").write_text("1 2 3\n")
    code, shown, _, err = on_terminal(["apply", "-k", "1", "in.txt", "-o", "-"], "stdout")
    assert (code, shown, err) == (0, b"1  2  3\r\n", b"")


def test_progress_only_on_a_terminal(on_terminal, gray, photo):
    arguments = ["apply", "-k", "blur", "gray.png", "photo.png", "--overwrite"]
    code, shown, out, _ = on_terminal(arguments, "stderr")
    assert (code, out) == (0, b"gray_blur.png\nphoto_blur.png\n")
    assert b"images/s" in shown
    assert b"2 of 2 done in " in shown
    assert on_terminal(arguments)[3] == b""
    assert on_terminal([*arguments, "-q"], "stderr")[1] == b""
    assert on_terminal([*arguments[:4], "--overwrite"], "stderr")[1] == b""


def test_progress_does_not_mix_with_messages(on_terminal, gray, photo, here):
    (here / "bad.png").write_bytes(b"bad")
    _, shown, _, _ = on_terminal(
        ["apply", "-k", "blur", "gray.png", "bad.png", "photo.png"], "stderr"
    )
    lines = shown.replace(b"\r\n", b"\n").replace(b"\x1b[K", b"").replace(b"\r", b"\n").split(b"\n")
    assert any(line.startswith(b"Error: bad.png: ") for line in lines)


def test_python_dash_m_and_the_script_are_one(process, here):
    script = Path(sys.executable).parent / "convcli"
    done = subprocess.run([script, "--version"], capture_output=True, timeout=60, check=True)
    assert done.stdout == process("--version").out
