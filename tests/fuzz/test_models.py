"""Damaged files of networks: each gives valid kernels, or is refused in one line."""

import io
import json
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import damaged
from seeds import models
from verdicts import judge_spec

MODELS = models()
EVERY_FILE = tuple(data for files in MODELS.values() for data in files.values())
NAMES = ("conv1/W", "conv.weight", "conv", "W", "k", "fc", "w", "zz", "\n", "@9", "1", "2", "0")
LAYERS = ("", *(f":{name}" for name in NAMES))
chance = st.randoms(use_true_random=False)
pytestmark = [pytest.mark.fuzz, pytest.mark.usefixtures("folder", "little_memory")]


def judge_model(folder, data, suffix, layer=""):
    path = folder / f"it{suffix}"
    path.write_bytes(data)
    return judge_spec(f"{path}{layer}")


def damaged_inside(data, rng):
    """Damage one part of a file and keep what tells of it sound: the checksums and lengths."""
    if data.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(data)) as zipped:
            files = {name: zipped.read(name) for name in zipped.namelist()}
        name = rng.choice(list(files))
        files[name] = damaged(files[name], rng, EVERY_FILE)
        with zipfile.ZipFile(file := io.BytesIO(), "w", rng.choice((0, 8, 12))) as zipped:
            for each, content in files.items():
                zipped.writestr(each, content)
        return file.getvalue()
    length = int.from_bytes(data[:8], "little")
    if length > len(data):  # a message of a graph, without a sum or a length of the whole
        head = damaged(data[:99], rng, EVERY_FILE)
        return head + data[99:]
    header = damaged(data[8 : 8 + length], rng, (json.dumps({"a": [1, "F32"]}).encode(),))
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


@pytest.mark.parametrize("suffix", MODELS)
def test_what_is_damaged_is_sound_to_begin_with(folder, suffix):
    for data in MODELS[suffix].values():
        assert judge_model(folder, data, suffix, ":1")


@pytest.mark.parametrize("suffix", MODELS)
def test_files_cut_short(folder, suffix):
    data = min(MODELS[suffix].values(), key=len)
    for end in range(0, len(data), 1 + len(data) // 400):
        judge_model(folder, data[:end], suffix)


@pytest.mark.parametrize("suffix", MODELS)
@settings(max_examples=200)
@given(rng=chance, layer=st.sampled_from(LAYERS))
def test_damaged_files(folder, suffix, rng, layer):
    data = damaged(rng.choice(list(MODELS[suffix].values())), rng, EVERY_FILE)
    judge_model(folder, data, suffix, layer)


@pytest.mark.parametrize("suffix", MODELS)
@settings(max_examples=300)
@given(rng=chance, layer=st.sampled_from(LAYERS))
def test_files_damaged_inside(folder, suffix, rng, layer):
    judge_model(
        folder, damaged_inside(rng.choice(list(MODELS[suffix].values())), rng), suffix, layer
    )


@pytest.mark.parametrize("suffix", MODELS)
@given(data=st.binary(max_size=300) | st.sampled_from(EVERY_FILE))
def test_bytes_of_any_kind(folder, suffix, data):
    judge_model(folder, data, suffix)
