"""On which headers of the request an answer depends (RFC 9110 12.5.5)."""

from functools import lru_cache

from werkzeug.wrappers import Response


def vary(response: Response, *names: str) -> None:
    """Add names of headers to ``Vary``, those that it does not have.

    As ``response.vary`` does, which parses and writes the header anew for each of them.
    """
    headers = response.headers
    told = headers.get("Vary", "")
    both = _with(told, names)
    if both is not told:
        headers["Vary"] = both


@lru_cache(maxsize=256)
def _with(told: str, names: tuple[str, ...]) -> str:
    present = [name.strip() for name in told.split(",") if name.strip()]
    known = {name.lower() for name in present}
    more = [name for name in names if name.lower() not in known]
    return ", ".join([*present, *more]) if more else told
