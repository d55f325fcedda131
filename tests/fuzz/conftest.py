"""What keeps fuzzing harmless: a folder of its own, and a ceiling on memory."""

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
collect_ignore = [
    path.name for path in HERE.glob("*.py") if not path.name.startswith(("test_", "conftest"))
]
sys.path.insert(0, str(HERE))  # before the tests are imported: they share modules with guided.py

ROOM = 512 << 20  # bytes; an image of a million pixels takes a few dozen MiB


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return an empty folder, in which the tests of a module run."""
    path = tmp_path_factory.mktemp("fuzz")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)  # a SPEC made of random letters must not name a file of ours
        yield path


@pytest.fixture(scope="module")
def little_memory():
    """Let what asks for absurd memory fail at once, instead of taking the machine along.

    Address space is what counts here: a reader that trusts a length asks for it all and may never
    touch it. Where the system keeps no such limit, the tests run without.
    """
    try:
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (ImportError, OSError):
        yield
        return
    old, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = pages * resource.getpagesize() + ROOM
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (old, hard))
