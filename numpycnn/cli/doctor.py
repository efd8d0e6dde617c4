"""`numpycnn doctor`: what NumPy calculates with here, and what would make it faster."""

import json
from typing import Annotated

import typer

__all__ = ["doctor"]


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Tell which BLAS NumPy found, its kernel and threads, its speed, and what would make it faster.

    Exit status: 0 all is well, 1 something would make it faster or is wrong (each is a line), 2 unusable input. Extras
    that are not installed are no fault.
    """
    from numpycnn.cli.machine import examine

    found = examine()
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    else:
        _show(found)
    raise typer.Exit(1 if found["advice"] else 0)


def _show(found) -> None:
    from numpycnn.cli.machine import EXTRAS
    from numpycnn.cli.tables import print_table

    blas, rates = found["blas"], found["macs_per_second"]
    rows = [
        ("BLAS", " ".join(str(part) for part in (blas["name"], blas["version"]) if part) or "none"),
        ("its kernel", blas["architecture"] or "unknown"),
        ("its threads", f"{blas['threads'] or 'unknown'}, on {found['cores']} cores"),
        ("threads of pooling and normalization", str(found["pass_threads"])),
        ("multiply-accumulates a second", f"{_giga(rates['all_threads'])}; {_giga(rates['one_thread'])} in one thread"),
        *((name, value) for name, value in found["settings"].items()),
    ]
    for name, version in found["packages"].items():
        hint = f"not installed: pip install 'numpycnn-reference[{EXTRAS[name]}]'" if name in EXTRAS else "missing"
        rows.append((name, version or hint))
    print_table((), rows)
    for line in found["advice"] or ["All is well."]:
        typer.echo(line)


def _giga(rate: float) -> str:
    return f"{rate / 1e9:.0f} billion"
