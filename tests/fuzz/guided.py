"""A search for faults guided by coverage: ``guided.py readers|spec|models --runs N``.

It needs atheris (``pip install atheris``) and says so where that is missing. libFuzzer starts from
the same small files, SPECs and networks as the tests, damages them as the tests do or in its own
ways, and keeps what reaches new lines of convcli and of Pillow. At the first fault it shows the
traceback, leaves the input in the folder that ``--keep`` names, and ends with a code that is not 0.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from random import Random

HERE = Path(__file__).parent
SECONDS = 20  # for one input; the verdicts' own limit is lower, but C code does not hear it
MEGABYTES = 2048
SPECS = 300  # that the search starts from


def main() -> int:
    """Search for faults; return 0 at once if atheris is not installed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("target", choices=["readers", "spec", "models"])
    parser.add_argument("--runs", type=int, default=100_000, help="inputs; -1: until stopped")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for the corpus and for what fails")
    arguments = parser.parse_args()
    try:
        import atheris
    except ImportError:
        print("atheris is not installed: nothing was searched (pip install atheris)")
        return 0
    sys.path.insert(0, str(HERE))
    with atheris.instrument_imports(include=["convcli", "PIL"]):
        import seeds

        seeds.groups()  # loads convcli and all decoders of Pillow while imports are instrumented
        from convcli.kernels.models.spec import FORMATS

        for name in set(FORMATS.values()):
            import_module(f"convcli.kernels.models.{name}")
    keep = (arguments.keep or Path(tempfile.mkdtemp(prefix="fuzz-"))).absolute()
    judge, mutate = {"readers": readers, "spec": specs, "models": models}[arguments.target](keep)
    print(f"inputs that fail are left in {keep}", flush=True)
    os.chdir(keep)
    options = {
        "atheris_runs": arguments.runs,
        "seed": arguments.seed,
        "timeout": SECONDS,
        "rss_limit_mb": MEGABYTES,
        "artifact_prefix": f"{keep}/",
        "max_len": 2**18,
        "print_final_stats": 1,
    }
    words = [f"-{name}={value}" for name, value in options.items()]
    atheris.Setup([sys.argv[0], *words, str(keep / "corpus")], judge, custom_mutator=mutate)
    atheris.Fuzz()  # does not return
    return 0


Judge = Callable[[bytes], None]
Mutate = Callable[[bytes, int, int], bytes]


def readers(keep: Path) -> tuple[Judge, Mutate]:
    """Return a function that reads an image from bytes, and one that damages an image."""
    import io

    from mutations import damaged
    from seeds import groups
    from verdicts import judge_image

    files = tuple(data for group in groups().values() for data in group.values())
    _write_corpus(keep, files)
    path = keep / "it.csv"  # as text, a file is read only by its suffix

    def judge(data: bytes) -> None:
        judge_image(io.BytesIO(data))
        if b"\0" not in data:
            path.write_bytes(data)
            judge_image(path)

    return judge, _mutator(lambda data, rng: damaged(data, rng, files))


def specs(keep: Path) -> tuple[Judge, Mutate]:
    """Return a function that reads a SPEC from bytes, and one that damages it.

    Bytes that begin with ``-`` are a kernel file on standard input, after the first line.
    """
    from mutations import damaged
    from seeds import arrays, documents, texts
    from specs import damaged_spec, spec
    from verdicts import judge_spec

    files = tuple((arrays() | documents() | texts()).values())
    rng = Random(1)
    lines = (spec(rng).encode(errors="surrogatepass") for _ in range(SPECS))
    _write_corpus(keep, (*lines, *(b"-\n" + data for data in files)))

    def judge(data: bytes) -> None:
        if data.startswith(b"-\n"):
            judge_spec("-", data[2:])
        else:
            judge_spec(data.decode(errors="surrogateescape"))

    def damaged_either(data: bytes, rng: Random) -> bytes:
        if data.startswith(b"-\n"):
            return b"-\n" + damaged(data[2:], rng, files)
        text = damaged_spec(data.decode(errors="replace"), rng)
        return text.encode(errors="surrogatepass")

    return judge, _mutator(damaged_either)


def models(keep: Path) -> tuple[Judge, Mutate]:
    """Return a function that reads a network's file from bytes, and one that damages it.

    The first line is the suffix of the file's name.
    """
    from mutations import damaged, damaged_inside
    from seeds import models as files_by_suffix
    from verdicts import judge_model

    from convcli.kernels.models.archive import FAULTS

    by_suffix = files_by_suffix()
    files = tuple(data for group in by_suffix.values() for data in group.values())
    _write_corpus(
        keep,
        tuple(
            suffix.encode() + b"\n" + data
            for suffix, group in by_suffix.items()
            for data in group.values()
        ),
    )
    suffixes = {suffix.encode(): keep / f"it{suffix}" for suffix in by_suffix}

    def judge(data: bytes) -> None:
        suffix, _, content = data.partition(b"\n")
        if suffix in suffixes:
            judge_model(suffixes[suffix], content)
            judge_model(suffixes[suffix], content, ":1")

    def damaged_either(data: bytes, rng: Random) -> bytes:
        suffix, _, content = data.partition(b"\n")
        try:
            content = rng.choice((damaged, damaged_inside))(content, rng, files)
        except (*FAULTS, OSError):
            content = damaged(content, rng, files)  # no zip file any more
        return suffix + b"\n" + content

    return judge, _mutator(damaged_either)


def _mutator(damage: Callable[[bytes, Random], bytes]) -> Mutate:
    """Return a mutator that alternates between libFuzzer's mutations and ours."""
    import atheris

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        rng = Random(seed)
        if rng.random() < 0.5:
            changed: bytes = atheris.Mutate(data, most)
            return changed
        return damage(data, rng)[:most]

    return mutate


def _write_corpus(keep: Path, inputs: tuple[bytes, ...]) -> None:
    corpus = keep / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(inputs):
        (corpus / f"seed-{number}").write_bytes(data)


if __name__ == "__main__":
    sys.exit(main())
