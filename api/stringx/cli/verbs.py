"""A group of verbs whose modules are imported only when a verb is called: each loads what it runs, and no more."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click


class Verbs(click.Group):
    def __init__(self, *arguments: Any, verbs: Mapping[str, str], **options: Any) -> None:
        """`verbs`: verb → module of `stringx.cli` and the click command in it, in the order in which they are listed."""
        super().__init__(*arguments, **options)
        self._verbs = verbs

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(self._verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002  # click's signature
        if cmd_name not in self._verbs:
            return None
        module, _, name = self._verbs[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(f"stringx.cli.{module}"), name)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.exceptions.NoSuchCommand as error:
            # click looks for a close one among the commands that it knows itself, of which this group has none.
            raise click.exceptions.NoSuchCommand(error.command_name, possibilities=self._verbs, ctx=ctx) from error
