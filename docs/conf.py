"""How Sphinx makes these pages a site: python3 run.py --group docs python docs/build.py"""

import sys
from pathlib import Path

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "site"))

project = "numpycnn"
author = copyright = "the numpycnn authors"
root_doc = "README"
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "mathml",
    "pages",
]
exclude_patterns = ["_build"]

myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 4
nb_execution_mode = "force"
nb_execution_timeout = 600
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_merge_streams = True
nb_output_stderr = "remove"
viewcode_follow_imported_members = False
suppress_warnings = ["ref.python"]  # a class that two modules show

highlight_language = "text"  # of a block that names none
autodoc_member_order = "bysource"
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

html_theme = "furo"
html_title = "numpycnn"
html_static_path = ["site/static"]
html_css_files = ["numpycnn.css"]
html_js_files = ["from_disk.js"]
html_show_sphinx = False
