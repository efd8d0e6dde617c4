"""Build the site from these pages, every cell of the Learn pages run anew.

    python3 run.py --group docs python docs/build.py [--out FOLDER]

A warning ends the build: a link that leads nowhere, a page that no list names, a cell that raises.
"""

import argparse
import os
import sys
from pathlib import Path

DOCS = Path(__file__).parent


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Build the site.")
    parser.add_argument("--out", default=DOCS / "_build" / "html", type=Path, help="where to put it")
    out = parser.parse_args(arguments).out

    from sphinx.cmd.build import main as sphinx

    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    os.chdir(DOCS.parent)  # the pages name files as from the root of the repository
    status = sphinx(["--builder", "html", "--fail-on-warning", "--keep-going", str(DOCS), str(out)])
    if not status:
        (out / "index.html").write_text('<meta http-equiv="refresh" content="0; url=README.html">\n', encoding="utf-8")
        print(f"open {out / 'index.html'}")
    return status


if __name__ == "__main__":
    sys.exit(main())
