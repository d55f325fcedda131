"""Damaged files through the program: its own lines on standard error, and nothing else."""

import io

import pytest
from PIL import Image


@pytest.mark.processes
@pytest.mark.slow
def test_the_program_prints_its_own_lines_alone(here, process, rng):
    file = io.BytesIO()
    Image.fromarray(rng.integers(0, 2, (40, 50)) > 0).save(file, "TIFF", compression="group4")
    data = bytearray(file.getvalue())
    data[8] ^= 0xFF  # libtiff prints a line, and goes on
    names = ["a.tif", "b.tif"]
    for name in names:
        (here / name).write_bytes(data)
    done = process("apply", "-k", "blur", *names, "-j", "2")
    assert done.code == 0
    assert [line.split(": ")[:2] for line in done.err.splitlines()] == [
        [name, "damaged"] for name in names
    ]
    done = process("apply", "-k", "blur", *names, "-j", "2", "--strict", "--overwrite")
    assert done.code == 1
    assert [line.split(": ")[:3] for line in done.err.splitlines()[:2]] == [
        ["Error", name, "damaged"] for name in names
    ]
    done = process("explain", "-k", "blur", "--at", "3,3", "a.tif")
    assert done.code == 0
    assert [line.split(": ")[:2] for line in done.err.splitlines()] == [["a.tif", "damaged"]]
