"""The command line: one module of commands, and a module for each that does more than call."""

from millbrain.run.cli.commands import app, main

__all__ = ["app", "main"]
