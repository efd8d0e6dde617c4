"""The command `numpycnn doctor`."""

import json

import numpy as np
import pytest

from numpycnn.cli import machine
from reference_tests.library.command_line import in_shell, refused, run

WELL = {
    "blas": {"name": "openblas", "version": "0.3.31", "architecture": "SkylakeX", "threads": 2},
    "cores": 2,
    "pass_threads": 2,
    "settings": {},
    "macs_per_second": {"all_threads": 2e11, "one_thread": 1e11},
    "packages": dict.fromkeys((*machine.NEEDED, *machine.EXTRAS), "1.0"),
}


def test_what_is_told_is_what_is_there():
    shown = in_shell("doctor --json", OMP_NUM_THREADS="1", NUMPYCNN_THREADS="1")
    found = json.loads(shown.stdout)
    assert found["packages"]["numpy"] == np.__version__
    assert found["blas"]["threads"] == 1
    assert found["pass_threads"] == 1
    assert found["settings"]["OMP_NUM_THREADS"] == "1"
    assert min(found["macs_per_second"].values()) > 1e8
    assert shown.returncode == (1 if found["advice"] else 0)
    if found["cores"] > 1:
        assert any("BLAS uses 1 of" in line and "unset OMP_NUM_THREADS=1" in line for line in found["advice"])
        assert any("NUMPYCNN_THREADS=1" in line for line in found["advice"])


def test_all_is_well(monkeypatch):
    monkeypatch.setattr(machine, "examine", lambda: WELL | {"advice": machine.advice(WELL)})
    result = run("doctor")
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "All is well."
    assert "200 billion; 100 billion in one thread" in result.stdout


@pytest.mark.parametrize(
    ("changes", "advice"),
    [
        ({"settings": {"OPENBLAS_CORETYPE": "Haswell"}}, "unset OPENBLAS_CORETYPE=Haswell"),
        ({"settings": {"OPENBLAS_L2_SIZE": "512"}}, "unset OPENBLAS_L2_SIZE=512"),
        ({"blas": {**WELL["blas"], "threads": 1}, "settings": {"MKL_NUM_THREADS": "1"}}, "unset MKL_NUM_THREADS=1"),
        ({"blas": {**WELL["blas"], "threads": 1}}, "BLAS uses 1 of 2 cores"),
        ({"blas": dict.fromkeys(WELL["blas"])}, "no fast BLAS"),
        ({"pass_threads": 1, "settings": {"NUMPYCNN_THREADS": "1"}}, "unset NUMPYCNN_THREADS=1"),
        ({"packages": {**WELL["packages"], "h5py": None}}, "pip install h5py"),
    ],
)
def test_each_thing_that_slows_or_is_missing_is_a_line_and_status_1(changes, advice, monkeypatch):
    found = WELL | changes
    monkeypatch.setattr(machine, "examine", lambda: found | {"advice": machine.advice(found)})
    result = run("doctor")
    assert result.exit_code == 1
    assert advice in result.stdout.splitlines()[-1]


def test_the_gain_without_a_setting_is_told_where_there_is_one():
    settings = {"settings": {"OPENBLAS_CORETYPE": "Haswell"}}
    for without, said in ((4e11, "2.0 times as fast without"), (2.1e11, "")):
        rates = {"macs_per_second": WELL["macs_per_second"] | {"without_settings": without}}
        (line,) = machine.advice(WELL | settings | rates)
        assert said in line
        assert ("as fast" in line) == bool(said)


def test_a_missing_extra_is_told_and_no_fault(monkeypatch):
    found = WELL | {"packages": {**WELL["packages"], "tensorflow": None}}
    monkeypatch.setattr(machine, "examine", lambda: found | {"advice": machine.advice(found)})
    result = run("doctor")
    assert result.exit_code == 0
    assert "not installed: pip install 'numpycnn-reference[tf]'" in result.stdout


def test_without_threadpoolctl_numpys_own_word_is_taken(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "threadpoolctl", None)
    found = machine.examine({})
    assert found["blas"]["name"]
    assert found["blas"]["threads"] is None
    assert found["macs_per_second"]["one_thread"] > 1e8


def test_unusable_input():
    refused("doctor --kernel", "No such option")
