"""The documentation site: Sphinx over ``docs/``, and what it adds to those pages (``make docs``).

Pages stay plain Markdown that is read on a code host as well; see decision 0041.
"""
