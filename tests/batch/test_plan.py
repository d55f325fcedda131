"""Where each result goes, and what is refused before any work."""

import os

import pytest

from convcli.batch.inputs import Missing, Source
from convcli.batch.naming import Naming, plan_jobs
from convcli.batch.settings import Reading, Work, Writing
from convcli.errors import PictureError, UsageError
from convcli.filtering import FilterSpec
from convcli.kernels.spec import get_kernel


def work(*labels, **writing):
    kernel = get_kernel("blur")
    specs = tuple(FilterSpec(label, (kernel,)) for label in labels or ("blur",))
    return Work(specs, Reading(), Writing(**writing))


def outputs(sources, settings, **naming):
    return [job.outputs for job in plan_jobs(sources, settings, Naming(**naming))]


def test_one_output_for_each_kernel():
    assert outputs([Source("x/a.png")], work("k1", "k2")) == [("x/a_k1.png", "x/a_k2.png")]


@pytest.mark.parametrize("folder", ["", ".", "sub", "sub/deep"])
def test_the_tree_is_repeated(folder):
    (names,) = outputs([Source("in/a.png", folder)], work(), out_dir="out")
    assert names == (os.path.normpath(f"out/{folder}/a_blur.png"),)


def test_an_index_counts_all_inputs_from_1():
    sources = [Source("a.png"), Missing("b", PictureError("b", "is not there")), Source("c.png")]
    jobs = plan_jobs(sources, work(), Naming(name="{index}{suffix}"))
    assert [jobs[0].outputs, jobs[2].outputs] == [("1.png",), ("3.png",)]
    assert jobs[1] is sources[1]


def test_figures_alone_make_no_pictures():
    (job,) = plan_jobs([Source("a.png")], work(), Naming(plot="p.png"))
    assert (job.outputs, job.figure) == ((), "p.png")
    (job,) = plan_jobs([Source("a.png")], work(), Naming(plot="p.png", output="o.png"))
    assert (job.outputs, job.figure) == (("o.png",), "p.png")
    (job,) = plan_jobs([Source("a.png")], work(), Naming(show=True))
    assert (job.outputs, job.figure) == ((), None)


def test_figures_of_several_inputs_repeat_the_tree():
    sources = [Source("in/a.png", "x"), Source("in/b.png", "y")]
    jobs = plan_jobs(sources, work("k1", "k2"), Naming(plot="plots"))
    assert [job.figure for job in jobs] == ["plots/x/a_k1+k2.png", "plots/y/b_k1+k2.png"]


@pytest.mark.parametrize(
    ("paths", "naming", "writing"),
    [
        (["a.png", "b.png"], {"output": "o.png"}, {}),
        (["a.png"], {"output": "o.png", "out_dir": "out"}, {}),
        (["x/a.png", "y/a.png"], {"out_dir": "out"}, {}),
        (["a.png", "b.png"], {"name": "{kernel}{suffix}"}, {}),
        (["a.png", "a.jpg"], {}, {"format": "png"}),
        (["a.png", "a_blur.png"], {}, {"overwrite": True}),
        (["-"], {}, {}),
        (["a.png"], {"name": "fixed.png"}, {}),
    ],
)
def test_what_is_refused(tmp_path, monkeypatch, paths, naming, writing):
    monkeypatch.chdir(tmp_path)
    sources = [Source(path, is_stdin=path == "-") for path in paths]
    with pytest.raises(UsageError) as caught:
        outputs(sources, work(**writing), **naming)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_result_may_replace_its_own_input():
    (names,) = outputs([Source("a.png")], work(overwrite=True), name="{stem}{suffix}")
    assert names == ("a.png",)


def test_many_results_may_go_to_one_device(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a_x.png", "b_x.png"):
        (tmp_path / name).symlink_to("/dev/null")
    sources = [Source("a.png"), Source("b.png")]
    jobs = plan_jobs(sources, work(), Naming(name="{stem}_x{suffix}"))
    assert [job.outputs for job in jobs] == [("a_x.png",), ("b_x.png",)]
