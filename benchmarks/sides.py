"""The processes: one for each side, of which one works at a time."""

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[1]
DROPPED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""Settings of OpenBLAS that workers do not inherit, so that NumPy is measured as a user has it."""
QUIET = 0.03
"""Seconds between two sides, after which the idle threads of the first no longer spin."""


class Side:
    """A worker process, started when it is first asked; its failures are told once for each row."""

    def __init__(self, name: str):
        self.name, self.process = name, None

    def ask(self, row: str, do: str, **more) -> Any:
        """The worker's answer, or None where this side cannot run the row."""
        if self.process is None:
            self.process = self._start()
        try:
            print(json.dumps({"row": row, "do": do, **more}), file=self.process.stdin, flush=True)
            answer = json.loads(self.process.stdout.readline())
        except (BrokenPipeError, json.JSONDecodeError):
            self.process = None
            answer = {"error": "the process ended"}
        if isinstance(answer, dict) and "error" in answer:
            print(f"{row}: {self.name} is left out: {answer['error']}", file=sys.stderr)
            return None
        return answer

    def times(self, row: str) -> list[float] | None:
        time.sleep(QUIET)
        return self.ask(row, "time")

    def examine(self, row: str, arrays: bool = True) -> tuple[int | None, list[np.ndarray] | None]:
        """The most bytes of one call, and the arrays that it gave, where they are asked for."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "arrays.npz"
            peak = self.ask(row, "examine", path=str(path) if arrays else None)
            if not path.exists():
                return peak, None
            with np.load(path) as stored:
                return peak, [stored[name] for name in stored.files]

    def end(self) -> None:
        if self.process is not None:
            self.process.stdin.close()
            self.process.wait()

    def _start(self):
        environment = {key: value for key, value in os.environ.items() if key not in DROPPED}
        environment |= {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "PYTHONWARNINGS": "ignore"}
        return subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", self.name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            text=True, cwd=ROOT, env=environment,
        )  # fmt: skip


class Sides(ExitStack):
    """All sides by name, ended together."""

    def __init__(self):
        super().__init__()
        self._sides: dict[str, Side] = {}

    def __getitem__(self, name: str) -> Side:
        if name not in self._sides:
            self._sides[name] = Side(name)
            self.callback(self._sides[name].end)
        return self._sides[name]
