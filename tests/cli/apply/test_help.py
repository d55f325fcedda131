"""Help, environment variables and completion, for every command and every option."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from convcli.cli.main import root


def walk(command=root, path=()):
    """Every command with its path, groups and the root included."""
    yield path, command
    if isinstance(command, click.Group) and not command.chain:  # layers: test_chain_words.py
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from walk(command.get_command(context, name), (*path, name))


COMMANDS = [pytest.param(path, command, id=" ".join(path) or "root") for path, command in walk()]


@pytest.mark.parametrize(("path", "command"), COMMANDS)
def test_every_command_is_explained_and_has_an_example(convcli, path, command):
    ran = convcli(*path, "--help")
    assert (ran.code, ran.err) == (0, "")
    page = ran.out.decode()
    assert command.help
    example = " ".join(("convcli", *path))
    assert f"  {example}" in page.partition("Examples:")[2]
    assert max(map(len, page.splitlines())) <= 100
    assert convcli(*path, "-h").out == ran.out


@pytest.mark.parametrize(("path", "command"), COMMANDS)
def test_every_option_is_explained(path, command):
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{path}: {parameter.opts}"
            assert parameter.help.endswith((".", "]")), f"{path}: {parameter.opts}"


@pytest.mark.parametrize(("path", "command"), COMMANDS)
def test_every_option_has_a_variable_of_its_own_name(path, command):
    context = click.Context(
        command,
        info_name="convcli",
        auto_envvar_prefix="_".join(("CONVCLI", *map(str.upper, path))),
    )
    for parameter in command.params:
        if not isinstance(parameter, click.Option) or parameter.name in ("help", "version"):
            continue
        long = max(parameter.opts, key=len).lstrip("-").replace("-", "_").upper()
        variable = "_".join(("CONVCLI", *map(str.upper, path), long))
        named = parameter.envvar or f"{context.auto_envvar_prefix}_{parameter.name.upper()}"
        assert variable in ([named] if isinstance(named, str) else named)


def test_the_help_shows_the_borders_and_the_flip(convcli):
    page = convcli("apply", "--help").out.decode()
    for image in ("aaa|abcd|ddd", "000|abcd|000", "dcb|abcd|cba", "cba|abcd|dcb", "bcd|abcd|abc"):
        assert image in page
    assert "not" in page.partition("flipped")[0]


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


def test_completion_falls_back_to_files_for_inputs_and_kernels(process):
    for words in (["convcli", "apply", "-k", "blur", "x"], ["convcli", "apply", "-k", "./k"]):
        env = {
            "_CONVCLI_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(words),
            "COMP_CWORD": str(len(words) - 1),
        }
        assert process(env=env).out.startswith(b"file,")


@pytest.mark.parametrize("words", [[], ["kernels"]])
def test_without_a_command_the_help_page_is_shown_as_it_is(words):
    done = subprocess.run(
        [sys.executable, "-m", "convcli", *words], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: convcli ")
    assert "\n  Examples:\n" in done.stderr
