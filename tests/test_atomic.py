"""A file is written whole or not at all, whatever its target is."""

import errno
import os
import stat
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest

import convcli
from convcli.atomic import atomic_write, clear_stale
from convcli.errors import ImageError


def write(target, content=b"new", then=lambda: None, **options):
    """Write ``content``, and do something before the block ends."""
    with atomic_write(target, **options) as file:
        file.write(content)
        then()


def fail(error):
    raise error


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def umask():
    """Set the umask, and set it back."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "out.png"
    path.write_bytes(b"old")
    return path


def only(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.posix
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o027, 0o077, 0o002])
def test_a_new_files_permissions_follow_the_umask(tmp_path, umask, mask):
    umask(mask)
    write(tmp_path / "out.png")
    assert mode(tmp_path / "out.png") == 0o666 & ~mask
    assert os.umask(mask) == mask


@pytest.mark.posix
@pytest.mark.parametrize("kept", [0o600, 0o644, 0o640, 0o777, 0o444])
def test_a_replaced_file_keeps_its_permissions(old, umask, kept):
    old.chmod(kept)
    write(old, overwrite=True)
    assert old.read_bytes() == b"new"
    assert mode(old) == kept
    assert only(old.parent) == ["out.png"]


def test_an_existing_file_is_refused_before_any_work(old):
    with pytest.raises(ImageError, match=r"out\.png: exists already; --overwrite replaces it"):
        write(old, then=lambda: pytest.fail("the block was entered"))
    assert old.read_bytes() == b"old"
    assert only(old.parent) == ["out.png"]


@pytest.mark.parametrize("before", [None, b"old"])
def test_nothing_is_seen_before_the_end(tmp_path, before):
    target = tmp_path / "out.png"
    if before:
        target.write_bytes(before)
    with atomic_write(target, overwrite=True) as file:
        file.write(b"half")
        file.flush()
        assert (target.read_bytes() if target.exists() else None) == before
        assert all(name.startswith(".") for name in only(tmp_path) if name != "out.png")
    assert target.read_bytes() == b"half"
    assert only(tmp_path) == ["out.png"]


@pytest.mark.parametrize("fault", [ValueError("x"), KeyboardInterrupt(), SystemExit(3)])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_fault_in_the_block_leaves_nothing(tmp_path, fault, overwrite):
    with pytest.raises(type(fault)) as caught:
        write(tmp_path / "out.png", then=lambda: fail(fault), overwrite=overwrite)
    assert caught.value is fault
    assert only(tmp_path) == []


def test_a_full_disk_names_the_file_and_keeps_the_old_file(old):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with pytest.raises(ImageError, match=r"out\.png: cannot be written: No space left"):
        write(old, then=lambda: fail(full), overwrite=True)
    assert old.read_bytes() == b"old"
    assert only(old.parent) == ["out.png"]


def test_missing_folders_are_made(tmp_path):
    write(tmp_path / "a" / "b" / "out.png")
    assert (tmp_path / "a" / "b" / "out.png").read_bytes() == b"new"


@pytest.mark.parametrize(
    ("below", "said"), [("out.png/x.png", "is a file"), ("out.png/deep/x.png", "Not a directory")]
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_parent_that_is_a_file(old, below, said, overwrite):
    with pytest.raises(ImageError, match=rf"x\.png: cannot be written: .*{said}"):
        write(old.parent / below, overwrite=overwrite)
    assert old.read_bytes() == b"old"


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_target_that_is_a_folder(tmp_path, overwrite):
    (tmp_path / "folder").mkdir()
    with pytest.raises(ImageError, match="folder: "):
        write(tmp_path / "folder", overwrite=overwrite)
    assert only(tmp_path) == ["folder"]
    assert only(tmp_path / "folder") == []


@pytest.mark.posix
def test_a_folder_that_cannot_be_written():
    with pytest.raises(ImageError, match=r"^/proc/convcli\.png: cannot be written"):
        write(Path("/proc/convcli.png"))


def test_a_path_that_leaves_a_folder_does_not_make_it(tmp_path):
    write(tmp_path / "missing" / ".." / "new.png")
    assert [path.name for path in tmp_path.iterdir()] == ["new.png"]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_name_that_is_too_long(tmp_path, overwrite):
    with pytest.raises(ImageError, match="File name too long"):
        write(tmp_path / ("x" * 300 + ".png"), overwrite=overwrite)
    assert only(tmp_path) == []


@pytest.mark.parametrize(
    "name", ["x" * 251 + ".png", os.fsdecode(b"caf\xe9.png"), "two\nlines", " ", "-o", "*?[a].png"]
)
def test_unusual_names(tmp_path, name):
    write(tmp_path / name)
    assert only(tmp_path) == [name]
    with pytest.raises(ImageError) as caught:
        write(tmp_path / name)
    str(caught.value).encode("utf-8")
    assert "\n" not in str(caught.value)


def test_a_link_stays_and_its_target_is_replaced(old):
    old.chmod(0o640)
    link = old.parent / "link"
    link.symlink_to("out.png")
    with pytest.raises(ImageError, match="link: exists already"):
        write(link)
    write(link, overwrite=True)
    assert link.is_symlink()
    assert old.read_bytes() == b"new"
    assert mode(old) == 0o640
    assert not old.is_symlink()


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_dangling_link_stays_and_its_target_is_made(tmp_path, overwrite):
    (tmp_path / "links").mkdir()
    link = tmp_path / "links" / "link"
    link.symlink_to("../elsewhere/out.png")
    write(link, overwrite=overwrite)
    assert link.is_symlink()
    assert (tmp_path / "elsewhere" / "out.png").read_bytes() == b"new"
    assert only(tmp_path / "links") == ["link"]


def test_a_link_to_itself_is_refused(tmp_path):
    link = tmp_path / "link"
    link.symlink_to("link")
    with pytest.raises(ImageError):
        write(link)
    assert only(tmp_path) == ["link"]
    assert link.is_symlink()


@pytest.mark.posix
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_fifo_is_written_to(tmp_path, overwrite):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    read = []
    reader = threading.Thread(target=lambda: read.append(fifo.read_bytes()), daemon=True)
    reader.start()
    write(fifo, b"x" * 200_000, overwrite=overwrite)
    reader.join(10)
    assert read == [b"x" * 200_000]
    assert stat.S_ISFIFO(fifo.stat().st_mode)
    assert only(tmp_path) == ["fifo"]


@pytest.mark.posix
def test_a_closed_pipe_stays_a_broken_pipe(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    reader = threading.Thread(target=lambda: fifo.open("rb").close(), daemon=True)
    reader.start()
    with pytest.raises(BrokenPipeError):
        write(fifo, b"buffered until the reader has left", then=reader.join)


@pytest.mark.posix
def test_devices_are_written_to():
    before = Path("/dev/null").stat()
    write(Path("/dev/null"))
    after = Path("/dev/null").stat()
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)


@pytest.mark.posix
@pytest.mark.parametrize("size", [1, 200_000])
def test_a_full_device_is_reported(size):
    with pytest.raises(ImageError, match=r"^/dev/full: cannot be written: No space left"):
        write(Path("/dev/full"), b"x" * size)


@pytest.fixture(params=[True, False], ids=["hard links", "no hard links"])
def links(request, monkeypatch):
    """Write on a file system with hard links, then on one without."""

    def refuse(*_):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    if not request.param:
        monkeypatch.setattr(os, "link", refuse)


@pytest.mark.usefixtures("links")
def test_a_file_made_meanwhile_is_not_replaced(tmp_path):
    target = tmp_path / "out.png"
    with pytest.raises(ImageError, match="exists already"):
        write(target, then=lambda: target.write_bytes(b"theirs"))
    assert target.read_bytes() == b"theirs"
    assert only(tmp_path) == ["out.png"]


@pytest.mark.usefixtures("links")
def test_a_plain_write(tmp_path):
    write(tmp_path / "out.png")
    assert (tmp_path / "out.png").read_bytes() == b"new"
    assert only(tmp_path) == ["out.png"]


@pytest.mark.usefixtures("links")
def test_a_file_made_meanwhile_is_replaced_when_asked(tmp_path):
    target = tmp_path / "out.png"
    write(target, then=lambda: target.write_bytes(b"theirs"), overwrite=True)
    assert target.read_bytes() == b"new"


def test_one_of_many_writers_wins(tmp_path):
    target, start, refused = tmp_path / "out.png", threading.Barrier(8), []

    def race(number):
        start.wait()
        try:
            write(target, bytes([number]) * 100_000)
        except ImageError:
            refused.append(number)

    writers = [threading.Thread(target=race, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    content = target.read_bytes()
    assert len(refused) == 7
    assert content == bytes([content[0]]) * 100_000
    assert content[0] not in refused
    assert only(tmp_path) == ["out.png"]


@pytest.mark.posix
@pytest.mark.processes
@pytest.mark.parametrize("before", [None, b"old"])
def test_a_kill_leaves_no_half_file(tmp_path, before):
    target = tmp_path / "out.png"
    if before:
        target.write_bytes(before)
    program = (
        "import sys, time; from pathlib import Path; from convcli.atomic import atomic_write\n"
        "with atomic_write(Path(sys.argv[1]), overwrite=True) as file:\n"
        "    file.write(b'half'); file.flush(); print('ready', flush=True); time.sleep(60)\n"
    )
    home = str(Path(convcli.__file__).parents[1])
    with subprocess.Popen(
        [sys.executable, "-c", program, target],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": home},
    ) as process:
        assert process.stdout.readline() == b"ready\n"
        process.kill()
    assert (target.read_bytes() if target.exists() else None) == before


def test_stale_files_are_removed_though_others_vanish_meanwhile(tmp_path, monkeypatch):
    """Another worker ends a file of its own between the listing and the look at it."""
    with atomic_write(tmp_path / "a.png"):
        (own,) = tmp_path.iterdir()
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    stale = tmp_path / own.name.replace(f"-{os.getpid()}-", f"-{ended.pid}-")
    scandir = os.scandir

    @contextmanager
    def listed_before_one_vanishes(folder):
        with scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name == stale.name)
        own.unlink()
        yield iter(entries)

    own.touch()
    stale.touch()
    monkeypatch.setattr(os, "scandir", listed_before_one_vanishes)
    clear_stale(tmp_path)
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
