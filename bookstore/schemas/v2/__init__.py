"""Shapes of API v2, by concept word."""
