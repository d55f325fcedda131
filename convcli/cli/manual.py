"""``convcli manual``: pages that explain more than the help, one Markdown file for each topic."""

from __future__ import annotations

import re
import sys

import click

from convcli.cli.command import Command

TOPICS = (
    "apply",
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
    "report",
    "exit-codes",
    "environment",
    "cluster",
    "layers",
    "networks",
    "teaching",
    "explain",
    "animate",
    "explore",
    "compare",
    "learn",
    "spreadsheet",
    "code",
    "speed",
    "python",
    "design",
)
# The topics of commands that have no topic of their own name.
OF_COMMANDS = {"chain": "layers", "pad": "borders", "size": "sizes", "samples": "images"}


@click.command(
    cls=Command,
    examples="""
    convcli manual
    convcli manual borders
    convcli manual explain
    """,
)
@click.argument(
    "topic", required=False, metavar="[TOPIC]", type=click.Choice([*TOPICS, *OF_COMMANDS])
)
def manual(topic: str | None) -> None:
    """Read about a topic, such as borders, or about a command, such as explain.

    Without TOPIC, list the topics. On a terminal a page opens in the pager. The images in
    the examples, such as @rocket, are samples that come with convcli.
    """
    if topic is None:
        formatter = click.HelpFormatter(width=80)
        formatter.write_dl([(name, summary(page(name))) for name in TOPICS])
        click.echo(formatter.getvalue(), nl=False)
        return
    text = page(OF_COMMANDS.get(topic, topic))
    if on_terminal():
        click.echo_via_pager(text)
    else:
        click.echo(text, nl=False)


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
