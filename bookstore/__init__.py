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

import os

# RQ reads it when it is imported, so it comes first. On a cluster of Redis the braces keep all that
# is RQ's on one node; elsewhere they are a name like any other.
os.environ["RQ_KEY_PREFIX"] = "{rq}"

from bookstore.app import create_app

__all__ = ["create_app"]
