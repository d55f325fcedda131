"""Damaged files through the program: its own lines on standard error, and nothing else."""

import io

import pytest
from PIL import Image


@pytest.fixture
def damaged(here, rng):
    """A fax, ``bad.tif``, of which a byte is wrong: libtiff prints a line, and goes on."""
    file = io.BytesIO()
    Image.fromarray(rng.integers(0, 2, (20, 25)) > 0).save(file, "TIFF", compression="group4")
    data = bytearray(file.getvalue())
    data[8] ^= 0xFF
    (here / "bad.tif").write_bytes(data)


@pytest.mark.usefixtures("damaged")
@pytest.mark.parametrize(
    "command",
    [
        "explain -k blur --at 3,3 bad.tif",
        "compare -k blur --vary operation --json bad.tif",
        "chain bad.tif relu --summary",
        "learn bad.tif bad.tif --no-bias",
        pytest.param("animate -k blur bad.tif --to 0,1 -o o.gif", marks=pytest.mark.slow),
    ],
)
def test_every_command_tells_damage_and_refuses_it_if_strict(convcli, command):
    ran = convcli(*command.split())
    lines = [line for line in ran.err.splitlines() if "damaged" in line]
    assert ran.code == 0
    assert lines, ran
    assert all(line.startswith("bad.tif: damaged: ") for line in lines), ran
    convcli(*command.split(), "--strict", "--overwrite").fails(1, "bad.tif: damaged: ")


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
