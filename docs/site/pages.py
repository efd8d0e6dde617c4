"""What the site adds to the pages: its navigation, a page for each package, a notebook of each page that is run."""

import importlib
import pkgutil
import re
from pathlib import Path

import numpycnn

DOCS = Path(__file__).parents[1]


def navigation(index: str) -> str:
    """The lists of README.md as trees: a heading is a caption, and the pages linked under it are its entries."""
    trees = []
    for section in re.split(r"^## ", index, flags=re.M)[1:]:
        caption = section.splitlines()[0]
        pages = re.findall(r"^- \[[^\]]*\]\((?!\.\.)([^)#]+)\.md\)", section, re.M)
        pages += ["reference/README"] if caption == "Reference" else []
        if pages:
            trees += ["```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```", ""]
    return "\n".join(trees)


def as_written(app, what, name, thing, options, lines):
    """A docstring as it stands in the code: its first paragraph as text, the rest line by line."""
    first, _, rest = "\n".join(lines).partition("\n\n")
    parts = re.split(r"(^>>> .*?(?:\n\n|\Z))", rest, flags=re.M | re.S)
    words = re.split(r"(`[^`]+`)", first)
    lines[:] = ["".join(f"`{w}`" if w[:1] == "`" else re.sub(r"([\\`*_|])", r"\\\1", w) for w in words), ""]
    for part in filter(str.strip, parts):
        kind = "pycon" if part.startswith(">>>") else "text"
        lines += [f".. code-block:: {kind}", "", *("   " + line for line in part.strip("\n").splitlines()), ""]


def on_source_read(app, name, source):
    if name == "README":
        source[0] += "\n" + navigation(source[0])
    if name == "traps":
        source[0] += "\n```{toctree}\n:hidden:\n:glob:\n\ntraps/*\n```\n"
    if "\nfile_format: mystnb\n" in source[0]:
        notebook = name.rpartition("/")[2]
        source[0] += f"\n---\n\nThis page as a notebook: {{nb-download}}`{notebook}.ipynb`\n"


def name_sources_by_their_modules(app, env):
    """A page of source links back to where its module is described, also where another module shows its names too."""
    sources = getattr(env, "_viewcode_modules", {})
    sources.pop("builtins", None)
    for module, (code, tags, used, _) in {name: entry for name, entry in sources.items() if entry}.items():
        sources[module] = code, tags, used, module


def write_reference(app):
    """reference/<package>.md for each package, and an index: every public name of its modules, from the docstrings."""
    packages = [
        module.name for module in pkgutil.iter_modules(numpycnn.__path__) if module.ispkg and module.name != "cli"
    ]
    for package in packages:
        root = importlib.import_module(f"numpycnn.{package}")
        lines = [f"# numpycnn.{package}", "", (root.__doc__ or "").strip(), ""]
        for module in pkgutil.walk_packages(root.__path__, f"numpycnn.{package}."):
            if hasattr(importlib.import_module(module.name), "__all__"):
                lines += [f"## {module.name.removeprefix('numpycnn.')}", "", "```{eval-rst}"]
                lines += [f".. automodule:: {module.name}", "   :members:", "```", ""]
        write(DOCS / "reference" / f"{package}.md", "\n".join(lines))
    index = [
        "# Every public name",
        "",
        "Of each package, from the docstrings:",
        "",
        *(f"- [numpycnn.{package}]({package}.md)" for package in packages),
    ]
    write(
        DOCS / "reference" / "README.md", "\n".join([*index, "", "```{toctree}", ":hidden:", "", *packages, "```", ""])
    )


def write(path: Path, text: str):
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


def setup(app):
    app.connect("builder-inited", write_reference)
    app.connect("source-read", on_source_read)
    app.connect("env-check-consistency", name_sources_by_their_modules)
    app.connect("autodoc-process-docstring", as_written)
    return {"parallel_read_safe": True}
