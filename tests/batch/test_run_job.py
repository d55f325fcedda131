"""The work on one input: what comes out, and that a fault stays with it."""

import numpy as np
import pytest

from convcli.batch.inputs import Source
from convcli.batch.job import Job, JobOptions
from convcli.batch.outputs import plan_output
from convcli.batch.run_job import run_serially
from convcli.errors import ImageError
from convcli.filtering import Filter
from convcli.kernels.spec import get_kernel


def job(source, *outputs):
    return Job(Source(source), tuple(plan_output(path, None) for path in outputs))


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.arange(20, dtype=np.uint8).reshape(4, 5))
    np.save("b.npy", np.ones((3, 3)))
    return tmp_path


def test_a_fault_does_not_stop_the_next(here):
    work = JobOptions((Filter("outline", (get_kernel("outline"),)),))
    jobs = [
        job("a.npy", "a-out.npy"),
        job("nowhere.npy", "no.npy"),
        Job(Source("gone", error=ImageError("gone", "is gone"))),
        job("b.npy", "b-out.npy"),
    ]
    outcomes = list(run_serially(jobs, work))
    assert [outcome.path for outcome in outcomes] == ["a.npy", "nowhere.npy", "gone", "b.npy"]
    assert [str(outcome.error) for outcome in outcomes if outcome.error] == [
        "nowhere.npy: no such file",
        "gone: is gone",
    ]
    assert sorted(path.name for path in here.iterdir()) == [
        "a-out.npy",
        "a.npy",
        "b-out.npy",
        "b.npy",
    ]


def test_jobs_are_done_as_they_are_asked_for(here):
    work = JobOptions((Filter("blur", (get_kernel("blur"),)),))
    outcomes = run_serially((job(name, f"{name}.npy") for name in ("a.npy", "b.npy")), work)
    next(outcomes)
    assert (here / "a.npy.npy").exists()
    assert not (here / "b.npy.npy").exists()


def test_an_outcome_has_what_was_made_before_the_fault(here):
    kernels = [get_kernel("outline"), get_kernel("box:9")]
    work = JobOptions(tuple(Filter(kernel.name, (kernel,)) for kernel in kernels))
    (outcome,) = run_serially([job("a.npy", "first.npy", "b.npy/second.png")], work)
    assert [result.output for result in outcome.results] == ["first.npy"]
    assert outcome.error is not None
    result = outcome.results[0]
    assert (result.input_shape, result.shape) == ((4, 5), (4, 5))
    assert np.load("first.npy").shape == (4, 5)


def test_an_existing_result_of_any_kernel_stops_before_any_is_made(here):
    kernels = [get_kernel("outline"), get_kernel("blur")]
    work = JobOptions(tuple(Filter(kernel.name, (kernel,)) for kernel in kernels))
    (here / "second.npy").write_bytes(b"mine")
    (outcome,) = run_serially([job("a.npy", "first.npy", "second.npy")], work)
    assert str(outcome.error) == "second.npy: exists already; --overwrite replaces it"
    assert not (here / "first.npy").exists()
