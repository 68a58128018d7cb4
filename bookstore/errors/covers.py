"""Refusals about uploads, and the store they go to."""

from bookstore.errors.base import BookstoreError, Conflict, Forbidden


class CoverNotUploaded(Conflict):
    """Nothing has been uploaded under this key (any more); ask for a form and send the file.

    Ask for a form (POST /books/{id}/cover), send the file with it, then call this again.
    """

    code = "cover_not_uploaded"


class StorageRefused(Forbidden):
    """The form or the link is not one that the shop has signed, or it is too old.

    Ask for a new form, and send its fields as they are, the file last.
    """

    code = "storage_refused"


class UploadSize(BookstoreError):
    """The file has not the size that was announced for it.

    Ask for a form with the file's real size.
    """

    code = "upload_size"
    title = "Wrong size"


class StorageUnavailable(BookstoreError):
    """The store of files does not answer for the moment; try again.

    Repeat after `Retry-After`.
    """

    code = "storage_unavailable"
    title = "Storage unavailable"
