"""Idempotency keys: one piece of work and one answer a key."""

import threading
from dataclasses import dataclass
from typing import Any

from tests.fakes.stripe.wire import Refused


@dataclass
class _Entry:
    path: str
    params: dict[str, Any]
    answer: tuple[int, dict[str, Any]] | None = None


class Keys:
    """What was asked under each key, and the answer once there is one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[str, _Entry] = {}

    def begin(
        self, key: str, path: str, params: dict[str, Any]
    ) -> tuple[int, dict[str, Any]] | None:
        """Take a key, or return the answer that it had.

        Raises:
            Refused: it was used for something else, or is in use at this moment.
        """
        if len(key) > 255:
            raise Refused(400, "Idempotency keys have at most 255 characters.")
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                self._entries[key] = _Entry(path, params)
                return None
        same = "endpoint" if entry.path != path else "parameters" if entry.params != params else ""
        if same:
            message = (
                f"Keys for idempotent requests can only be used with the same {same} they were "
                f"first used with. Try using a key other than '{key}' if you meant to execute a "
                "different request."
            )
            raise Refused(400, message, type="idempotency_error")
        if entry.answer is None:
            message = (
                "There is currently another in-progress request using this Idempotent Key (that "
                "probably means you submitted twice, and the other request is still going "
                f"through): {key}. Please try again later."
            )
            raise Refused(409, message, code="idempotency_key_in_use")
        return entry.answer

    def end(self, key: str, answer: tuple[int, dict[str, Any]]) -> None:
        """Keep the answer, a refusal too."""
        with self._lock:
            self._entries[key].answer = answer

    def drop(self, key: str) -> None:
        """Forget a key whose work was not begun."""
        with self._lock:
            self._entries.pop(key, None)

    def forget(self) -> None:
        """Forget all keys, as Stripe does after a day."""
        with self._lock:
            self._entries.clear()
