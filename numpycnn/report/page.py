"""A report as one page of HTML that needs nothing else: style, script, pictures and numbers are within it."""

import json
import re
from collections.abc import Sequence
from html import escape
from importlib.resources import files

from numpycnn.models import Model
from numpycnn.report.contents import report_contents

__all__ = ["report_page"]


def report_page(model: Model, picture, x, *, labels: Sequence[str] = (), top: int = 5) -> str:
    """A look inside a network on one picture, as HTML.

    Args, Raises: as `report_contents`.
    """
    contents = report_contents(model, picture, x, labels=labels, top=top)
    page, style, script = ((files(__package__ or "") / name).read_text("utf-8") for name in PARTS)
    data = json.dumps(contents, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    parts = {"title": escape(contents["title"]), "style": style, "script": script, "data": data}
    return re.sub(r"\[\[(title|style|script|data)\]\]", lambda place: parts[place[1]], page)


PARTS = ("page.html", "page.css", "page.js")
