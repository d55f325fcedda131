"""The benchmark's modules are a program: its tests import them, pytest does not."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent
collect_ignore = [
    path.name for path in HERE.glob("*.py") if not path.name.startswith(("test_", "conftest"))
]


@pytest.fixture(autouse=True)
def importable(monkeypatch):
    """Put the modules where they find each other when ``run.py`` is started."""
    monkeypatch.syspath_prepend(HERE)
