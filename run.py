#!/usr/bin/env python3
"""Run a command of this checkout in its own virtual environment, made on first use and kept up to date.

    python3 run.py numpycnn verify resnet34
    python3 run.py pytest
    python3 run.py --group docs python docs/build.py

Needs Python 3.11 or later and nothing else. The environment is .venv, filled by uv with exactly what uv.lock names;
with --group NAME it is .venv-NAME, which has that dependency group of pyproject.toml as well. A machine that has no uv
gets one of its own in .uv. Delete these folders to start again.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent
SCRIPTS, SUFFIX = ("Scripts", ".exe") if os.name == "nt" else ("bin", "")
OWN_UV = ROOT / ".uv"
SOURCES = [ROOT / "uv.lock", ROOT / "pyproject.toml", Path(__file__)]


def main(command):
    if sys.version_info < (3, 11):
        fail(f"Python 3.11 or later is needed; this is Python {sys.version_info[0]}.{sys.version_info[1]}.")
    groups = []
    while command[:1] == ["--group"]:
        groups, command = [*groups, *command[1:2]], command[2:]
    if not command:
        fail("which command? For example: python3 run.py pytest")
    venv = ROOT / "-".join([".venv", *groups])
    if not up_to_date(venv):
        prepare(venv, groups)
    env = {**os.environ, "VIRTUAL_ENV": str(venv)}
    env["PATH"] = str(venv / SCRIPTS) + os.pathsep + os.environ.get("PATH", os.defpath)
    program = shutil.which(command[0], path=env["PATH"])
    if program is None:
        fail(f"there is no command {command[0]} in {venv.name} or on PATH.")
    if os.name == "posix":
        os.execve(program, command, env)
    return subprocess.run([program, *command[1:]], env=env).returncode


def up_to_date(venv):
    """Whether it was filled since the lock file last changed, and its interpreter still exists."""
    ready = venv / ".ready"
    if not (ready.exists() and (venv / SCRIPTS / f"python{SUFFIX}").exists()):
        return False
    return all(source.stat().st_mtime < ready.stat().st_mtime for source in SOURCES)


def prepare(venv, groups):
    """Fill it with what uv.lock names: all extras that a CPU needs, the development tools, the groups."""
    note(f"preparing {venv.name}; the first time this downloads TensorFlow, about 600 MB.")
    env = {k: v for k, v in os.environ.items() if k not in ("VIRTUAL_ENV", "PYTHONPATH", "PYTHONHOME")}
    env["UV_PROJECT_ENVIRONMENT"] = str(venv)
    options = [option for group in groups for option in ("--group", group)]
    sync = [uv(), "sync", "--project", str(ROOT), "--frozen", "--extra", "all", *options, "--python", interpreter(venv)]
    if subprocess.run(sync, env=env, stdout=sys.stderr).returncode:
        fail(
            f"uv could not fill {venv.name}, for the reason above. It needs PyPI within reach and a Python from 3.11 to"
            " 3.13, for which TensorFlow has wheels."
        )
    (venv / ".ready").touch()


def interpreter(venv):
    """This Python where TensorFlow has wheels for it, else any that suits: one already there, or one uv finds."""
    return sys.executable if sys.version_info < (3, 14) and not venv.exists() else ">=3.11,<3.14"


def uv():
    """The uv on PATH or in .uv, installed there if there is none."""
    own = str(OWN_UV / SCRIPTS / f"uv{SUFFIX}")
    for found in (shutil.which("uv"), shutil.which(own)):
        if found and subprocess.run([found, "--version"], capture_output=True).returncode == 0:
            return found
    note("installing uv into .uv.")
    if subprocess.run([sys.executable, "-m", "venv", "--clear", str(OWN_UV)], stdout=sys.stderr).returncode:
        fail("python3 -m venv does not work here (on Debian and Ubuntu: apt install python3-venv); or install uv.")
    python = str(OWN_UV / SCRIPTS / f"python{SUFFIX}")
    if subprocess.run([python, "-m", "pip", "install", "--quiet", "uv"], stdout=sys.stderr).returncode:
        fail("pip could not install uv, for the reason above. Is PyPI within reach?")
    return own


def note(line):
    print(f"run.py: {line}", file=sys.stderr, flush=True)


def fail(line) -> NoReturn:
    note(line)
    sys.exit(2)


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
