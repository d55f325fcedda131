"""``convcli manual``: the list of topics, a page, a terminal, and what is refused."""

from pathlib import Path

import click
import pytest

import convcli as package
from convcli.cli.main import root
from convcli.cli.manual import TOPICS, page, summary


def test_every_file_is_a_topic_with_a_title_and_a_summary():
    files = (Path(package.__file__).parent / "manual").glob("*.md")
    assert {file.stem for file in files} == set(TOPICS)
    for topic in TOPICS:
        assert page(topic).startswith("# ")
        assert summary(page(topic)).endswith(".")


def test_the_list_has_a_line_or_two_for_each_topic(convcli):
    ran = convcli("manual")
    assert (ran.code, ran.err) == (0, "")
    names = [line.split()[0] for line in ran.names if not line.startswith(" ")]
    assert tuple(names) == TOPICS
    assert max(map(len, ran.names)) <= 80


@pytest.mark.parametrize("topic", ["borders", "exit-codes"])
def test_a_page_is_plain_in_a_pipe(convcli, topic):
    ran = convcli("manual", topic)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.decode() == page(topic)


def test_a_page_goes_through_the_pager_on_a_terminal(convcli, monkeypatch):
    shown: list[str] = []
    monkeypatch.setattr("click.echo_via_pager", shown.append)
    monkeypatch.setattr("convcli.cli.manual.on_terminal", lambda: True)
    assert convcli("manual", "sizes").out == b""
    assert shown == [page("sizes")]


def test_the_name_of_each_command_opens_a_page_that_shows_it(convcli):
    for command in root.list_commands(click.Context(root)):
        if command != "manual":
            ran = convcli("manual", command)
            assert (ran.code, ran.err) == (0, "")
            assert f"convcli {command}" in ran.out.decode()


def test_an_unknown_topic_lists_the_topics(convcli):
    convcli("manual", "nothing").fails(2, "'nothing'", *TOPICS)
