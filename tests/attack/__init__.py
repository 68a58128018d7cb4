"""The shop as somebody hostile meets it: every operation of both documents, with anything."""
