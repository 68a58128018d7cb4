"""Flask-DebugToolbar in the shop's pages, for who works on them (DEBUG_TOOLBAR)."""

import re
from typing import Any

from flask import Flask, Response

from bookstore.config import BadSetting

# Not all that there are: one prints the configuration, and so the keys.
_PANELS = tuple(
    f"flask_debugtoolbar.panels.{name}"
    for name in (
        "versions.VersionDebugPanel",
        "timer.TimerDebugPanel",
        "headers.HeaderDebugPanel",
        "request_vars.RequestVarsDebugPanel",
        "template.TemplateDebugPanel",
        "sqlalchemy.SQLAlchemyDebugPanel",
        "logger.LoggingPanel",
        "route_list.RouteListDebugPanel",
        "profiler.ProfilerDebugPanel",
    )
)
CONFIG: dict[str, Any] = {
    "DEBUG_TB_ENABLED": True,
    "DEBUG_TB_INTERCEPT_REDIRECTS": False,
    "DEBUG_TB_PANELS": _PANELS,
    "SQLALCHEMY_RECORD_QUERIES": True,
}


def init_app(app: Flask) -> None:
    """Put the toolbar into the pages of an app that was made with ``CONFIG``.

    Raises:
        BadSetting: it is not installed; it comes with the packages for development.
    """
    try:
        from flask_debugtoolbar import DebugToolbarExtension
    except ImportError:
        raise BadSetting(
            "DEBUG_TOOLBAR: Flask-DebugToolbar is not installed: pip install flask-debugtoolbar"
        ) from None
    DebugToolbarExtension(app)
    # The first is run last: whatever policy the page is sent with is known by then.
    app.after_request_funcs.setdefault(None, []).insert(0, _relax)


def _relax(response: Response) -> Response:
    """Let the toolbar's inline script and styles run, which bear no nonce."""
    policy = response.headers.get("Content-Security-Policy")
    if policy and response.mimetype == "text/html":
        # With a nonce or hash in it, browsers ignore 'unsafe-inline'.
        policy = re.sub(r" '(nonce-[^']*|sha\d+-[^']*|strict-dynamic)'", "", policy)
        policy = re.sub(r"\b(script-src|style-src)\b(?!-)", r"\1 'self' 'unsafe-inline'", policy)
        response.headers["Content-Security-Policy"] = policy
    return response
