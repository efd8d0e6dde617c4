"""Unusable input: one clear line on stderr and exit status 2, whoever found it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

__all__ = ["Commands", "Unusable", "usable", "write_file"]


class Unusable(Exception):
    """What was asked for cannot be used; the message is the line that people see."""


@contextmanager
def usable(*errors: type[Exception], about: str | None = None) -> Iterator[None]:
    """Turn errors on bad input into Unusable: ValueError and TypeError, or those that are given instead."""
    caught = errors or (ValueError, TypeError)
    try:
        yield
    except caught as error:
        notes = "".join(f" ({note})" for note in getattr(error, "__notes__", ()))
        begin = f"{about}: " if about else ""
        raise Unusable(f"{begin}{error}{notes}") from error


def write_file(path: Path, content: Callable[[Path], Any]) -> None:
    """Write a file that is asked for, whole or not at all; content: a function that writes the file of a name."""
    from numpycnn.training.run_folder import write

    try:
        write(path, content)
    except OSError as error:
        raise Unusable(f"{path} cannot be written: {error.strerror or error}") from error


class Commands(TyperGroup):
    """All commands, with the project's exit statuses: 0 holds, 1 differs or does not fit, 2 unusable input."""

    def main(self, *args, standalone_mode: bool = True, **kwargs):
        if not standalone_mode:
            return super().main(*args, standalone_mode=False, **kwargs)
        try:
            status = super().main(*args, standalone_mode=False, **kwargs)
        except Unusable as error:
            _end(str(error))
        except typer.Abort:
            sys.exit(130)
        except Exception as error:
            message = getattr(error, "format_message", None)  # what typer itself found in the command line
            if message is None:
                raise
            _end(message())
        sys.exit(status if isinstance(status, int) else 0)


def _end(message: str) -> NoReturn:
    typer.echo(f"numpycnn: {' '.join(message.split())}", err=True)
    sys.exit(2)
