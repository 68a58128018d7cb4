"""Refusals about webhook endpoints."""

from bookstore.errors.base import BookstoreError, Conflict


class UrlNotAllowed(BookstoreError):
    """The shop may not connect to this URL.

    Use a public https address; `detail` says what is wrong with this one.
    """

    code = "url_not_allowed"
    title = "URL not allowed"

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail)
        self.extra["errors"] = {"url": [self.detail]}


class SecretUnreadable(Conflict):
    """The secret was encrypted under another SECRET_KEY; rotate it to get a new one.

    POST /webhooks/endpoints/{id}/rotate-secret, and give the new secret to the receiver.
    """

    code = "secret_unreadable"


class EndpointDisabled(Conflict):
    """The webhook endpoint is disabled; enable it first.

    Enable it with PATCH and `is_active: true`; what was held goes out then.
    """

    code = "endpoint_disabled"


class EndpointLimit(Conflict):
    """There are as many webhook endpoints as may be.

    Remove one that nobody needs, or let one endpoint take more event types.
    """

    code = "endpoint_limit"
