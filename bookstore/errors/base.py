"""The trunk of the tree, and the branches that have a status of their own."""

from typing import Any, ClassVar


class BookstoreError(Exception):
    """Base of every refusal; ``extra`` becomes members of the problem document."""

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "The request could not be carried out"

    def __init__(self, detail: str | None = None, **extra: Any) -> None:
        self.detail = detail or (self.__doc__ or "").strip().splitlines()[0]
        self.extra = extra
        super().__init__(self.detail)


class Unauthenticated(BookstoreError):
    """A valid access token is required.

    Log in with POST /auth/token and send its `access` as `Authorization: Bearer`, or an API key
    as `X-API-Key`.
    """

    code = "unauthenticated"
    title = "Authentication required"


class Forbidden(BookstoreError):
    """Your account may not do this.

    Nothing to repeat: ask with an account that may, such as one of staff, or leave it out.
    """

    code = "forbidden"
    title = "Not allowed"


class NotFound(BookstoreError):
    """There is no such resource.

    Look at the id or the path. What belongs to somebody else is answered the same way.
    """

    code = "not_found"
    title = "Not found"


class Invalid(BookstoreError):
    """Some of the input is not valid; ``errors`` maps each field to its messages.

    Correct the fields that `errors` names and send the request again.
    """

    code = "validation_failed"
    title = "Invalid input"

    def __init__(self, errors: dict[str, Any], detail: str | None = None) -> None:
        super().__init__(detail or "Some fields are not valid; see errors.", errors=errors)


class Conflict(BookstoreError):
    """The request conflicts with the present state.

    Read the resource anew, and decide by what it says now.
    """

    code = "conflict"
    title = "Conflict"
