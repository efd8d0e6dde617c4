"""Damaged model files: each ends in a model or in a ModelFileError, in bounded memory and time.

    python -m reference_tests.fuzz_model_files                    # 10,000 files
    python -m reference_tests.fuzz_model_files --cases 500 --seed 7

Four files are damaged: one that numpycnn saves, one of Keras 3, and two of Keras 2, in both formats. Damages are of
bytes anywhere, of the values of the configuration, of the members of the archive, and of the groups and arrays of the
HDF5 file. Loading may take MEMORY bytes beyond what the process has at the beginning, and SECONDS.
"""

import argparse
import json
import resource
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from reference_tests.library.damage import KINDS, damaged, sources

ROOT = Path(__file__).parents[1]
MEMORY, SECONDS = 256 * 2**20, 20


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    found = run(given.cases, given.seed)
    print(f"{'damage':12} {'files':>7} {'models':>7} {'refused':>8} {'failed':>7}")
    for kind in KINDS:
        counts = [sum(n for (own, end), n in found["ends"].items() if own == kind and end == e) for e in ENDS]
        print(f"{kind:12} {sum(counts):7,} {counts[0]:7,} {counts[1]:8,} {counts[2]:7,}")
    failures = found["failures"]
    for case, words in failures[:20]:
        print(f"case {case}: {words}")
    verdict = "every one ended in a model or in a ModelFileError" if not failures else f"{len(failures)} did not"
    print(f"{given.cases:,} files, at most {found['memory'] / 2**20:.0f} MiB more memory: {verdict}")
    return 1 if failures else 0


ENDS = ("model", "refused", "failed")


def run(cases: int, seed: int) -> dict:
    """Damage and load that many files in processes of their own; one that dies is a failure, and the next goes on."""
    ends: Counter = Counter()
    failures: list[tuple[int, str]] = []
    memory, start = 0, 0
    while start < cases:
        command = [
            sys.executable,
            "-m",
            "reference_tests.fuzz_model_files",
            "--worker",
            str(start),
            str(cases),
            str(seed),
        ]
        done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
        for line in done.stdout.splitlines():
            report = json.loads(line)
            start = report["case"] + 1
            ends[report["kind"], report["end"]] += 1
            memory = max(memory, report["memory"])
            if report["end"] == "failed":
                failures.append((report["case"], report["words"]))
        if done.returncode:
            failures.append((start, f"the process ended with {done.returncode}: {done.stderr.strip()[-500:]}"))
            start += 1
    return {"ends": ends, "failures": failures, "memory": memory}


def worker(start: int, cases: int, seed: int) -> None:
    """Load the cases one by one and print a line of JSON for each."""
    import numpycnn

    originals = sources()
    signal.signal(signal.SIGALRM, _too_long)
    with TemporaryDirectory() as folder:
        for name, data in originals.items():  # everything that is imported on first use
            (path := Path(folder) / name).write_bytes(data)
            numpycnn.load_model(path)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
        for case in range(start, cases):
            kind, suffix, data = damaged(originals, case, seed)
            (path := Path(folder) / f"case{suffix}").write_bytes(data)
            signal.alarm(SECONDS)
            before = _peak(reset=True)
            try:
                numpycnn.load_model(path)
                end, words = "model", ""
            except numpycnn.ModelFileError as error:
                end, words = "refused", str(error)
            except BaseException as error:
                end, words = "failed", f"{kind}: {type(error).__name__}: {error}"
            signal.alarm(0)
            report = {"case": case, "kind": kind, "end": end, "words": words, "memory": _peak() - before}
            print(json.dumps(report), flush=True)


def _peak(reset: bool = False) -> int:
    """The most memory that this process has had, in bytes; reset: begin to count at what it has now."""
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def _too_long(*_):
    raise TimeoutError(f"loading took more than {SECONDS} s")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--worker"]:
        worker(*map(int, sys.argv[2:]))
    else:
        sys.exit(main(sys.argv[1:]))
