"""Sphinx's settings."""

from pathlib import Path

from sphinx.application import Sphinx

from documentation import pages, tabs

project = "Bookstore"
language = "en"
extensions = ["myst_parser", "sphinx_design"]
root_doc = "index"
exclude_patterns = ["images"]

# As on GitHub, so that one link is good in both places.
myst_heading_anchors = 4
# Where nothing is said, code is text: Sphinx would try Python.
highlight_language = "text"

html_theme = "furo"
html_title = "Bookstore"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_search_scorer = str(Path(__file__).parent / "search_scorer.js")
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_theme_options = {"navigation_with_keys": True}

# `make docs-links` asks each address on the internet; these are examples, or the reader's own shop.
linkcheck_ignore = [r"https?://(127\.0\.0\.1|localhost|[\w.]*example(\.com)?)(:\d+)?(/|$)"]
linkcheck_timeout = 20


def setup(app: Sphinx) -> None:
    """Let our own steps into the build."""
    app.connect("source-read", pages.source_read)
    app.connect("doctree-read", pages.name_sections, priority=100)
    app.connect("doctree-read", tabs.group, priority=200)
