"""Help pages, environment variables and completion, for every command and every option."""

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import BashComplete

from convcli.cli.command import GROUPS, Option
from convcli.cli.main import COMMANDS as SECTIONS
from convcli.cli.main import root
from convcli.cli.manual import TOPICS


def walk(command=root, path=()):
    """Every command with its path, groups and the root included."""
    yield path, command
    if isinstance(command, click.Group) and not command.chain:  # layers: chain/test_chain.py
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from walk(command.get_command(context, name), (*path, name))


COMMANDS = dict(walk())


def page_of(convcli, path):
    ran = convcli(*path, "--help", COLUMNS="80")
    assert (ran.code, ran.err) == (0, "")
    return ran.out.decode()


def entries(page):
    """The options of a page: each the lines that it takes."""
    found = []
    for line in page.splitlines():
        if line.startswith("  -"):
            found.append([line])
        elif found and line.startswith(" " * 26):
            found[-1].append(line)
    return found


def test_every_page_has_examples_at_the_top_and_short_options(convcli):
    for path, command in COMMANDS.items():
        page = page_of(convcli, path)
        usage, summary, examples = page.split("\n\n")[:3]
        assert usage.startswith(" ".join(("Usage: convcli", *path)))
        assert summary.strip()
        assert examples.startswith("Examples:\n  " + " ".join(("convcli", *path)))
        assert len(examples.splitlines()) in (3, 4)
        assert max(map(len, page.splitlines())) <= 80
        if getattr(command, "hides", False):
            page = convcli(*path, "--help-all", COLUMNS="80").out.decode()
        for entry in entries(page):
            assert len(entry) <= 2, entry
            assert all(line.count("[default") <= line.count("]") for line in entry), entry


def test_every_option_is_explained_in_a_known_group():
    for path, command in COMMANDS.items():
        for parameter in command.params:
            if isinstance(parameter, Option):
                assert parameter.help.endswith("."), f"{path}: {parameter.opts}"
                assert parameter.group in GROUPS
                assert parameter.group != "Help" or parameter.name == "help_all"


def test_every_page_names_topics_of_the_manual(convcli):
    for path in COMMANDS:
        page = convcli(*path, "--help-all", COLUMNS="80").out.decode()
        assert set(re.findall(r"\(convcli manual ([^)]+)\)", page)) <= set(TOPICS)


def test_the_page_of_apply_shows_the_common_options_and_help_all_the_others(convcli):
    page = page_of(convcli, ("apply",))
    assert len(page.splitlines()) <= 120
    groups = [line for line in page.splitlines() if line[:1].isalpha() and line.endswith(":")]
    assert len(groups) >= 2 + 6  # examples and help are none
    assert 25 <= len(entries(page)) - len(["--help-all", "--help"]) <= 30
    assert page.endswith("\n  All options: convcli apply --help-all\n")
    whole = convcli("apply", "--help-all", COLUMNS="80").out.decode()
    options = [param for param in COMMANDS["apply",].params if isinstance(param, Option)]
    assert len(entries(whole)) == len(options) + 1
    assert "--timeout" in whole
    assert "--timeout" not in page
    assert "All options" not in whole


def test_help_all_prints_a_page_that_is_whole_as_help_does(convcli):
    for path, command in COMMANDS.items():
        if not command.hides:
            page = page_of(convcli, path)
            assert "help-all" not in page
            assert convcli(*path, "--help-all", COLUMNS="80").out.decode() == page
    for layer in (("conv",), ("@toy-6x6", "conv")):
        assert convcli("chain", *layer, "--help-all").out == convcli("chain", *layer, "--help").out
    for words in ((), ("@toy-6x6",)):
        assert "--density" in convcli("chain", *words, "--help-all").out.decode()


def test_the_root_page_groups_the_commands(convcli):
    page = page_of(convcli, ())
    titles = [page.index(f"\n{title}:\n") for title in ("Filter", "Inspect", "Teach")]
    assert titles == sorted(titles)
    listed = [name for commands in SECTIONS.values() for name in commands]
    assert listed == root.list_commands(click.Context(root))
    for name in listed:
        assert f"\n  {name} " in page


def test_h_is_help(convcli):
    assert convcli("size", "-h").out == convcli("size", "--help").out


@pytest.mark.parametrize("words", [(), ("size",), ("kernels", "show")])
def test_help_is_a_word_too(convcli, words):
    ran = convcli("help", *words)
    assert (ran.code, ran.out) == (0, convcli(*words, "--help").out)


@pytest.mark.parametrize(
    ("name", "value", "flags"),
    [
        ("KERNEL", "outline", ["-k", "outline"]),
        ("KERNEL", "0 1 0; 1 -4 1; 0 1 0", ["-k", "0 1 0; 1 -4 1; 0 1 0"]),
        ("BORDER", "zero", ["--border", "zero"]),
        ("RANGE", "abs", ["--range", "abs"]),
        ("STRIDE", "2,1", ["--stride", "2,1"]),
        ("BIAS", "12", ["--bias", "12"]),
        ("FORMAT", "jpg", ["--format", "jpg"]),
        ("OUT_DIR", "out", ["--out-dir", "out"]),
        ("NAME", "{stem}-x{suffix}", ["--name", "{stem}-x{suffix}"]),
        ("OUTPUT", "o.png", ["-o", "o.png"]),
        ("NORMALIZE", "1", ["--normalize"]),
        ("VERBOSE", "1", ["-v"]),
        ("NULL", "1", ["-0"]),
        ("DRY_RUN", "1", ["--dry-run"]),
        ("FILES_FROM", "list", ["--files-from", "list"]),
    ],
)
def test_a_variable_does_what_its_option_does(apply, gray, here, contents, name, value, flags):
    (here / "list").write_text("gray.png\n")
    others = [] if name == "KERNEL" else ["-k", "blur"]
    others += [] if name == "FILES_FROM" else ["gray.png"]
    results = []
    before = set(contents())
    for arguments, env in ((flags, {}), ([], {f"CONVCLI_APPLY_{name}": value})):
        ran = apply(*others, *arguments, **env)
        assert ran.code == 0, ran
        after = contents()
        results.append((ran.out, ran.err, after))
        for made in set(after) - before:
            Path(os.fsdecode(made)).unlink()
    assert results[0] == results[1]


def test_a_variable_of_json(apply, gray):
    ran = apply("-k", "blur", "gray.png", CONVCLI_APPLY_JSON="1")
    assert ran.out.startswith(b'{"input": "gray.png"')


def test_several_kernels_in_a_variable_and_the_command_line_wins(apply, gray):
    ran = apply("gray.png", CONVCLI_APPLY_KERNEL="outline\n1 2 1; 2 4 2\n")
    assert ran.names == ["gray_outline.png", "gray_custom.png"]
    ran = apply("-k", "blur", "gray.png", CONVCLI_APPLY_KERNEL="outline")
    assert ran.names == ["gray_blur.png"]


def every_option(command=root, path=("CONVCLI",)):
    """Yield each option of each command, with its context and the prefix of its variables."""
    settings = root.context_settings | {"auto_envvar_prefix": "_".join(path)}
    context = click.Context(command, **settings)
    for param in command.get_params(context):
        if isinstance(param, click.Option):
            yield param, context
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            yield from every_option(child, (*path, name.upper().replace("-", "_")))


def test_every_long_name_is_a_variable_except_those_that_print_a_page(monkeypatch):
    for option, context in every_option():
        for name in (name for name in option.opts if name.startswith("--")):
            variable = f"{context.auto_envvar_prefix}_{name[2:]}".upper().replace("-", "_")
            monkeypatch.setenv(variable, "7")
            sets_it = name not in ("--help", "--help-all", "--version")
            assert option.resolve_envvar_value(context) == ("7" if sets_it else None), variable
            monkeypatch.delenv(variable)


@pytest.mark.parametrize("value", ["0.1.0", "1", "true"])
def test_no_variable_prints_a_page_in_place_of_the_result(convcli, value):
    names = ("CONVCLI_VERSION", "CONVCLI_HELP", "CONVCLI_SIZE_HELP")
    ran = convcli("size", "--n", "5", "--k", "3", **dict.fromkeys(names, value))
    assert (ran.code, ran.out) == (0, b"3\n")


def test_a_misspelled_command_is_guessed(convcli):
    ran = convcli("aply", "-k", "blur", "gray.png")
    assert (ran.code, ran.err) == (2, "Error: No such command 'aply'; did you mean apply?\n")
    assert convcli("xyzzy").err == "Error: No such command 'xyzzy'.\n"


def test_both_names_of_an_option_are_variables_and_the_first_one_wins(convcli):
    assert convcli("size", CONVCLI_SIZE_N="5", CONVCLI_SIZE_KERNEL="3").out == b"3\n"
    assert (
        convcli("size", CONVCLI_SIZE_N="6", CONVCLI_SIZE_SIZE="5", CONVCLI_SIZE_K="3").out == b"4\n"
    )


def test_a_wrong_value_is_blamed_on_its_variable(convcli):
    ran = convcli("size", "--k", "3", CONVCLI_SIZE_N="five")
    assert ran.code == 2
    assert "environment variable CONVCLI_SIZE_N: 'five'" in ran.err
    ran = convcli("size", "--k", "3", "--n", "five", CONVCLI_SIZE_N="5")
    assert "'--n'" in ran.err
    assert "CONVCLI" not in ran.err


def test_a_list_in_a_variable_has_a_value_on_each_line(apply, gray, here):
    (here / "a b.png").write_bytes((here / "gray.png").read_bytes())
    ran = apply("-k", "blur", ".", CONVCLI_APPLY_INCLUDE="a b*\nc*\n", CONVCLI_APPLY_EXCLUDE="g*")
    assert ran.names == ["./a b_blur.png"]


@pytest.mark.processes
@pytest.mark.parametrize(
    ("words", "offered", "not_offered"),
    [
        (["convcli", ""], ["apply", "size", "kernels", "explain", "compare", "chain", "learn"], []),
        (["convcli", "explain", "-k", "sobel"], ["sobel", "sobel-x", "sobel-y"], ["outline"]),
        (["convcli", "apply", "--bo"], ["--border"], ["--bias"]),
        (["convcli", "apply", "--border", "re"], ["reflect"], ["edge"]),
        (["convcli", "apply", "-k", "sobel"], ["sobel", "sobel-x", "sobel-y"], ["outline"]),
        (["convcli", "apply", "-k", "outline", "--padding", "f"], ["full"], ["same"]),
        (["convcli", "apply", "--kernel", "gauss"], ["gaussian"], []),
        (["convcli", "kernels", ""], ["list", "show"], []),
        (["convcli", "kernels", "show", "outl"], ["outline"], []),
        (["convcli", "size", "--ex"], ["--explain"], []),
        (["convcli", "manual", "bo"], ["borders"], ["kernels"]),
        (["convcli", "apply", "--method", "im"], ["im2col"], ["matrix"]),
    ],
)
def test_completion(process, words, offered, not_offered):
    env = {
        "_CONVCLI_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(words),
        "COMP_CWORD": str(len(words) - 1),
    }
    ran = process(env=env)
    found = [line.partition(",")[2] for line in ran.out.decode().splitlines()]
    assert set(offered) <= set(found)
    assert not set(not_offered) & set(found)
    assert ran.err == ""


@pytest.mark.parametrize(
    ("words", "incomplete", "offered"),
    [
        (["apply", "--format"], "t", ["tif", "tiff", "tga", "txt"]),
        (["chain", "--format"], "jp", ["jpg", "jpeg", "jpe", "jp2", "jpx"]),
        (["compare", "--vary", "border", "--values"], "re", ["reflect"]),
        (["compare", "--vary", "padding", "--values"], "", ["same", "valid", "full"]),
        (["compare", "--vary", "stride", "--values"], "", ["1", "2", "3"]),
        (["compare", "--values"], "", []),
        (["apply", "-k"], "sobel-x@", [f"sobel-x@{angle}" for angle in range(45, 360, 45)]),
        (["apply", "-k"], "@toy", ["@toy-6x6", "@toy-14x14"]),
        (["apply", "-k", "blur"], "@ca", ["@camera"]),
        (["learn"], "@r", ["@rocket"]),
        (["samples"], "l", ["letter-h"]),
        (["kernels", "show"], "gabor:sigma=2@2", ["gabor:sigma=2@225", "gabor:sigma=2@270"]),
    ],
)
def test_values_are_completed(words, incomplete, offered):
    completion = BashComplete(root, {}, "convcli", "_CONVCLI_COMPLETE")
    items = completion.get_completions(words, incomplete)
    assert sorted(item.value for item in items) == sorted(offered)


@pytest.mark.processes
def test_completion_falls_back_to_files_for_inputs_and_kernels(process):
    for words in (["convcli", "apply", "-k", "blur", "x"], ["convcli", "apply", "-k", "./k"]):
        env = {
            "_CONVCLI_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(words),
            "COMP_CWORD": str(len(words) - 1),
        }
        assert process(env=env).out.startswith(b"file,")


@pytest.mark.processes
@pytest.mark.parametrize("words", [[], ["kernels"]])
def test_without_a_command_the_help_page_is_shown_as_it_is(words):
    done = subprocess.run(
        [sys.executable, "-m", "convcli", *words], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: convcli ")
    assert "\nExamples:\n" in done.stderr
