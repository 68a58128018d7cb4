"""The outside world as plain values, each with explicit timeouts: Redis as cache and server."""
