"""The WSGI entry point: ``gunicorn -c gunicorn.conf.py wsgi:app``."""

from bookstore import create_app
from bookstore.config import BadSetting

try:
    app = create_app()
except BadSetting as error:
    raise SystemExit(f"bookstore: {error}") from None
