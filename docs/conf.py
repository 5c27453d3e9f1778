"""How Sphinx builds these pages."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from bunter import __version__

project = "Bunter"
author = "The Bunter developers"
copyright = "the Bunter developers"
release = version = __version__

extensions = ["myst_parser", "listings"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "_ext"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
suppress_warnings = ["config.cache"]

html_theme = "furo"
html_title = "Bunter"
html_static_path = ["_static"]
html_copy_source = False
