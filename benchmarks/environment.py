"""The machine and the libraries behind a table, as its JSON has them."""

import os
import platform
from datetime import date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("numpy", "tensorflow", "numpy-ml", "mygrad", "onnx")


def environment() -> dict:
    """What a worker tells: it runs under the settings that are measured."""
    return {
        "date": date.today().isoformat(),
        "cpu": cpu(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "blas": blas(),
        "packages": {name: installed for name in PACKAGES if (installed := _version(name))},
    }


def cpu() -> str:
    """The processor's name; on Linux with the widest of its vector instructions."""
    info = Path("/proc/cpuinfo")
    if not info.exists():
        return platform.processor() or platform.machine()
    fields = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
    fields = {key.strip(): value.strip() for key, value in fields.items()}
    flags = fields.get("flags", "").split()
    widest = next((name for name in ("avx512f", "avx2", "avx") if name in flags), "")
    return f"{fields.get('model name', platform.machine())} {widest}".strip()


def blas() -> dict | None:
    """The BLAS that NumPy is linked with, its kernel and its threads, from threadpoolctl where it is installed."""
    try:
        from threadpoolctl import threadpool_info
    except ImportError:
        return None
    import numpy as np

    np.ones((2, 2)) @ np.ones((2, 2))
    for pool in threadpool_info():
        if pool["user_api"] == "blas" and "numpy" in pool["filepath"]:
            return {key: pool.get(key) for key in ("internal_api", "version", "architecture", "num_threads")}
    return None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
