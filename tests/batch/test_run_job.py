"""One job: its results, and that an error ends that job only."""

import numpy as np
import pytest

from convcli.batch.inputs import Source
from convcli.batch.job import Job, JobOptions
from convcli.batch.outputs import plan_output
from convcli.batch.run_job import run_serially
from convcli.errors import ImageError
from convcli.filtering.filter import Filter
from convcli.kernels.spec import get_kernel


def job(source, *outputs):
    return Job(Source(source), tuple(plan_output(path, None) for path in outputs))


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("a.npy", np.arange(20, dtype=np.uint8).reshape(4, 5))
    np.save("b.npy", np.ones((3, 3)))
    return tmp_path


def test_an_error_does_not_stop_the_next(here):
    options = JobOptions((Filter("outline", (get_kernel("outline"),)),))
    jobs = [
        job("a.npy", "a-out.npy"),
        job("nowhere.npy", "no.npy"),
        Job(Source("gone", error=ImageError("gone", "is gone"))),
        job("b.npy", "b-out.npy"),
    ]
    results = list(run_serially(jobs, options))
    assert [result.path for result in results] == ["a.npy", "nowhere.npy", "gone", "b.npy"]
    assert [str(result.error) for result in results if result.error] == [
        "nowhere.npy: no such file",
        "gone: is gone",
    ]
    assert sorted(path.name for path in here.iterdir()) == [
        "a-out.npy",
        "a.npy",
        "b-out.npy",
        "b.npy",
    ]


def test_jobs_run_as_their_results_are_asked_for(here):
    options = JobOptions((Filter("blur", (get_kernel("blur"),)),))
    results = run_serially((job(name, f"{name}.npy") for name in ("a.npy", "b.npy")), options)
    next(results)
    assert (here / "a.npy.npy").exists()
    assert not (here / "b.npy.npy").exists()


def test_a_job_result_has_what_was_made_before_the_error(here):
    kernels = [get_kernel("outline"), get_kernel("box:9")]
    options = JobOptions(tuple(Filter(kernel.name, (kernel,)) for kernel in kernels))
    (job_result,) = run_serially([job("a.npy", "first.npy", "b.npy/second.png")], options)
    assert [result.output for result in job_result.results] == ["first.npy"]
    assert job_result.error is not None
    result = job_result.results[0]
    assert (result.input_shape, result.shape) == ((4, 5), (4, 5))
    assert np.load("first.npy").shape == (4, 5)


def test_an_existing_result_of_any_kernel_stops_before_any_is_made(here):
    kernels = [get_kernel("outline"), get_kernel("blur")]
    options = JobOptions(tuple(Filter(kernel.name, (kernel,)) for kernel in kernels))
    (here / "second.npy").write_bytes(b"mine")
    (job_result,) = run_serially([job("a.npy", "first.npy", "second.npy")], options)
    assert str(job_result.error) == "second.npy: exists already; --overwrite replaces it"
    assert not (here / "first.npy").exists()
