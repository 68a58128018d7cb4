"""One part of the shop asks another over HTTP, and gives up in time when it does not answer."""

import json
import logging
from threading import BoundedSemaphore
from typing import Any, Self

import requests
from circuitbreaker import CircuitBreaker
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ReadTimeoutError
from urllib3.util import Retry

from bookstore import errors, logs, traces

log = logging.getLogger(__name__)

CONNECT_SECONDS = 1.0
# Reading is quick; an order waits for the locks of others.
READ_SECONDS, WORK_SECONDS = 2.0, 10.0
FAILURES, REST_SECONDS = 3, 5
# So many of a process's threads may wait for one part: a part that hangs is not to take them all.
AT_ONCE = 2
# For how long others wait to be one of these; a good answer takes a few milliseconds.
QUEUE_SECONDS = 0.5
_TROUBLE = (502, 503, 504)


class _Away(Exception):
    """No answer, or one that says: not now."""


class Peer:
    """Another part, by its address.

    Every call may be repeated: reading changes nothing, and what does brings a key by which the
    other knows it again. One that got no answer in time is not: it would take as long again. After
    three failures in a row it is left alone for five seconds: whoever asks then is refused at once.
    """

    def __init__(self, part: str, url: str, token: str) -> None:
        self.part, self.url, self._token = part, url.rstrip("/"), token
        self._breaker = CircuitBreaker(FAILURES, REST_SECONDS, _Away, part)
        self._reading, self._writing = _session(2), _session(1)
        self._places = BoundedSemaphore(AT_ONCE)

    def get(self, path: str, params: dict[str, str] | None = None) -> Any:
        """Return what is at a path.

        Raises:
            PartUnavailable: it does not answer, or will not have us.
            BookstoreError: as it refused.
        """
        return self._call(self._reading, "GET", path, READ_SECONDS, params=params)

    def post(self, path: str, body: Any, key: str) -> Any:
        """Send a body under an idempotency key and return the answer; raises as ``get``."""
        headers = {"Idempotency-Key": key}
        return self._call(self._writing, "POST", path, WORK_SECONDS, json=body, headers=headers)

    def _call(
        self,
        session: requests.Session,
        method: str,
        path: str,
        seconds: float,
        headers: dict[str, str] | None = None,
        **what: Any,
    ) -> Any:
        if self._breaker.opened:
            raise self._unavailable()
        sent = {
            "Authorization": f"Bearer {self._token}",
            "X-Request-ID": logs.request_id.get(),
            **(headers or {}),
        }
        try:
            if not self._places.acquire(timeout=QUEUE_SECONDS):
                raise _Away("all who may ask it are waiting")
            try:
                with self._breaker:
                    answer = self._ask(session, method, path, headers=sent, timeout=seconds, **what)
            finally:
                self._places.release()
        except _Away as why:
            about = {"part": self.part, "path": path, "why": str(why)}
            log.warning("part of the shop does not answer", extra=about)
            raise self._unavailable() from None
        if answer.ok:
            return answer.json()
        raise self._refused(answer)

    def _ask(
        self,
        session: requests.Session,
        method: str,
        path: str,
        timeout: float,
        headers: dict[str, str],
        **what: Any,
    ) -> requests.Response:
        with traces.span(f"ask {self.part}", "client", {"http.request.method": method}) as span:
            try:
                answer = session.request(
                    method,
                    f"{self.url}{path}",
                    timeout=(CONNECT_SECONDS, timeout),
                    allow_redirects=False,
                    headers=headers | traces.headers(),
                    **what,
                )
            except requests.RequestException as error:
                raise _Away(str(error)) from None
            span.set("http.response.status_code", answer.status_code)
            if answer.status_code >= 500 or 300 <= answer.status_code < 400:
                raise _Away(f"status {answer.status_code}")
            return answer

    def _refused(self, answer: requests.Response) -> errors.BookstoreError:
        if answer.status_code in (401, 403):
            log.error(
                "part of the shop will not have us: is SERVICE_TOKEN the same everywhere?",
                extra={"part": self.part, "status": answer.status_code},
            )
            return self._unavailable()
        try:
            return errors.from_problem(answer.json())
        except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
            about = {"part": self.part, "status": answer.status_code, "why": repr(error)}
            log.error("part of the shop answers what nobody understands", extra=about)
            return self._unavailable()

    def _unavailable(self) -> errors.PartUnavailable:
        rest = self._breaker.open_remaining if self._breaker.opened else 1
        return errors.PartUnavailable(self.part, max(1, rest))


class _Again(Retry):
    """Asks again when nobody was there or the answer got lost, not when it did not come in time."""

    def increment(self, *args: Any, **kwargs: Any) -> Self:
        """Return what is left of the tries; raise when there is none."""
        error = kwargs.get("error")
        if isinstance(error, ReadTimeoutError):
            raise error
        return super().increment(*args, **kwargs)


def _session(retries: int) -> requests.Session:
    """Return a session that asks again by itself, whatever the method."""
    session = requests.Session()
    session.trust_env = False  # no proxy stands between the parts
    again = _Again(
        retries,
        status_forcelist=_TROUBLE,
        allowed_methods=None,
        backoff_factor=0.1,
        backoff_jitter=0.1,
        raise_on_status=False,
        respect_retry_after_header=False,
    )
    adapter = HTTPAdapter(pool_maxsize=AT_ONCE, max_retries=again)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session
