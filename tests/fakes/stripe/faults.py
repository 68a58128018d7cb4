"""Trouble on order, by method and path."""

import threading
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from tests.fakes.stripe.wire import Refused

_ANSWERS = {
    "http_409": (409, "invalid_request_error", "lock_timeout", "This object is locked."),
    "http_429": (429, "invalid_request_error", "rate_limit", "Too many requests."),
    "http_500": (500, "api_error", None, "Something went wrong on Stripe's end."),
    "balance_insufficient": (
        400,
        "invalid_request_error",
        "balance_insufficient",
        "Insufficient funds in your Stripe balance to refund this amount.",
    ),
    "http_503": (503, "api_error", None, "Stripe is away for a moment."),
}
BEFORE = frozenset([*_ANSWERS, "timeout_before"])
AFTER = frozenset(["timeout_after_commit", "bad_json", "slow_after"])
KINDS = BEFORE | AFTER | {"slow", "http_500_kept"}


@dataclass(eq=False)
class Fault:
    """``reached`` is set once a request has run into it; slow ones wait for ``release``."""

    pattern: str
    kind: str
    times: int = 1
    reached: threading.Event = field(default_factory=threading.Event)
    release: threading.Event = field(default_factory=threading.Event)

    def wait(self, seconds: float = 30) -> None:
        """Return once a request has run into it; fail when none does."""
        assert self.reached.wait(seconds), f"nobody asked for {self.pattern}"

    def hold(self) -> None:
        """Keep a request until it is let go."""
        self.reached.set()
        self.release.wait(60)


def refusal(kind: str) -> Refused:
    """Return the answer of a fault."""
    status, type, code, message = _ANSWERS[kind.removesuffix("_kept")]
    return Refused(status, message, type=type, **({"code": code} if code else {}))


class Faults:
    """Those that are to come, first ordered first met."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Fault] = []
        self._ordered: list[Fault] = []

    def add(self, pattern: str, kind: str, times: int) -> Fault:
        """Order one for the next ``times`` requests like "POST /v1/payment_intents/*/cancel"."""
        if kind not in KINDS:
            raise ValueError(f"not a fault: {kind}")
        fault = Fault(pattern, kind, times)
        with self._lock:
            self._waiting.append(fault)
            self._ordered.append(fault)
        return fault

    def take(self, request: str) -> Fault | None:
        """Use up the fault of this request, if it has one."""
        with self._lock:
            for fault in self._waiting:
                if fnmatchcase(request, fault.pattern):
                    fault.times -= 1
                    if not fault.times:
                        self._waiting.remove(fault)
                    return fault
        return None

    def clear(self) -> None:
        """Order no more trouble, and release what is held up."""
        with self._lock:
            self._waiting.clear()
            for fault in self._ordered:
                fault.release.set()
