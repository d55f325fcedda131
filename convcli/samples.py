"""Sample images and matrices that come with convcli: ``@NAME`` stands for the file of one.

The files lie in ``sample_images/``: of the checkout, or, in a wheel, of the package.
"""

import os.path
from typing import NamedTuple

from convcli.errors import UsageError, shown


class Sample(NamedTuple):
    """One sample; it has ``rows`` and ``columns`` of pixels or numbers."""

    name: str
    file: str
    rows: int
    columns: int
    summary: str
    source: str


_OWN = "made for convcli"
SAMPLES = {
    sample.name: sample
    for sample in (
        Sample("letter-h", "letter-h.txt", 16, 16, "the letter H, of 0 and 1", _OWN),
        Sample("toy-6x6", "toy-6x6.csv", 6, 6, "one vertical edge from 10 to 0", _OWN),
        Sample("toy-14x14", "toy-14x14.csv", 14, 14, "a square of 4 with a rim of 9", _OWN),
        Sample("camera", "camera.png", 512, 512, "a photographer, gray", "Lav Varshney, CC0"),
        Sample("rocket", "rocket.jpg", 427, 640, "a launch, RGB", "SpaceX, public domain"),
    )
}


def is_sample(name: str) -> bool:
    """Tell whether a name is that of a sample, not of a file: it begins with @."""
    return name.startswith("@")


def file_of(name: str) -> str:
    """Return the path of the file that is read for a name: a sample's, or the name itself.

    Raises:
        UsageError: the name begins with @, and no sample has it.

    >>> os.path.basename(file_of("@camera")), file_of("camera.png")
    ('camera.png', 'camera.png')
    """
    if not is_sample(name):
        return name
    if name[1:] not in SAMPLES:
        raise UsageError(f"{shown(name)}: there is no such sample; {_advice(name)}")
    package = os.path.dirname(__file__)
    folder = os.path.join(package, "sample_images")
    if not os.path.isdir(folder):  # this is a checkout
        folder = os.path.join(os.path.dirname(package), "sample_images")
    return os.path.join(folder, SAMPLES[name[1:]].file)


def local_name(name: str) -> str:
    """Return the path that results are named after; those of samples go to the current folder.

    >>> local_name("@camera"), local_name("photos/cat.png")
    ('camera.png', 'photos/cat.png')
    """
    return os.path.basename(file_of(name)) if is_sample(name) else name


def complete_sample(incomplete: str) -> list[str]:
    """Return the samples, as ``@NAME``, that begin like this."""
    return [f"@{name}" for name in SAMPLES if f"@{name}".startswith(incomplete)]


def _advice(name: str) -> str:
    """Return what to do about a name that no sample has."""
    from difflib import get_close_matches
    from pathlib import Path

    if os.path.lexists(name):
        return f"the file of this name is ./{shown(name)}"
    stem = Path(name[1:81].lower()).stem
    near = [f"@{sample}" for sample in get_close_matches(stem, SAMPLES)]
    return f"did you mean {' or '.join(near)}?" if near else "'convcli samples' lists them"
