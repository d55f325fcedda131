"""The types of option values, and the progress line."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from PIL import Image

from convcli.batch.job import JobResult, OutputResult
from convcli.batch.memory import available_memory
from convcli.choices import METHOD_SYNONYMS, METHODS
from convcli.cli.main import root
from convcli.cli.report import Progress
from convcli.cli.types import MEMORY, PairType, WordType
from convcli.errors import ImageError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("500M", 500 << 20), ("2G", 2 << 30), ("1.5k", 1536), ("2GiB", 2 << 30), ("64mb", 64 << 20),
        ("4096", 4096), ("80%", 0.8), ("100 %", 1.0), ("0.5%", 0.005),
    ],
)  # fmt: skip
def test_sizes_and_shares(text, value):
    assert MEMORY.convert(text, None, None) == value


@pytest.mark.parametrize("text", ["", "0", "-1", "2X", "120%", "much", "1e9", "%"])
def test_what_is_no_size(text):
    with pytest.raises(click.BadParameter, match="is not a size such as 500M"):
        MEMORY.convert(text, None, None)


def test_some_memory_is_available():
    assert available_memory() > 1 << 20


@pytest.mark.parametrize(
    ("files", "available"),
    [
        ({}, None),
        ({"memory.max": "max", "memory.current": "900", "memory.stat": "inactive_file 1"}, None),
        ({"memory.max": "1000", "memory.current": "900", "memory.stat": "anon 5"}, 100),
        ({"memory.max": "1000", "memory.current": "900"}, 100),
        (
            {"memory.max": "1000", "memory.current": "900",
             "memory.stat": "anon 150\ninactive_file 700\nactive_file 50"},
            800,
        ),
        ({"memory.max": "1000", "memory.current": "1200", "memory.stat": "inactive_file 0"}, 0),
        (
            {"memory/memory.limit_in_bytes": "1000", "memory/memory.usage_in_bytes": "900",
             "memory/memory.stat": "inactive_file 10\ntotal_inactive_file 400"},
            500,
        ),
        (
            {"memory/memory.limit_in_bytes": "9223372036854771712",
             "memory/memory.usage_in_bytes": "900", "memory/memory.stat": "inactive_file 10"},
            None,
        ),
    ],
)  # fmt: skip
def test_a_container_has_its_limit_less_what_it_uses_but_for_the_cache(tmp_path, files, available):
    (tmp_path / "memory").mkdir()
    for name, content in files.items():
        (tmp_path / name).write_text(content + "\n")
    found = available_memory(tmp_path)
    assert found == available if available is not None else found > 1 << 20


def test_the_line_tells_how_far_it_is(capsys):
    progress = Progress(8)
    progress.count(JobResult("a", (OutputResult("k", "o", sizes=(((1000, 2000), (1, 1)),)),)))
    progress.count(JobResult("b", error=ImageError("b", "bad")))
    assert progress.line(2.0) == "2/8, 1 failed, 1 images/s, 1 MP/s, 0:06 left"
    assert Progress(None).line(1.0) == "0 done"
    progress.clear()
    first, shown, last = capsys.readouterr().err.split("\r")  # click writes no codes to a file
    assert (first, last) == ("", "")
    assert shown.startswith("1/8")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--jobs", "0"], "--jobs"),
        (["--jobs", "abc"], "'abc' is not a valid integer."),
        (["--timeout", "0"], "--timeout"),
        (["--timeout", "abc"], "'abc' is not a valid number."),
        (["--max-memory", "lots"], "--max-memory"),
        (["--scheduler", "tcp://x:1", "-j", "2"], "--jobs is for this machine"),
        (["--scheduler", "tcp://x:1", "--max-memory", "1G"], "--max-memory is for this machine"),
    ],
)
def test_what_makes_no_sense_is_refused(apply, gray, options, said):
    ran = apply("-k", "blur", "gray.png", "gray.png", "--out-dir", "out", *options)
    assert ran.code == 2
    assert said in ran.err


def test_a_synonym_stands_for_its_word():
    words = WordType(METHODS, METHOD_SYNONYMS)
    assert words.convert("im2col", None, None) == "matrix"
    assert "im2col" not in words.get_metavar(None, None)
    with pytest.raises(click.BadParameter):
        words.convert("gemm", None, None)
    with pytest.raises(click.BadParameter, match="numbers must be at least 1"):
        PairType().convert("0,1", None, None)


@pytest.mark.parametrize(
    ("args", "advice"),
    [
        ("apply -k outline gray.png -o", "name a file, or - for standard output"),
        ("apply -k outline gray.png --out-dir", "name a folder, or . for the current one"),
        ("apply -k outline gray.png --plot", "name a file"),
        ("apply -k outline --files-from", "name a file"),
        ("samples camera -o", "name a file, or - for standard output"),
        ("samples camera --out-dir", "name a folder, or . for the current one"),
        ("compare gray.png -k outline --vary border -o", "name a file, or - for standard output"),
        ("animate gray.png -k outline -o", "name a file, or - for standard output"),
        ("chain gray.png relu --each-dir", "name a folder, or . for the current one"),
    ],
)
def test_an_empty_name_of_a_file_is_not_the_same_as_none(convcli, gray, args, advice):
    convcli(*args.split(), "").fails(2, f"is empty; {advice}")
    assert [path.name for path in Path().iterdir()] == ["gray.png"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            ["apply", "1 2; 3 4", "-k", "blur"],
            "no such file; a matrix is given as --matrix '1 2; 3 4'",
        ),
        (["chain", "1,2", "relu"], "no such file; a matrix is given as --matrix '1,2'"),
        (
            ["apply", "@camera", "-k", "blur", "--range", "percentile:2,98"],
            "percentile has an option of its own for that: --percentile 2,98",
        ),
    ],
)
def test_a_value_in_the_wrong_place_is_told_its_option(args, message):
    result = CliRunner().invoke(root, args)
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_file_that_is_called_like_a_matrix_is_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("L", (2, 1), 7).save("1 2", "PNG")
    args = ["apply", "1 2", "-k", "identity", "-o", "-", "--format", "csv"]
    assert CliRunner().invoke(root, args).stdout.strip() == "7,7"
