"""Running the command as people and programs do."""

import json
import os
import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from numpycnn.cli import app

ROOT = Path(__file__).parents[2]
COMMAND = "from numpycnn.cli import app; app()"


def run(command: str):
    return CliRunner().invoke(app, command.split())


def succeeds(command: str) -> str:
    result = run(command)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return result.stdout


def figures(command: str) -> dict:
    return json.loads(succeeds(f"{command} --json"))


def in_shell(command: str, code: str = COMMAND, stdout=subprocess.PIPE, **variables):
    """The command in a process of its own, as from a shell."""
    arguments = [sys.executable, "-c", code, *command.split()]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    return subprocess.run(arguments, check=False, stdout=stdout, stderr=subprocess.PIPE, text=True, env=environment)


def refused(command: str, message: str) -> None:
    """One line on stderr with this in it, nothing on stdout, exit status 2."""
    result = run(command)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("numpycnn: ")
    assert result.stderr.count("\n") == 1
    assert result.stderr.endswith("\n")
    assert message in result.stderr
