"""The page of the command line, from the commands themselves."""

import inspect
import re
from collections.abc import Iterator

import click
from flask import Flask

from bookstore import cli, serve

PROGRAM = "flask --app wsgi"


def markdown() -> str:
    """Return a section for each command and group of the shop, and in it one for each of a group's.

    Raises:
        ValueError: a command or an option does not say what it does.
    """
    lines = []
    for name, command in every():
        depth = "##" if " " not in name else "###"
        lines += [f"{depth} {name}", "", _described(command, name), ""]
        if not isinstance(command, click.Group):
            lines += _use(command, name)
    return "\n".join(lines)


def every() -> Iterator[tuple[str, click.Command]]:
    """Yield each command and group, by name: ``catalog``, ``catalog export`` …"""
    app = Flask("bookstore", static_folder=None)
    cli.init_app(app)
    app.cli.add_command(serve.command)
    for name, command in sorted(app.cli.commands.items()):
        yield name, command
        if isinstance(command, click.Group):
            yield from ((f"{name} {child}", it) for child, it in sorted(command.commands.items()))


def _described(command: click.Command, name: str) -> str:
    text = inspect.cleandoc(command.help or "")
    if not text:
        raise ValueError(f"{PROGRAM} {name}: what does this command do?")
    return _plain(text)


def _use(command: click.Command, name: str) -> list[str]:
    """Return how a command is called, and its options."""
    context = click.Context(command, info_name=name)
    usage = " ".join([PROGRAM, name, *command.collect_usage_pieces(context)])
    lines = ["```text", usage, "```", ""]
    for option in command.params:
        if isinstance(option, click.Option):
            written, meaning = option.get_help_record(context) or ("", "")
            if not option.help:
                raise ValueError(f"{PROGRAM} {name} {written}: what does this option do?")
            lines.append(f"- `{written}`: {_plain(meaning)}")
    return [*lines, ""]


def _plain(text: str) -> str:
    """Return words of the code as Markdown, in which stars and angles would mean something."""
    return re.sub(r"[*<\[\]]", r"\\\g<0>", text)
