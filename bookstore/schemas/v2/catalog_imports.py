"""Catalogues that are sent in."""

from marshmallow import validate

from bookstore.schemas.common import Flag, Schema, Text
from bookstore.schemas.v2.price_updates import FileAddress

FORMATS = ("csv", "onix")
_FORMAT = "Without it, a look at the file tells CSV from XML."
_DRY_RUN = "Only report what would happen."
_SET_STOCK = "Also set the stock of books that are there already."


class CatalogImportQuery(Schema):
    """What to do with the file."""

    format = Text(validate=validate.OneOf(FORMATS), metadata={"description": _FORMAT})
    dry_run = Flag(load_default=False, metadata={"description": _DRY_RUN})
    set_stock = Flag(load_default=False, metadata={"description": _SET_STOCK})


class CatalogImportInput(FileAddress):
    """Where a catalogue is, and what to do with it."""

    format = Text(validate=validate.OneOf(FORMATS), metadata={"description": _FORMAT})
    dry_run = Flag(metadata={"description": _DRY_RUN})
    set_stock = Flag(metadata={"description": _SET_STOCK})
