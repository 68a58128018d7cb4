"""Marshmallow shapes: what goes over the wire, and nothing that asks the database."""
