"""How Stripe is asked: by its own library's client, with a span for each request."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import stripe

from bookstore import traces


class TracedClient(stripe.RequestsClient):
    """As the library's own."""

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        **more: Any,
    ) -> Any:
        """Send one request; of its path only what kind of thing it is about is told."""
        there = urlsplit(url)
        about: dict[str, traces.Value] = {
            "http.request.method": method.upper(),
            "server.address": there.hostname or "",
        }
        kind = "/".join(there.path.split("/")[1:3])
        with traces.span(f"stripe {method.upper()} {kind}", "client", about) as span:
            answer = super().request(method, url, headers, post_data, **more)
            span.set("http.response.status_code", answer[1])
            if answer[1] >= 400:
                span.failed(str(answer[1]))
            return answer
