"""An online bookshop as a Flask service.

The layers, each importing only downwards (``|`` stands between siblings that never meet;
import-linter holds this, see setup.cfg)::

    app
    cli
    blueprints | jobs
    auth | problems
    schemas
    services
    gateways | models
    unit_of_work
    extensions
    sentry | traces | redis_clients
    logs
    config
    errors | clock | money | isbn | countries | scrubbing

Start with ``services/``: one module a concept word, one function a use case.
"""

# First: it says what RQ's keys begin with, and RQ reads that when it is imported.
import bookstore.config  # noqa: F401
from bookstore.app import create_app

__all__ = ["create_app"]
