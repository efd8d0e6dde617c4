"""What `numpycnn doctor` looks at: the BLAS of NumPy, settings, threads, packages, and how fast matrices multiply."""

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from importlib.metadata import PackageNotFoundError, version
from time import perf_counter

import numpy as np

from numpycnn.ops.threads import VARIABLES, cores, hands

SIZE = 1024
"""Rows and columns of the matrices whose product is timed: large enough for all threads."""

BLAS_THREADS = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "OMP_NUM_THREADS")
FASTER = 1.1
"""How many times as fast something must be before doctor speaks of it: less is noise."""

SLOWING = {
    "OPENBLAS_CORETYPE": "it forces a kernel; OpenBLAS finds the one of this processor by itself",
    "OPENBLAS_L2_SIZE": "it changes the blocks of OpenBLAS, which reads the size of the cache by itself",
}
SETTINGS = (*SLOWING, *BLAS_THREADS, VARIABLES[0])
NEEDED = ("numpy", "h5py", "pillow", "rich", "typer", "threadpoolctl")
EXTRAS = {
    "tensorflow": "tf",
    "keras": "tf",
    "matplotlib": "plots",
    "scikit-learn": "samples",
    "hypothesis": "testing",
    "scipy": "tracking",
}
"""Packages that only some commands need, and the extra that brings each."""


def examine(environment: Mapping[str, str] = os.environ) -> dict:
    """All that is found, as JSON has it; "advice" is a list of sentences, empty where all is well."""
    rates = products()
    if any(name in environment for name in SLOWING):
        rates |= _without_settings(environment)
    found = {
        "blas": blas_of_numpy(),
        "cores": cores(),
        "pass_threads": hands(),
        "settings": {
            name: environment[name] for name in (*SLOWING, *BLAS_THREADS, VARIABLES[0]) if name in environment
        },
        "macs_per_second": rates,
        "packages": {name: installed(name) for name in (*NEEDED, *EXTRAS)},
    }
    return found | {"advice": advice(found)}


def blas_of_numpy() -> dict:
    """Its name, version, kernel ("architecture") and threads; what cannot be found out is None."""
    np.ones((2, 2)) @ np.ones((2, 2))  # some libraries are loaded at their first use
    try:
        from threadpoolctl import threadpool_info

        pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    except ImportError:
        pools = []
    own = [pool for pool in pools if "numpy" in pool["filepath"]] or pools
    if own:
        return {
            "name": own[0]["internal_api"],
            **{key: own[0].get(key) for key in ("version", "architecture")},
            "threads": own[0]["num_threads"],
        }
    built = np.show_config(mode="dicts") or {}
    blas = built.get("Build Dependencies", {}).get("blas", {})
    return {"name": blas.get("name"), "version": blas.get("version"), "architecture": None, "threads": None}


def products() -> dict[str, float]:
    """Multiply-accumulates a second of a float32 matrix product, with all threads of BLAS and with one."""
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        threadpool_limits = None
    a = np.ones((SIZE, SIZE), np.float32)
    rates = {"all_threads": _rate(a)}
    with threadpool_limits(1, "blas") if threadpool_limits else nullcontext():
        rates["one_thread"] = _rate(a)
    return rates


def _without_settings(environment) -> dict[str, float]:
    """The rate of a process that does not inherit what slows OpenBLAS down."""
    code = "from numpycnn.cli.machine import products; print(products()['all_threads'])"
    free = {name: value for name, value in environment.items() if name not in SLOWING}
    run = subprocess.run([sys.executable, "-c", code], env=free, capture_output=True, text=True, check=False)
    return {"without_settings": float(run.stdout)} if run.returncode == 0 else {}


def _rate(a) -> float:
    """The best of a few products, the first of which only wakes the threads."""
    seconds = []
    for _ in range(6):
        start = perf_counter()
        a @ a
        seconds.append(perf_counter() - start)
    return len(a) ** 3 / min(seconds[1:])


def installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def advice(found: Mapping) -> list[str]:
    """What is wrong, or would make NumPy faster."""
    blas, settings, cores = found["blas"], found["settings"], found["cores"]
    said = [f"unset {name}={settings[name]}: {why}" for name, why in SLOWING.items() if name in settings]
    rates = found["macs_per_second"]
    if rates.get("without_settings", 0) > FASTER * rates["all_threads"]:
        said[-1] += f" ({rates['without_settings'] / rates['all_threads']:.1f} times as fast without)"
    if blas["name"] in (None, "none", "unknown", "lapack_lite"):
        said.append("install NumPy's own wheel (pip install --force-reinstall numpy): this one has no fast BLAS")
    if blas["threads"] and blas["threads"] < cores:
        named = [f"{name}={settings[name]}" for name in BLAS_THREADS if name in settings]
        said.append(f"BLAS uses {blas['threads']} of {cores} cores" + (f"; unset {', '.join(named)}" if named else ""))
    if found["pass_threads"] < min(2, cores):
        named = [f"{name}={settings[name]}" for name in VARIABLES if name in settings]
        said.append(
            f"pooling and normalization use one of {cores} cores" + (f"; unset {', '.join(named)}" if named else "")
        )
    missing = [name for name in NEEDED if found["packages"].get(name) is None]
    if missing:
        said.append(f"pip install {' '.join(missing)}: needed, and missing")
    return said
