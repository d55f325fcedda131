"""SPECs generated from the grammar: mostly valid, sometimes wrong in one place."""

from random import Random

from seeds import documents, texts

from convcli.kernels.catalogue import CATALOGUE
from convcli.kernels.entries import ComputedKernel, Parameter

COMPUTED = [entry for entry in CATALOGUE.values() if isinstance(entry, ComputedKernel)]
NAMES = list(CATALOGUE)
SENSIBLE = {
    "size": ("1", "2", "3", "5", "7x3", "1x9", "21"),
    "number": ("0", "1", "-2.5", "30", "45", "90", "1e-3"),
    "positive": ("0.5", "1", "1.2", "3", "8"),
    "correlation": ("0", "0.5", "-0.9"),
    "flag": ("yes", "no", "1", "false"),
    "seed": ("0", "7", "999999999"),
}
# Values at the limits and beyond. No valid one makes a kernel of nearly 2047 pixels a side: that
# would take a second each, and test no other path.
EXTREME = (
    *("999999999", "2048", "0", "-1", "3x", "x3", "3x0", "9999999999", "1x2048", "3x3x3", "٣"),
    *("1e-6", "1e6", "-1e6", "1e-7", "1e7", "1e999", "-0", "nan", "inf", "-inf", "1_0", "0x10"),
    *("0.9999999999999999", "-0.9999999999999999", "1e-300", "1/2", "", " ", "=", "maybe", "\0"),
)
WEIGHTS = (
    *("0", "1", "-1", "2", "-0", "+3", "1/16", "-1/3", "0.5", ".5", "5.", "1e-3", "−1", "1/7"),
    *("1/2147483647", "1/2147483648", "1/0", "0/0", "1e30", "-1e31", "1e400", "1e-400", "5e-324"),
    *("9223372036854775807", "9223372036854775808", "-9223372036854775808", "nan", "inf", "1_0"),
    *("0x10", "٣", "1/-2", "1//2", "--1", "1e", "", "#", '"1"', "1/16/2", "9" * 400, "9" * 401),
)
COMMON = WEIGHTS[:8]
ANGLES = (
    *("0", "45", "-45", "90", "180", "270", "360", "-90", "135", "30", "1e6", "90.0", " 90 "),
    *("1e7", "nan", "inf", "", "x", "4_5", "٤٥", "1e-9", "-1e-9", "44.999999999999999", "90@90"),
)
PATHS = (
    *(
        "none.txt",
        "none.npy",
        "./none",
        "../none.json",
        "/",
        ".",
        "..",
        "~",
        "-",
        "a\0b.txt",
        ".txt",
    ),
    *("none" * 90 + ".csv", "\udcff.npy", "\ud800.json", "a\nb.txt", "none@2x.png", "none@90.txt"),
)


def spec(rng: Random) -> str:
    """Return a SPEC, sometimes rotated."""
    text = rng.choice((_name, _with_arguments, _with_arguments, _matrix, _matrix, _path))(rng)
    if rng.random() < 0.3:
        text += "@" + rng.choice(ANGLES)
    return text


def damaged_spec(text: str, rng: Random) -> str:
    """Return a SPEC with pieces doubled, dropped or moved, as typing and pasting do."""
    for _ in range(rng.randint(1, 3)):
        begin, end = sorted(rng.randint(0, len(text)) for _ in range(2))
        piece = rng.choice(
            (text[begin:end], rng.choice(" ,;:=@/#-−.x\n\t\0\x1b\udc80é1"), spec(rng))
        )
        piece *= rng.choice((0, 1, 1, 2, 300))
        text = text[:begin] + piece + text[rng.choice((begin, end)) :]
    return text[:5000]


def content(rng: Random) -> bytes:
    """Return the content of a kernel file in text."""
    sources = (*texts().values(), *documents().values())
    return rng.choice((lambda: rng.choice(sources), lambda: _matrix(rng).encode()))()


def _name(rng: Random) -> str:
    name = rng.choice(NAMES)
    return rng.choice(
        (name, name, name, name.upper(), name[:-1], name + ":", f" {name} ", name * 2)
    )


def _with_arguments(rng: Random) -> str:
    """Return a computed kernel with arguments, by position and then by name."""
    entry = rng.choice(COMPUTED)
    parameters = [p for p in entry.parameters if rng.random() < 0.6]
    named = rng.randint(0, 2)
    if named < 2:  # by name in any order, or by position without gaps
        rng.shuffle(parameters)
        words = [f"{p.name}={_value(p, rng)}" for p in parameters]
    else:
        words = [_value(p, rng) for p in entry.parameters[: len(parameters)]]
    if rng.random() < 0.1:
        words.insert(rng.randint(0, len(words)), rng.choice(("size=3", "sigma=2", "3", "x=1", "=")))
    return f"{entry.name}:{rng.choice((',', ',', ', ')).join(words)}"


def _value(parameter: Parameter, rng: Random) -> str:
    return rng.choice(SENSIBLE[parameter.kind] if rng.random() < 0.8 else EXTREME)


def _matrix(rng: Random) -> str:
    """Return rows of weights, sometimes of different lengths."""
    columns, between = rng.randint(1, 5), rng.choice((" ", ",", ", ", "\t"))
    odd = rng.random()
    rows = []
    for _ in range(rng.randint(1, 5)):
        count = columns if odd < 0.8 else rng.randint(0, 6)
        weights = COMMON if odd < 0.5 else WEIGHTS
        rows.append(between.join(rng.choice(weights) for _ in range(count)))
    return rng.choice(("; ", ";", "\n", "\r\n", ";\n")).join(rows)


def _path(rng: Random) -> str:
    return rng.choice(PATHS)
