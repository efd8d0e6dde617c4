"""Build the site from these pages, every cell of the Learn pages run anew.

    python3 run.py --group docs python docs/build.py [--out FOLDER]
    python3 docs/build.py --external-links

A warning ends the build: a link that leads nowhere, a page that no list names, a cell that raises. The second command
builds nothing: it lists the links that leave the pages, with the pages that have them, and refuses what is no https
address. Whether they answer can only be asked with a network, as Sphinx's builder linkcheck does.
"""

import argparse
import os
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

DOCS = Path(__file__).parent


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Build the site.")
    parser.add_argument("--out", default=DOCS / "_build" / "html", type=Path, help="where to put it")
    parser.add_argument("--external-links", action="store_true", help="only list the links that leave the pages")
    given = parser.parse_args(arguments)
    out = given.out
    if given.external_links:
        return list_external_links()

    from sphinx.cmd.build import main as sphinx

    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    os.chdir(DOCS.parent)  # the pages name files as from the root of the repository
    status = sphinx(["--builder", "html", "--fail-on-warning", "--keep-going", str(DOCS), str(out)])
    if not status:
        (out / "index.html").write_text('<meta http-equiv="refresh" content="0; url=README.html">\n', encoding="utf-8")
        print(f"open {out / 'index.html'}")
    return status


def external_links() -> dict[str, list[str]]:
    """Every address in the pages, the docstrings and the README, with the files that have it."""
    root, found = DOCS.parent, {}
    files = [root / "README.md", root / "CHANGELOG.md", *DOCS.rglob("*.md"), *(root / "numpycnn").rglob("*.py")]
    for file in sorted(file for file in files if not {"_build", "reference"} & {*file.parts}):
        for link in re.findall(r"\w+://[^\s<>\"'`)\]]+", file.read_text(encoding="utf-8")):
            found.setdefault(link.rstrip(".,;:"), []).append(file.relative_to(root).as_posix())
    return found


def is_sound(link: str) -> bool:
    """https, with a host that has a dot in it and no spaces or escapes that are cut off."""
    parts = urlsplit(link)
    return parts.scheme == "https" and "." in parts.netloc and not re.search(r"%(?![0-9A-Fa-f]{2})", link)


def list_external_links() -> int:
    links = external_links()
    for link, files in sorted(links.items()):
        print(f"{'     ' if is_sound(link) else 'wrong'} {link}  {', '.join(files)}")
    return 0 if all(map(is_sound, links)) else 1


if __name__ == "__main__":
    sys.exit(main())
