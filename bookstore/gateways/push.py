"""Push messages: by Firebase Cloud Messaging (HTTP v1) when a project is set, else to the log.

https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send
"""

import functools
import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any, Protocol

import requests
from google.auth.exceptions import GoogleAuthError, TransportError
from google.auth.transport.requests import Request
from google.oauth2 import service_account
from requests.adapters import HTTPAdapter

from bookstore import clock
from bookstore.config import Settings
from bookstore.gateways import retry_after
from bookstore.log_files import SharedFile

log = logging.getLogger("bookstore.push")

SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
CONNECT_SECONDS, READ_SECONDS = 3.0, 10.0
CONNECTIONS = 16
PAUSE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Push:
    """A message to one device. ``data`` is for the app; FCM takes text only."""

    device_id: int
    token: str
    title: str
    message: str
    data: Mapping[str, str]
    traceparent: str | None = None

    def __repr__(self) -> str:
        return f"<Push to device {self.device_id}>"  # never the token


class PushError(Exception):
    """It was not sent.

    ``final``: sending it again would end in the same way. ``gone``: the device takes no more
    messages, forget it. ``wait``: how many seconds we were asked to wait. No token stands in
    the message.
    """

    def __init__(
        self, message: str, *, final: bool = False, gone: bool = False, wait: float | None = None
    ) -> None:
        super().__init__(message)
        self.final, self.gone, self.wait = final, gone, wait


class Sender(Protocol):
    """A way for push messages to leave."""

    def send(self, push: Push) -> None:
        """Send it; PushError when that fails."""


@functools.cache
def sender(settings: Settings) -> Sender:
    """Return FCM if a project is set, else the log; one a process, as it keeps an access token."""
    project, credentials = settings.fcm_project_id, settings.fcm_credentials_file
    if project and credentials:
        return Fcm(project, credentials, settings.fcm_endpoint)
    return Log(settings.bookstore_home / "logs" / "push.log")


class Log:
    """Writes one line a message: to the log, and to a file that keeps nothing else."""

    def __init__(self, path: Path) -> None:
        self._file = SharedFile(path)

    def send(self, push: Push) -> None:
        """Write it; PushError when the file cannot be written."""
        log.info("push: %s", push.title, extra={"device_id": push.device_id})
        at = clock.now().isoformat(timespec="milliseconds")
        words = " ".join(f"{push.title}: {push.message}".split())
        try:
            self._file.write(f"{at} device={push.device_id} {words}")
        except OSError as error:
            raise PushError(f"{self._file.path} cannot be written: {error.strerror}") from None


class Fcm:
    """Firebase Cloud Messaging, as a service account; may be used by many threads at once."""

    def __init__(self, project: str, credentials: Path, endpoint: str) -> None:
        self._url = f"{endpoint.rstrip('/')}/v1/projects/{project}/messages:send"
        self._credentials_file = credentials
        self._credentials: Any = None
        self._lock = threading.Lock()
        self._pause_until = 0.0
        # Shared by the threads: what is not safe to share of a session is its cookies.
        self._session = requests.Session()
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        self._session.mount(endpoint, HTTPAdapter(pool_maxsize=CONNECTIONS))

    def send(self, push: Push) -> None:
        """Send it."""
        body = {
            "message": {
                "token": push.token,
                "notification": {"title": push.title, "body": push.message},
                "data": dict(push.data),
            }
        }
        access = self._access()
        try:
            answer = self._session.post(
                self._url,
                json=body,
                headers={"Authorization": f"Bearer {access}"},
                timeout=(CONNECT_SECONDS, READ_SECONDS),
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise PushError(f"FCM cannot be reached: {type(error).__name__}") from None
        if answer.status_code != 200:
            raise self._refused(answer, access, push)

    def _access(self) -> str:
        """Return an access token, a new one if the last is about to expire."""
        with self._lock:
            if time.monotonic() < self._pause_until:
                raise PushError("no access token: there was none a moment ago")
            try:
                if self._credentials is None:
                    load: Any = service_account.Credentials.from_service_account_file
                    self._credentials = load(str(self._credentials_file), scopes=[SCOPE])
                if not self._credentials.valid:
                    # Its own default is two minutes, under the lock that all threads want.
                    ask = functools.partial(Request(self._session), timeout=READ_SECONDS)
                    self._credentials.refresh(ask)
                return str(self._credentials.token)
            except (OSError, ValueError, GoogleAuthError) as error:
                # Those who wait for the lock must not each wait for an answer as well.
                self._pause_until = time.monotonic() + PAUSE_SECONDS
                if not isinstance(error, TransportError):
                    # The name only: the text may quote the key file, or the answer.
                    log.error("FCM: no access token: %s", type(error).__name__)
                raise PushError(f"no access token: {type(error).__name__}") from None

    def _refused(self, answer: requests.Response, access: str, push: Push) -> PushError:
        code, fields = _details(answer)
        told = f"FCM answered {answer.status_code} {code}".rstrip()
        if code == "UNREGISTERED":
            return PushError(told, final=True, gone=True)
        if code == "INVALID_ARGUMENT":
            return PushError(told, final=True, gone="message.token" in fields)
        if answer.status_code in {401, 403, 404}:
            # The account, the project, or a device of another project: ours to put right, and
            # no fault of the device's. Whoever took 404 for "unregistered" would lose them all.
            log.error("FCM refuses us: %s", told, extra={"device_id": push.device_id})
            if answer.status_code == 401:
                self._forget(access)
            return PushError(told)
        if answer.status_code == 429 or answer.status_code >= 500:
            return PushError(told, wait=retry_after.seconds(answer.headers.get("Retry-After")))
        return PushError(told, final=answer.status_code >= 400)

    def _forget(self, access: str) -> None:
        with self._lock:
            if self._credentials is not None and self._credentials.token == access:
                self._credentials.token = None


def _details(answer: requests.Response) -> tuple[str, set[str]]:
    """Return FCM's error code (else Google's status) and the fields it finds wrong."""
    try:
        error = answer.json()["error"]
        code, fields = str(error.get("status", "")), set()
        for detail in error.get("details", []):
            code = str(detail.get("errorCode", code))
            fields |= {str(one.get("field")) for one in detail.get("fieldViolations", [])}
        return code[:60], fields
    except (ValueError, KeyError, TypeError, AttributeError):
        return "", set()
