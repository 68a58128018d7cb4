"""Where files are kept: an S3 bucket when one is set, else a folder of the shop's own.

Both hold one contract, which ``tests/storage`` puts to each:

* Nobody writes without a form that the shop has signed. The form names the key, the type and the
  size, and is good for a while. Its shape is that of an S3 presigned POST.
* Nobody reads without a URL that the shop has signed, which is good for a while too.
* Nothing is ever seen half written.
"""

from bookstore.config import Settings
from bookstore.gateways.storage.contract import (
    IMMUTABLE as IMMUTABLE,
    PRIVATE as PRIVATE,
    BadKey as BadKey,
    Form as Form,
    NotStored as NotStored,
    Refused as Refused,
    Store as Store,
    StoreError as StoreError,
    TooLarge as TooLarge,
    WrongSize as WrongSize,
)
from bookstore.gateways.storage.twin import Twin as Twin


def store(settings: Settings) -> Store:
    """Return the bucket if there is one, else the folder ``storage`` in the data folder."""
    if settings.s3_bucket is None:
        return twin(settings)
    # Not above: boto3 takes a quarter of a second to import, and most shops have no bucket.
    from bookstore.gateways.storage import s3

    return s3.bucket(settings.s3_bucket, settings.s3_endpoint_url, settings.s3_region)


def twin(settings: Settings) -> Twin:
    """Return the folder, by its own kind: it is also what serves its files and takes uploads."""
    return Twin(
        settings.bookstore_home / "storage",
        f"{settings.shop_url}/storage",
        settings.resolved_secret_key(),
    )
