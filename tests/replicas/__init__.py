"""The shop with a streaming replica beside its database."""
