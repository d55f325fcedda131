"""SPECs of every kind, right and wrong: each names valid kernels, or is refused in one line."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mutations import damaged
from seeds import arrays, documents, texts
from specs import content, damaged_spec, spec
from verdicts import judge_spec

from convcli.errors import KernelError
from convcli.kernels.catalogue import CATALOGUE
from convcli.kernels.entries import ComputedKernel
from convcli.kernels.formulas import MAX_SIDE
from convcli.kernels.spec import get_kernel, read_spec

FILES = ("k.txt", "k.csv", "k.json", "k.npy", "k.NPY", "k.png", "k")
ARRAYS = tuple(arrays().values())
COMPUTED = [entry for entry in CATALOGUE.values() if isinstance(entry, ComputedKernel)]
ABSURD = ("999999999", "999999999x1", "2048", "1x2048", "1e9", "1000000", "inf")
chance = st.randoms(use_true_random=False)
DAMAGED_TEXT = chance.map(lambda rng: damaged(content(rng), rng, ARRAYS))
DAMAGED_ARRAYS = chance.map(lambda rng: damaged(rng.choice(ARRAYS), rng, ARRAYS))
pytestmark = [pytest.mark.fuzz, pytest.mark.usefixtures("folder", "little_memory")]


def test_every_name_is_valid_before_it_is_damaged():
    for name in CATALOGUE:
        assert judge_spec(name) or len(read_spec(name).kernels) > 1, name


@settings(max_examples=300)
@given(text=chance.map(spec))
def test_specs_by_the_grammar(text):
    judge_spec(text)


@settings(max_examples=150)
@given(text=chance.map(lambda rng: damaged_spec(spec(rng), rng)))
def test_specs_that_are_damaged(text):
    judge_spec(text)


@settings(max_examples=100)
@given(text=st.just("") | chance.map(spec), data=st.binary(max_size=60))
def test_specs_of_any_bytes(text, data):
    """Arguments need not be UTF-8: Python decodes the other bytes as surrogates."""
    judge_spec(text + data.decode(errors="surrogateescape"))


@settings(max_examples=100)
@given(text=st.text(max_size=60))
def test_specs_of_any_text(text):
    judge_spec(text)


@settings(max_examples=150)
@given(data=DAMAGED_TEXT, name=st.sampled_from(FILES))
def test_files_of_damaged_text(folder, data, name):
    (folder / name).write_bytes(data)
    judge_spec(str(folder / name))


@settings(max_examples=150)
@given(data=DAMAGED_ARRAYS, name=st.sampled_from(FILES), turn=st.sampled_from(("", "@90", "@45")))
def test_files_of_damaged_arrays(folder, data, name, turn):
    (folder / name).write_bytes(data)
    judge_spec(str(folder / name) + turn)


@settings(max_examples=100)
@given(data=DAMAGED_TEXT | DAMAGED_ARRAYS)
def test_damaged_standard_input(data):
    judge_spec("-", data)


@pytest.mark.parametrize("value", ABSURD)
@pytest.mark.parametrize("entry", COMPUTED, ids=lambda entry: entry.name)
def test_absurd_sizes_are_refused_before_anything_is_computed(entry, value, monkeypatch):
    """No argument makes a grid whose sides are over the limit."""
    made = []

    def watched(*arrays, **options):
        made.append(max(np.size(array) for array in arrays))
        return meshgrid(*arrays, **options)

    meshgrid = np.meshgrid
    monkeypatch.setattr(np, "meshgrid", watched)
    for parameter in entry.parameters[:2]:
        with suppress(KernelError):
            kernel = get_kernel(f"{entry.name}:{parameter.name}={value}")
            assert max(kernel.shape) <= MAX_SIDE
    assert max(made, default=0) <= MAX_SIDE


@pytest.mark.parametrize("form", [*documents(), *texts()])
def test_kernel_files_cut_short_at_every_byte(folder, form):
    data = (documents() | texts())[form]
    for end in range(len(data)):
        judge_spec("-", data[:end])


@pytest.mark.parametrize(
    "text",
    [
        *("box:" + "9" * 4000, "9" * 4000, "9" * 4000 + "x", "1/" + "9" * 4000, "[" * 4000),
        *("@" * 4000, "@" * 2000 + "/", " ," * 2000, "1" + " " * 4000 + "x", "sobel@" + "9" * 4000),
        *("gaussian:" + "sigma=1," * 500, "a" * 4000, "1e" + "9" * 4000, "0." + "0" * 4000 + "x"),
    ],
    ids=lambda text: text[:9],
)
def test_long_specs_are_refused_soon(text):
    assert not judge_spec(text)
