"""What decoders print or warn of is a note of ours, and nothing else reaches standard error."""

import errno
import io
import os
import tempfile

import numpy as np
import pytest
from PIL import Image

from convcli.errors import ConvcliError, ImageError
from convcli.images.captured_stderr import captured_stderr
from convcli.images.notes import Damage, Detail, notes_on_messages, visible
from convcli.images.options import ReadOptions
from convcli.images.reading import read_image

PIXELS = np.random.default_rng(3).integers(0, 256, (40, 50), np.uint8)


def damaged_tiff():
    """Return a fax of which a byte is wrong: libtiff says so, and goes on with the next line."""
    file = io.BytesIO()
    Image.fromarray(PIXELS > 127).save(file, "TIFF", compression="group4")
    data = bytearray(file.getvalue())
    data[8] ^= 0xFF
    return bytes(data)


def test_what_libtiff_prints_becomes_a_note(capfd):
    image = read_image(io.BytesIO(damaged_tiff()), name="bad.tif")
    assert any(isinstance(note, Damage) and note.startswith("damaged: ") for note in image.notes)
    assert capfd.readouterr().err == ""


def test_strict_refuses_what_is_damaged(capfd):
    with pytest.raises(ImageError, match=r"bad\.tif: damaged: "):
        read_image(io.BytesIO(damaged_tiff()), name="bad.tif", options=ReadOptions(strict=True))
    assert capfd.readouterr().err == ""


def test_output_is_caught_whole_and_restored(capfd):
    lines: list[str] = []
    with captured_stderr(lines):
        os.write(2, b"one  line\n\none  line\ntwo\n")
    os.write(2, b"after")
    assert lines == ["one line", "two"]
    assert capfd.readouterr().err == "after"

    def fail():
        with captured_stderr(lines):
            os.write(2, b"x" * 100_000)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert len(lines[-1]) == 2**16
    os.write(2, b"again")
    assert capfd.readouterr().err == "again"


def test_without_a_place_for_temporary_files_the_reason_is_told(monkeypatch):
    def refuse():
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(ConvcliError, match=r"no temporary file can be made .*; set TMPDIR"):
        read_image(io.BytesIO(damaged_tiff()), name="it")


def test_warnings_are_details_and_the_rest_is_damage():
    notes = notes_on_messages(["A: Warning, b", "C: d", "C: d", "E: f"])
    assert notes == ["A: Warning, b", "damaged: C: d (and 1 more)"]
    assert [type(note) for note in notes] == [Detail, Damage]
    assert visible(notes) == notes[1:]
    assert visible(notes, verbose=True) == notes
    assert visible(notes, verbose=True, quiet=True) == []


def test_a_message_of_several_lines_is_one():
    lines: list[str] = []
    with captured_stderr(lines):
        os.write(2, b"Set: Warning a.tif; Tag X:\n  Value 1 differs.\nDecode: bad\n")
    assert lines == ["Set: Warning a.tif; Tag X: Value 1 differs.", "Decode: bad"]
    assert [type(note) for note in notes_on_messages(lines)] == [Detail, Damage]
