"""Where each result goes, and what is refused before any work."""

import os
import threading
from pathlib import Path

import pytest

from convcli.batch.inputs import Source
from convcli.batch.job import JobOptions
from convcli.batch.joblist import JobList
from convcli.batch.options import InputOptions, OutputOptions
from convcli.batch.outputs import OutputPlanner
from convcli.errors import UsageError
from convcli.filtering.filter import Filter
from convcli.images.options import ReadOptions, WriteOptions
from convcli.kernels.spec import get_kernel


def job_options(*labels, **writing):
    kernel = get_kernel("blur")
    filters = tuple(Filter(label, (kernel,), slug=label) for label in labels or ("blur",))
    return JobOptions(filters, ReadOptions(), WriteOptions(**writing))


def jobs(paths, options, search=None, **naming):
    options = options._replace(outputs=OutputOptions(**naming))
    return list(JobList(search or InputOptions(tuple(paths)), options).jobs())


def outputs(paths, options, **naming):
    return [paths_of(job) for job in jobs(paths, options, **naming)]


def paths_of(job):
    return tuple(output.path for output in job.outputs)


def make(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_one_output_for_each_kernel():
    assert outputs(["x/a.png"], job_options("k1", "k2")) == [("x/a_k1.png", "x/a_k2.png")]


@pytest.mark.parametrize("below", ["", ".", "sub", "sub/deep"])
def test_the_tree_is_repeated(below):
    options = job_options()._replace(outputs=OutputOptions(out_dir="out"))
    job = OutputPlanner(options, several=True).job(Source("in/a.png", below), 1)
    assert paths_of(job) == (os.path.normpath(f"out/{below}/a_blur.png"),)


def test_an_index_counts_all_inputs_from_1():
    first, missing, third = jobs(
        ["a.png", "nothing*.png", "c.png"], job_options(), name="{index}{suffix}"
    )
    assert [paths_of(first), paths_of(third)] == [("1.png",), ("3.png",)]
    assert missing.source.error is not None


def test_figures_alone_make_no_images():
    (job,) = jobs(["a.png"], job_options(), plot="p.png")
    assert (paths_of(job), job.summaries) == ((), (("figure", "p.png"),))
    (job,) = jobs(["a.png"], job_options(), plot="p.png", output="o.png")
    assert (paths_of(job), job.summaries) == (("o.png",), (("figure", "p.png"),))
    (job,) = jobs(["a.png"], job_options(), show=True)
    assert (paths_of(job), job.summaries) == ((), ())


def test_figures_of_several_inputs_repeat_the_tree(here):
    make(here, "in/x/a.png", "in/y/b.png")
    search = InputOptions(("in",), recursive=True)
    found = jobs([], job_options("k1", "k2"), search, plot="plots")
    places = [each.path for job in found for each in job.summaries]
    assert places == ["plots/x/a_k1+k2.png", "plots/y/b_k1+k2.png"]


REFUSED = [
    (["a.png", "b.png"], {"output": "o.png"}, {}),
    (["a.png"], {"output": "o.png", "out_dir": "out"}, {}),
    (["x/a.png", "y/a.png"], {"out_dir": "out"}, {}),
    (["a.png", "b.png"], {"name": "{kernel}{suffix}"}, {}),
    (["a.png", "a.jpg"], {}, {"format": "png"}),
    (["a.png", "a_blur.png"], {}, {"overwrite": True}),
    (["a_blur.png", "a.png"], {}, {"overwrite": True}),
    (["-"], {}, {}),
    (["a.png"], {"name": "fixed.png"}, {}),
]


@pytest.mark.parametrize(("paths", "naming", "writing"), REFUSED)
def test_what_is_refused(here, paths, naming, writing):
    with pytest.raises(UsageError) as caught:
        outputs(paths, job_options(**writing), **naming)
    assert "\n" not in str(caught.value)
    assert list(here.iterdir()) == []


def test_a_conflict_names_both_inputs_and_the_file(here):
    make(here, "in/a.png", "in/a.jpg", "in/b.png")
    with pytest.raises(
        UsageError, match=r"in/a\.jpg and in/a\.png would both be written to out/a_blur\.png"
    ):
        outputs(["in"], job_options(format="png"), out_dir="out")


@pytest.mark.posix
@pytest.mark.parametrize("other", ["b.png", "a.jpg"])
def test_a_list_through_a_pipe_refuses_the_second_of_two(here, other):
    """It can be read only once, so a conflict is found when the input's turn comes."""
    os.mkfifo("list")
    with Opened(f"a.png\nx/a.png\n{other}\n"):
        found = jobs(
            [],
            job_options(),
            InputOptions((), files_from="list"),
            out_dir="out",
            name="{stem}{suffix}",
        )
    first, second, third, *rest = found
    assert paths_of(first) == ("out/a.png",)
    assert paths_of(second) == ("out/x/a.png",)
    assert (third.source.error is not None) == (other == "a.png")
    assert not rest


class Opened:
    """Write to the pipe ``list`` in a thread."""

    def __init__(self, text):
        self._thread = threading.Thread(target=lambda: Path("list").write_text(text))

    def __enter__(self):
        self._thread.start()

    def __exit__(self, *_):
        self._thread.join()


@pytest.mark.posix
def test_names_twice_in_a_pipe(here):
    os.mkfifo("list")
    with Opened("a.png\nx/../a.png\na.jpg\n"):
        options = job_options(format="png")
        first, second = jobs(["z.png"], options, InputOptions(("a.png",), files_from="list"))
    assert paths_of(first) == ("a_blur.png",)
    assert "taken by another input" in str(second.source.error)


def test_an_input_named_twice_is_taken_once_where_it_comes_first(here):
    make(here, "in/b.png", "in/a.png", "list")
    (here / "list").write_text("in/a.png\nin/c.png\n./in/c.png\n")
    (here / "in/link.png").symlink_to("a.png")
    search = InputOptions(("in/b.png", "./in/b.png", "in", str(here / "in")), files_from="list")
    paths = [job.source.path for job in jobs([], job_options(), search, out_dir="out")]
    assert paths == ["in/b.png", "in/a.png", "in/link.png", "in/c.png"]


@pytest.mark.posix
@pytest.mark.parametrize(("listed", "count"), [("a.png\n./a.png\n", 1), ("a.png\nb.png\n", 2)])
def test_a_list_from_a_pipe_may_name_the_one_input_of_a_single_output(here, listed, count):
    os.mkfifo("list")
    with Opened(listed):
        search = InputOptions((), files_from="list")
        if count > 1:
            with pytest.raises(UsageError, match="several inputs"):
                jobs([], job_options(), search, output="o.png")
            return
        (job,) = jobs([], job_options(), search, output="o.png", plot="p.png")
    assert (job.source.path, paths_of(job)) == ("a.png", ("o.png",))
    assert job.summaries == (("figure", "p.png"),)


@pytest.mark.parametrize("kind", ["plot", "grid", "stack"])
def test_one_summary_file_is_not_for_several_inputs(here, kind):
    make(here, "a.png", "b.png")
    with pytest.raises(UsageError, match=f"--{kind} all.png names one file, .* slash .* all/"):
        jobs(["a.png", "b.png"], job_options(), **{kind: "all.png"})
    first, _ = jobs(["a.png", "b.png"], job_options(), **{kind: "all.png/"})
    assert first.summaries[0].path.startswith("all.png/a_blur")
    (only,) = jobs(["a.png", "a.png"], job_options(), **{kind: "all.png"})
    assert only.summaries[0].path == "all.png"


def test_an_empty_list_has_no_result_for_one_output(here):
    make(here, "list")
    (here / "list").write_text("\n")
    search = InputOptions((), files_from="list")
    with pytest.raises(UsageError, match="--files-from list: names no file"):
        jobs([], job_options(), search, output="o.png")
    assert jobs([], job_options(), search, out_dir="out") == []


def test_results_of_the_last_run_are_no_inputs(here):
    make(here, "a.png", "a_blur.png", "b.png", "blur_c.png")
    assert [job.source.path for job in jobs(["."], job_options())] == [
        "./a.png",
        "./b.png",
        "./blur_c.png",
    ]
    again = [job.source.path for job in jobs(["."], job_options(overwrite=True))]
    assert again == ["./a.png", "./b.png", "./blur_c.png"]


def test_a_result_may_replace_its_own_input():
    (names,) = outputs(["a.png"], job_options(overwrite=True), name="{stem}{suffix}")
    assert names == ("a.png",)


@pytest.mark.parametrize("overwrite", [False, True])
def test_many_results_may_go_to_one_device(here, overwrite):
    for name in ("a_x.png", "b_x.png"):
        (here / name).symlink_to("/dev/null")
    found = outputs(["a.png", "b.png"], job_options(overwrite=overwrite), name="{stem}_x{suffix}")
    assert found == [("a_x.png",), ("b_x.png",)]


def test_a_folder_overwritten_in_place(here):
    make(here, "a.png", "b.png")
    found = jobs(["."], job_options(overwrite=True), name="{stem}{suffix}")
    assert [(job.source.path, paths_of(job)) for job in found] == [
        ("./a.png", ("./a.png",)), ("./b.png", ("./b.png",))
    ]  # fmt: skip


def test_a_folder_in_which_a_result_would_replace_another_image(here):
    make(here, "p.jpg", "p.png")
    with pytest.raises(
        UsageError, match=r"p\.jpg and \./p\.png would both be written to \./p\.png"
    ):
        jobs(["."], job_options(overwrite=True), name="{stem}.png")


@pytest.mark.parametrize("name", ["../x{stem}{suffix}", "a/../../{stem}{suffix}"])
def test_a_name_may_not_leave_the_output_folder(here, name):
    with pytest.raises(UsageError, match="leaves the folder"):
        jobs(["a.png"], job_options(), out_dir="out", name=name)
