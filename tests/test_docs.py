"""Every example in the README, the tour and the manual does what it says.

After a change that is meant, ``GOLDEN=write pytest -m "" tests/test_docs.py`` writes what the
commands print, and the figures they draw, in place of what stands there. Read the difference.
"""

import base64
import doctest
import os
import re
import shlex
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import convcli
from convcli.cli.main import root

ROOT = Path(__file__).parents[1]
README, TOUR = ROOT / "README.md", ROOT / "sample_images" / "README.md"
MANUAL = sorted((Path(convcli.__file__).parent / "manual").glob("*.md"))
MADE = ROOT / "sample_images" / "made"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.M | re.S)


def blocks(document):
    return BLOCK.findall(document.read_text())


def steps(block):
    """Split a block into commands and what each prints."""
    for step in re.split(r"^\$ ", block, flags=re.M)[1:]:
        command, _, output = step.partition("\n")
        yield command, output


def commands(*documents):
    return [step for document in documents for block in blocks(document) for step in steps(block)]


def pages(document):
    """The pages made for a document that it links to."""
    links = re.findall(r"\]\((\S+\.html)\)", document.read_text())
    return {document.parent / link for link in links}


def figures(document):
    """The figures that a document shows."""
    links = re.findall(r"^!\[.*\]\((\S+)\)$", document.read_text(), re.M)
    return {document.parent / link for link in links}


@pytest.fixture
def folder(tmp_path):
    """A folder with ``convcli`` and ``python`` of this interpreter, and images to work on."""
    samples = tmp_path / "sample_images"
    shutil.copytree(ROOT / "sample_images", samples)
    for name, sample in {
        "photo.png": "chelsea.png",
        "camera.png": "camera.png",
        "toy.csv": "toy-6x6.csv",
        "h.txt": "letter-h.txt",
        "photos/cat.png": "chelsea.png",
        "photos/rocket.jpg": "rocket.jpg",
        "photos/notes.md": "README.md",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(samples / sample, tmp_path / name)
    shutil.copyfile(ROOT / "tests" / "golden" / "net.onnx", tmp_path / "net.onnx")
    np.save(tmp_path / "bank.npy", np.random.default_rng(1).normal(size=(8, 3, 5, 5)))
    programs = tmp_path / ".programs"
    programs.mkdir()
    for name, arguments in (("convcli", "-m convcli"), ("python", "")):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments} "$@"\n')
        program.chmod(0o755)
    return tmp_path


NEEDS_A_SHELL = re.compile(r"[|&;<>$`*?~]|^\w+=|^(?!convcli )")


def run(command, folder):
    """Return what a command prints; one that needs no shell runs in this process, to save time."""
    if not NEEDS_A_SHELL.search(command):
        arguments = shlex.split(command)[1:]
        ran = CliRunner().invoke(root, arguments, env={"CONVCLI_DEBUG": "1"}, prog_name="convcli")
        assert ran.exit_code == 0, f"{command}\n{ran.output}"
        return ran.output
    environment = dict(os.environ, LC_ALL="C.UTF-8", PYTHONPATH=str(ROOT), CONVCLI_DEBUG="1")
    environment["PATH"] = f"{folder / '.programs'}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}"
    return done.stdout


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.parametrize("document", [README, TOUR, *MANUAL], ids=lambda path: path.stem)
def test_examples(document, folder, alike, monkeypatch):
    """They print what they say, and draw the figures that are shown."""
    monkeypatch.chdir(folder)
    text = document.read_text()
    found = text
    for block in blocks(document):
        printed = "".join(f"$ {command}\n{run(command, folder)}" for command, _ in steps(block))
        found = found.replace(f"```console\n{block}```", f"```console\n{printed}```")
    if os.environ.get("GOLDEN") == "write":
        document.write_text(found)
    else:
        assert found == text
    for figure in figures(document):
        if (folder / figure.name).exists():
            alike(folder / figure.name, figure)


@pytest.mark.parametrize(
    "document",
    [path for path in (README, *MANUAL) if ">>> " in path.read_text()],
    ids=lambda path: path.stem,
)
def test_python_examples(document, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some write files
    assert doctest.testfile(str(document), module_relative=False).failed == 0


def unpacked(page):
    """Return the text of a page, whose script other versions of zlib pack into other letters."""
    before, packed, after = re.split(
        "(?<=data-convcli-packed>)(.*)(?=</script>)", page.read_text(encoding="utf-8")
    )
    return before + zlib.decompress(base64.b64decode(packed)).decode() + after


@pytest.mark.slow
def test_the_pages_are_current(folder, monkeypatch):
    """Each is what the command that is shown writes, and small enough to be looked at online."""
    monkeypatch.chdir(folder)
    assert pages(TOUR)
    for page in pages(TOUR):
        [command] = [each for each, _ in commands(README) if each.endswith(f"-o {page.name}")]
        run(command, folder)
        if os.environ.get("GOLDEN") == "write":
            shutil.copyfile(page.name, page)
        assert unpacked(Path(page.name)) == unpacked(page)
        assert page.stat().st_size < 150_000


def test_every_figure_is_made_by_a_command_that_is_shown():
    shown = figures(README) | figures(TOUR)
    text = "\n".join(command for command, _ in commands(README, TOUR))
    assert len(shown) > 8
    for figure in shown:
        # The figure of a page shows it in a browser; see tests/teaching/explore/test_browser.py.
        name = figure.with_suffix(".html") if figure.with_suffix(".html").exists() else figure
        assert re.search(rf"(-o|--plot) {re.escape(name.name)}( |$)", text, re.M), figure
    assert set(MADE.iterdir()) == shown | pages(TOUR)


def test_there_are_examples():
    assert len(commands(README)) >= 8
    assert len(commands(*MANUAL)) >= 30


def test_the_readme_stays_short():
    lines = README.read_text().splitlines()
    assert len(lines) <= 230
    assert lines.index("## Python") < 150


def test_links_lead_somewhere():
    for document in (README, TOUR, ROOT / ".github" / "CONTRIBUTING.md"):
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name}: {link}"


def test_every_command_and_topic_is_documented():
    from convcli.cli.main import COMMANDS

    rows = re.findall(r"^\| `(\w+)` \|", README.read_text(), re.M)
    assert rows == [name for group in COMMANDS.values() for name in group]
    topics = {path.stem for path in MANUAL}
    texts = [README, TOUR, *MANUAL]
    for text in texts:
        named = set(re.findall(r"manual ([a-z-]+)`", text.read_text()))
        assert named <= topics, f"{text.name}: {named - topics}"


def test_the_manual_fits_a_terminal():
    for path in MANUAL:
        title, blank, summary = path.read_text().splitlines()[:3]
        assert title.startswith("# ")
        assert not blank
        assert summary.endswith(".")
        assert len(summary) <= 65
        prose = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.M | re.S)
        assert max(map(len, prose.splitlines())) <= 80, path.name
