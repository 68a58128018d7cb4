"""What can be asked for: one module a group of concepts."""
