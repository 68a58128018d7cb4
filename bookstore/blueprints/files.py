"""Files that jobs have made, as answers."""

from flask import Response

from bookstore.blueprints import transport

# Of a page that stands for itself: its one style, and nothing from anywhere.
_PAGE = f"{transport.NOTHING}; style-src 'nonce-{{nonce}}'; sandbox"


def made_file(data: bytes, content_type: str, name: str) -> Response:
    """Return a file that a job has made: a page to be looked at, all else to be saved."""
    response = Response(data, content_type=content_type)
    if content_type.startswith("text/html"):
        # Ours, and whole in itself; its style is let in by this answer's nonce.
        style = f'<style nonce="{transport.nonce()}">'.encode()
        response.set_data(data.replace(b"<style>", style, 1))
        response.headers["Content-Security-Policy"] = _PAGE.replace("{nonce}", transport.nonce())
    else:
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
