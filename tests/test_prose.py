"""No text for users or developers contains the words that ``.ci/words.txt`` lists."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
TEXTS = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "convcli").rglob("*.py")),
    *sorted((ROOT / "convcli").rglob("*.mjs")),
    *sorted((ROOT / "convcli" / "manual").glob("*.md")),
]


def rules():
    """The words, and pairs of a file's name and a text whose lines are allowed."""
    words, allowed = [], []
    for line in (ROOT / ".ci" / "words.txt").read_text().splitlines():
        if line.startswith("allow "):
            _, path, text = line.split(" ", 2)
            allowed.append((path, text))
        elif line and not line.startswith("#"):
            words.append(line)
    return words, allowed


def test_no_text_uses_a_listed_word():
    words, allowed = rules()
    pattern = re.compile(rf"\b({'|'.join(map(re.escape, words))})\b", re.I)
    found = []
    for path in TEXTS:
        name = path.relative_to(ROOT).as_posix()
        texts = [text for file, text in allowed if file == name]
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = pattern.search(line)
            if match and not any(text in line for text in texts):
                found.append(f"{name}:{number}: {match[0]}: {line.strip()}")
    assert not found, "\n".join(found)


def test_every_exception_is_needed():
    _, allowed = rules()
    for path, text in allowed:
        assert text in (ROOT / path).read_text(), f"{path} has no line with {text!r}"
