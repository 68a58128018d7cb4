"""The WSGI entry point: ``gunicorn -c gunicorn.conf.py wsgi:app``."""

try:
    from bookstore import create_app
    from bookstore.config import BadSetting
except KeyboardInterrupt:  # importing takes a second
    raise SystemExit(130) from None

try:
    app = create_app()
except BadSetting as error:
    raise SystemExit(f"bookstore: {error}") from None
except KeyboardInterrupt:
    raise SystemExit(130) from None
