"""Refusals about files that staff sends in, and what is done with them."""

from bookstore.errors.base import Conflict, Invalid


class FileUnavailable(Invalid):
    """The file could not be fetched, is not there any more, or is too large.

    Look at its address and its size, and send it again.
    """

    code = "file_unavailable"

    def __init__(self, detail: str) -> None:
        super().__init__({"file": [detail]}, f"The file {detail}.")


class PriceUpdateBusy(Conflict):
    """A job is working at this price update.

    Wait for its end, or cancel it: POST /jobs/{id}/cancel.
    """

    code = "price_update_busy"


class PriceUpdateStatus(Conflict):
    """The price update is not at the point for this.

    Read its `status`: it says what may come next.
    """

    code = "price_update_status"

    def __init__(self, status: str) -> None:
        super().__init__(f"The price update is {status}, so this cannot be done.", is_now=status)
