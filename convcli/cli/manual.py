"""``convcli manual``: pages that explain more than the help, one Markdown file for each topic."""

from __future__ import annotations

import re
import sys

import click

from convcli.cli.command import Command

TOPICS = (
    "kernels",
    "signals",
    "sizes",
    "borders",
    "ranges",
    "missing",
    "images",
    "figures",
    "folders",
    "faults",
    "exit-codes",
    "environment",
    "cluster",
    "layers",
    "networks",
    "teaching",
    "code",
    "speed",
    "python",
    "design",
)


@click.command(
    cls=Command,
    examples="""
    convcli manual
    convcli manual borders
    """,
)
@click.argument("topic", required=False, metavar="[TOPIC]", type=click.Choice(TOPICS))
def manual(topic: str | None) -> None:
    """Read about a topic, such as kernels, borders or folders.

    Without TOPIC, list the topics. On a terminal a page opens in the pager. The images in
    the examples, such as @rocket, are samples that come with convcli.
    """
    if topic is None:
        formatter = click.HelpFormatter(width=80)
        formatter.write_dl([(name, summary(page(name))) for name in TOPICS])
        click.echo(formatter.getvalue(), nl=False)
    elif on_terminal():
        click.echo_via_pager(page(topic))
    else:
        click.echo(page(topic), nl=False)


def on_terminal() -> bool:
    """Whether someone reads the output on a terminal."""
    return sys.stdout.isatty()


def page(topic: str) -> str:
    """Return the Markdown text of a topic."""
    from importlib.resources import files

    return files("convcli").joinpath("manual", f"{topic}.md").read_text(encoding="utf-8")


def summary(text: str) -> str:
    r"""Return the first sentence below the title.

    >>> summary("# Borders\n\nThe border fills\nthe padding. It has six modes.\n")
    'The border fills the padding.'
    """
    paragraph = " ".join(text.split("\n\n")[1].split())
    return re.split(r"(?<=[.!?])\s", paragraph, maxsplit=1)[0]
