"""The samples: what the table says of them, where they lie, and names that none has."""

import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import convcli.samples as module
from convcli.errors import UsageError
from convcli.samples import SAMPLES, file_of, local_name

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=list(SAMPLES))
def test_the_table_is_true(sample):
    file = Path(file_of(f"@{sample.name}"))
    assert file.stem == sample.name
    assert file.stat().st_size < 150_000
    if file.suffix in (".png", ".jpg"):
        with Image.open(file) as image:
            assert image.size == (sample.columns, sample.rows)
            assert image.mode in {"gray": "L", "RGB": "RGB"}[sample.summary.split(", ")[1]]
    else:
        numbers = np.loadtxt(file, delimiter="," if file.suffix == ".csv" else None)
        assert numbers.shape == (sample.rows, sample.columns)


def test_the_wheel_holds_every_sample():
    """And nothing else: this is where it differs from a checkout, which has them once."""
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert build["targets"]["wheel"]["force-include"] == {
        f"sample_images/{each.file}": f"convcli/sample_images/{each.file}"
        for each in SAMPLES.values()
    }


def test_the_credits_are_those_of_the_folder():
    text = (ROOT / "sample_images" / "README.md").read_text()
    for sample in SAMPLES.values():
        line = next(line for line in text.splitlines() if f"`{sample.file}`" in line)
        assert line.endswith(f"| {sample.source} |")


def test_the_folder_of_the_package_comes_first(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "__file__", str(tmp_path / "convcli" / "samples.py"))
    assert file_of("@camera") == str(tmp_path / "sample_images" / "camera.png")
    (tmp_path / "convcli" / "sample_images").mkdir(parents=True)
    assert file_of("@camera") == str(tmp_path / "convcli" / "sample_images" / "camera.png")


def test_other_names_are_files():
    for name in ("camera", "a@b.png", "./@camera", "-", ""):
        assert file_of(name) == local_name(name) == name


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("@camra", "did you mean @camera?"),
        ("@Camera.png", "did you mean @camera?"),
        ("@toy-6", "did you mean @toy-6x6?"),
        ("@", "'convcli samples' lists them"),
        ("@" + "x" * 10_000, "'convcli samples' lists them"),
        ("@a\nb", "@a\\nb: there is no such sample"),
        ("@here.png", "the file of this name is ./@here.png"),
    ],
)
def test_an_unknown_name_gets_advice(name, advice, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("@here.png").touch()
    with pytest.raises(UsageError) as caught:
        file_of(name)
    assert advice in str(caught.value)
    assert "\n" not in str(caught.value)
