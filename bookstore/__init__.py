"""An online bookshop as a Flask service.

Its layers, each importing only downwards, stand in ``setup.cfg`` (importlinter:contract:layers);
``docs/architecture.md`` explains them.

Start with ``services/``: one module a concept word, one function a use case.
"""

# First: it says what RQ's keys begin with, and RQ reads that when it is imported.
import bookstore.config  # noqa: F401
from bookstore.app import create_app

__all__ = ["create_app"]
