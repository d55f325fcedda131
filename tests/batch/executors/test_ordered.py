"""The order of results, and what is begun after a failure, with workers that tests control."""

import pytest

from convcli.batch.executors.ordered import run_in_order
from convcli.batch.inputs import Source
from convcli.batch.job import Job, JobOptions, JobResult
from convcli.batch.outputs import plan_output
from convcli.errors import ImageError
from convcli.filtering.filter import Filter
from convcli.images.options import WriteOptions
from convcli.kernels.spec import get_kernel

OPTIONS = JobOptions((Filter("blur", (get_kernel("blur"),)),))


class Workers:
    """An executor that finishes the latest of its running jobs first."""

    has_room = True

    def __init__(self, size, failing=()):
        self.size = size
        self.failing = failing
        self.waiting: dict[int, Job] = {}
        self.begun: list[str] = []
        self.closed = False

    def submit(self, number, job):
        self.waiting[number] = job

    def finished(self):
        running = list(self.waiting)[: self.size]
        self.begun += [name for each in running if (name := self.name(each)) not in self.begun]
        number = running[-1]
        path = self.waiting.pop(number).source.path
        error = ImageError(path, "is broken") if path in self.failing else None
        return {number: JobResult(path, error=error)}

    def name(self, number):
        return self.waiting[number].source.path

    def close(self):
        self.closed = True


def jobs(count, missing=()):
    for number in range(count):
        path = f"{number}.png"
        error = ImageError(path, "no such file") if path in missing else None
        yield Job(Source(path, error=error))


@pytest.mark.parametrize("size", [1, 2, 5])
def test_results_come_in_the_order_of_the_jobs(size):
    workers = Workers(size, {"3.png", "7.png"})
    results = list(run_in_order(jobs(40, {"5.png"}), workers, OPTIONS))
    assert [result.path for result in results] == [f"{number}.png" for number in range(40)]
    failed = [result.path for result in results if result.error is not None]
    assert failed == ["3.png", "5.png", "7.png"]
    assert workers.closed


@pytest.mark.parametrize("size", [1, 2, 5])
def test_fail_fast_begins_nothing_after_a_failure(size):
    workers = Workers(size, {"0.png"})
    results = list(run_in_order(jobs(40), workers, OPTIONS, fail_fast=True))
    running = [f"{number}.png" for number in range(size)]
    # The others finish first; each of them makes room for one more job until 0.png has failed.
    assert workers.begun[:size] == running
    assert not workers.waiting
    assert [result.path for result in results] == workers.begun
    last = Workers(size, {f"{size - 1}.png"})
    assert len(list(run_in_order(jobs(40), last, OPTIONS, fail_fast=True))) == size
    assert last.begun == running


def test_fail_fast_stops_at_a_missing_file():
    workers = Workers(1)
    results = list(run_in_order(jobs(9, {"1.png"}), workers, OPTIONS, fail_fast=True))
    assert [result.path for result in results] == ["0.png", "1.png"]


def test_what_is_done_already_goes_to_no_worker(tmp_path):
    (tmp_path / "1_blur.png").touch()
    paths = [str(tmp_path / f"{number}_blur.png") for number in range(3)]
    some = (Job(Source(path), (plan_output(path, None),)) for path in paths)
    workers = Workers(2)
    options = OPTIONS._replace(writing=WriteOptions(skip_existing=True))
    results = list(run_in_order(some, workers, options))
    assert [result.path for result in results] == paths
    assert sorted(workers.begun) == [paths[0], paths[2]]
    assert [output.skipped for output in results[1].results] == [True]
