"""Keep fuzzing harmless: give it a folder of its own and a limit on memory."""

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
    """Make absurd requests for memory fail at once, so that the machine keeps running.

    The limit is on address space: a reader that trusts a wrong length reserves memory that it may
    never touch. On systems without such a limit the tests run unlimited.
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
