"""Shapes of the console's forms and filters, where the API has none that will do."""
