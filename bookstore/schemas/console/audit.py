"""Filters of the console's audit log."""

from bookstore.schemas.common import Day, Schema, Text


class AuditFilters(Schema):
    """Which entries a list shows: as the API has it, by whole days."""

    actor = Text(max_length=100)
    action = Text(max_length=100)
    target = Text(max_length=110)
    start = Day(data_key="from")
    end = Day(data_key="to")
    cursor = Text(max_length=4000)
