"""Refusals about uploads, and the store they go to."""

from bookstore.errors.base import BookstoreError, Conflict, Forbidden


class CoverNotUploaded(Conflict):
    """Nothing has been uploaded under this key (any more); ask for a form and send the file."""

    code = "cover_not_uploaded"


class StorageRefused(Forbidden):
    """The form or the link is not one that the shop has signed, or it is too old."""

    code = "storage_refused"


class UploadSize(BookstoreError):
    """The file has not the size that was announced for it."""

    code = "upload_size"
    title = "Wrong size"


class StorageUnavailable(BookstoreError):
    """The store of files does not answer for the moment; try again."""

    code = "storage_unavailable"
    title = "Storage unavailable"
