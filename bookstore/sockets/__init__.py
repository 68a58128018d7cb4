"""WebSocket and server-sent events: authenticate, subscribe, forward."""
