"""Names, folders, patterns and lists, to inputs."""

import os
import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convcli.batch.executors.dask_worker import to_absolute
from convcli.batch.inputs import InputSearch, Source, check_inputs
from convcli.batch.job import Job
from convcli.batch.options import InputOptions
from convcli.errors import UsageError


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("b.png", "a.PNG", "n.txt", "sub/c.jpg", "sub/deep/d.tif", ".e.png", "out/f.png"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def found(*names, **options):
    return list(InputSearch(InputOptions(names, **options)).repeatable())


def test_a_name_is_taken_as_it_is(tree):
    assert found("n.txt", "./b.png", "nowhere.png", "-") == [
        Source("n.txt"),
        Source("./b.png"),
        Source("nowhere.png"),
        Source("-", is_stdin=True),
    ]
    assert [source.is_stdin for source in found("-", "./-")] == [True, False]


def test_a_folder_gives_its_images_sorted(tree):
    assert found(".") == [Source("./a.PNG", ".", found=True), Source("./b.png", ".", found=True)]


def test_a_recursive_search_leaves_out_the_output_folder(tree):
    inside = [
        (source.path, source.below) for source in found(".", recursive=True, out_dir="./out/")
    ]
    assert inside == [
        ("./a.PNG", "."),
        ("./b.png", "."),
        ("./sub/c.jpg", "sub"),
        ("./sub/deep/d.tif", "sub/deep"),
    ]


def test_the_output_folder_is_searched_where_it_is_named_itself(tree):
    assert found("out", out_dir="out") == [Source("out/f.png", ".", found=True)]


def test_a_pattern_gives_files_sorted(tree):
    assert [source.path for source in found("*.png")] == ["b.png"]
    assert found("**/*.[jt]*") == [
        Source("n.txt", ".", found=True),
        Source("sub/c.jpg", "sub", found=True),
        Source("sub/deep/d.tif", "sub/deep", found=True),
    ]


def test_what_matches_nothing_is_missing(tree):
    (tree / "empty").mkdir()
    for name in ("*.bmp", "empty"):
        (missing,) = found(name)
        assert str(missing.error).startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("a.png", ""),
        ("x/y/a.png", "x/y"),
        ("./x/a.png", "x"),
        ("../../x/a.png", "x"),
        ("/abs/x/a.png", "abs/x"),
        ("x/../../../y/a.png", "y"),
    ],
)
def test_a_list_never_leads_out_of_the_output_folder(tmp_path, path, folder):
    (tmp_path / "list").write_text(path + "\n")
    assert found(files_from=str(tmp_path / "list")) == [Source(path, folder)]


names = st.lists(
    st.binary(min_size=1, max_size=12).filter(lambda name: b"\0" not in name), max_size=6
)


@pytest.mark.slow
@settings(max_examples=100)
@given(names)
def test_a_list_ended_by_nul_gives_any_name_back(tmp_path_factory, given_names):
    file = tmp_path_factory.mktemp("lists") / "list"
    file.write_bytes(b"".join(name + b"\0" for name in given_names))
    back = [os.fsencode(source.path) for source in found(files_from=str(file), null=True)]
    names = {os.path.normpath(name): name for name in reversed(given_names)}
    wanted = [name for name in given_names if names.pop(os.path.normpath(name), None) == name]
    assert [os.path.normpath(name) for name in back] == [os.path.normpath(name) for name in wanted]
    assert not any(source.is_stdin for source in found(files_from=str(file), null=True))


@pytest.mark.parametrize(
    ("options", "kernel"),
    [
        ({}, False),
        ({"names": ("-", "-")}, False),
        ({"names": ("-",), "files_from": "-"}, False),
        ({"names": ("-",)}, True),
        ({"files_from": "-"}, True),
    ],
)
def test_a_search_without_an_input_or_with_two_of_stdin(options, kernel):
    with pytest.raises(UsageError):
        check_inputs(InputOptions(**options), kernel_from_stdin=kernel)


def test_a_list_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="--files-from"):
        found(files_from=str(tmp_path / "nope"))


@pytest.mark.parametrize(
    ("include", "exclude", "expected"),
    [
        (("*.png",), (), ["a.PNG", "b.png", "out/f.png"]),
        (("*.txt",), (), ["n.txt"]),
        (("sub/*",), (), ["sub/c.jpg", "sub/deep/d.tif"]),
        (("sub/*", "b*"), ("deep",), ["b.png", "sub/c.jpg"]),
        ((), ("out",), ["a.PNG", "b.png", "sub/c.jpg", "sub/deep/d.tif"]),
        ((), ("sub/deep/*", "*.PNG"), ["sub/c.jpg"]),
        (("SUB/C*",), (), ["sub/c.jpg"]),
        (("nothing",), (), []),
    ],
)
def test_patterns_choose_what_is_found(tree, include, exclude, expected):
    items = found(".", recursive=True, include=include, exclude=exclude)
    assert [item.path[2:] for item in items if item.error is None] == expected
    assert found("n.txt", include=("*.png",)) == [Source("n.txt")]


def test_patterns_choose_among_a_pattern_s_matches(tree):
    paths = [source.path for source in found("*", include=("*.txt", "*.PNG"), exclude=("A*",))]
    assert paths == ["b.png", "n.txt"]


@pytest.mark.posix
def test_other_files_are_counted(tree):
    (tree / "link.png").symlink_to(tree / "sub")
    os.mkfifo(tree / "pipe.png")
    search = InputSearch(InputOptions((".",)))
    assert [source.path for source in search.repeatable()] == ["./a.PNG", "./b.png"]
    assert search.ignored == 2


def test_a_folder_that_cannot_be_read_is_reported(tree, monkeypatch):
    def refused(folder, *rest, whole=os.scandir):
        if str(folder).endswith("sub"):
            raise PermissionError(13, "Permission denied", folder)
        return whole(folder, *rest)

    monkeypatch.setattr(os, "scandir", refused)
    *_, last = found(".", recursive=True)
    assert str(last.error) == "./sub: cannot be read: Permission denied"


def test_links_that_lead_in_a_circle(tree):
    (tree / "self.png").symlink_to("self.png")
    (tree / "sub" / "up").symlink_to("..")
    assert [item.path for item in found(".")] == ["./a.PNG", "./b.png", "./self.png"]
    assert [item.path for item in found("sub/**/*.jpg")] == ["sub/c.jpg"]


def test_a_list_without_ends_is_refused_soon(tree):
    (tree / "list").write_bytes(b"a" * (1 << 20))
    with pytest.raises(UsageError, match="longer than 64 KiB"):
        found(files_from="list")


def test_patterns_that_leave_nothing_are_named(tree):
    (missing,) = found("sub", exclude=("*",))
    assert "no image in this folder that matches --include and --exclude" in str(missing.error)


def test_a_sample_travels_by_name_since_each_machine_has_its_own_file(tree):
    samples = Path(__file__).parents[2] / "sample_images"
    [source] = found("@camera")
    job = to_absolute(Job(source), str(tree))
    assert str(samples).encode() not in pickle.dumps(job)
    assert job.source.file == str(samples / "camera.png")
    assert (source.named_after, source.identity) == ("camera.png", "@camera")
    assert [bool(each.error) for each in found("@camra", "@camera")] == [True, False]
