"""Every console example in the README does what it says."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BLOCKS = re.findall(r"^```console\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S)

SHOWN = [
    ROOT / name
    for name in re.findall(r"^!\[.*\]\((\S+)\)$", (ROOT / "README.md").read_text(), re.M)
    if not name.endswith("/speed.png")  # by a benchmark
]


def steps(block):
    """Split a block into commands and what each prints."""
    for step in re.split(r"^\$ ", block, flags=re.M)[1:]:
        command, _, output = step.partition("\n")
        yield command, output


@pytest.fixture
def checkout(tmp_path):
    """A folder with the sample images, and ``convcli`` and ``python`` of this interpreter."""
    made = shutil.ignore_patterns("astronaut_outline.png")  # by the README's first command
    shutil.copytree(ROOT / "sample_images", tmp_path / "sample_images", ignore=made)
    programs = tmp_path / ".programs"
    programs.mkdir()
    for name, arguments in (("convcli", "-m convcli"), ("python", "")):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
        program.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.split("\n")[0][2:60])
def test_example(block, checkout, alike):
    """It prints what it says, and draws the image that the README shows."""
    environment = dict(os.environ, LC_ALL="C.UTF-8", PYTHONPATH=str(ROOT))
    environment["PATH"] = f"{checkout / '.programs'}{os.pathsep}{environment['PATH']}"
    environment["CONVCLI_DEBUG"] = "1"
    for command, expected in steps(block):
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            cwd=checkout,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.stdout, done.returncode) == (expected, 0), command
    for image in SHOWN:
        if (checkout / image.name).exists():
            alike(checkout / image.name, image)


def test_the_command_of_every_image_is_shown():
    commands = "\n".join(command for block in BLOCKS for command, _ in steps(block))
    assert len(SHOWN) > 8
    for image in SHOWN:
        assert re.search(rf"(-o|--plot) {re.escape(image.name)}( |$)", commands, re.M), image
    kept = {path.name for path in (ROOT / "sample_images" / "made").iterdir()}
    assert kept == {image.name for image in SHOWN} | {"speed.png"}


def test_there_are_examples():
    assert sum(len(list(steps(block))) for block in BLOCKS) >= 24


def test_the_border_images_of_the_help_are_those_of_the_readme():
    from convcli.cli.apply import BORDER_DIAGRAMS

    images = re.findall(r"^ *(\w+ +\w{3}\|abcd\|\w{3})", BORDER_DIAGRAMS, re.M)
    readme = (ROOT / "README.md").read_text()
    assert len(images) == 6
    assert all(re.search(rf"^{re.escape(image)}", readme, re.M) for image in images)


def test_every_fault_in_the_table_is_held_by_a_test_that_exists():
    readme = (ROOT / "README.md").read_text()
    rows = [line for line in readme.splitlines() if line.startswith("| ") and "::test_" in line]
    assert len(rows) > 35
    for row in rows:
        file = None
        for path, name in re.findall(r"`(\S*?)::(test_\w+)`", row):
            file = path or file
            assert f"def {name}(" in (ROOT / "tests" / file).read_text(), f"{file}::{name}"
