"""Mail: by SendGrid when there is a key, else as .eml files that any mail program opens."""

import contextlib
import http.client
import logging
import os
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Protocol

import orjson
from python_http_client.exceptions import HTTPError
from sendgrid import SendGridAPIClient
from sendgrid.helpers import mail as sg

from bookstore import clock
from bookstore.config import Settings
from bookstore.gateways import retry_after

log = logging.getLogger(__name__)
# At DEBUG it writes headers (the key) and bodies (reset tokens) to the log.
logging.getLogger("python_http_client").setLevel(logging.WARNING)

TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail to one person. ``message_id`` is the same however often it is sent."""

    message_id: str  # without its angle brackets
    name: str  # of the file, and of the category at SendGrid: what kind of mail it is
    created_at: datetime
    sender: Address
    to: Address
    subject: str
    # A reset link stands in them, which no log may show.
    text: str = field(repr=False)
    html: str = field(repr=False)
    traceparent: str | None = None


class MailError(Exception):
    """It was not sent; ``final`` when sending it again would end in the same way.

    ``wait`` is how many seconds the provider asked us to wait. The message holds no secret.
    """

    def __init__(self, message: str, *, final: bool = False, wait: float | None = None) -> None:
        super().__init__(message)
        self.final, self.wait = final, wait


class Sender(Protocol):
    """A way for mail to leave."""

    def send(self, mail: Mail) -> None:
        """Send it; MailError when that fails."""


def sender(settings: Settings) -> Sender:
    """Return SendGrid if its key is set, else the folder ``mail`` in the data folder."""
    if settings.sendgrid_api_key:
        return SendGrid(settings.sendgrid_api_key, settings.sendgrid_host)
    return Folder(settings.bookstore_home / "mail")


# -- files --------------------------------------------------------------------------------------
class Folder:
    """Writes ``<time>-<what>-<id>.eml``; the names sort by time, one file a mail."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def send(self, mail: Mail) -> None:
        """Write the file, whole or not at all, for its owner's eyes only."""
        at = mail.created_at.strftime("%Y%m%dT%H%M%S.%fZ")
        row = mail.message_id.partition(".")[0]
        draft = self.folder / f".{secrets.token_hex(8)}.tmp"
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            number = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(number, "wb") as file:
                file.write(as_message(mail).as_bytes())
                file.flush()
                os.fsync(file.fileno())
            draft.rename(self.folder / f"{at}-{mail.name}-{row}.eml")
        except OSError as error:
            with contextlib.suppress(OSError):
                draft.unlink()
            raise MailError(f"cannot write to {self.folder}: {error.strerror}") from None
        log.info("mail written", extra={"mail": f"{at}-{mail.name}-{row}.eml"})

    def forget(self, age: timedelta) -> int:
        """Delete what was written longer ago; return how many files."""
        before, count = (clock.now() - age).timestamp(), 0
        for file in [*self.folder.glob("*.eml"), *self.folder.glob(".*.tmp")]:
            with contextlib.suppress(FileNotFoundError):
                if file.stat().st_mtime < before:
                    file.unlink()
                    count += 1
        return count


def as_message(mail: Mail) -> EmailMessage:
    """Return the mail as a message (RFC 5322): text, and HTML for who can show it."""
    plain = str(mail.to).isascii()
    message = EmailMessage(policy=SMTP if plain else SMTPUTF8)
    message["From"] = mail.sender
    message["To"] = mail.to
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = f"<{mail.message_id}>"
    # No answers by machines ("out of office") to a machine (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text, cte="quoted-printable")
    message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    return message


# -- SendGrid -----------------------------------------------------------------------------------
class SendGrid:
    """SendGrid's API v3; one connection a mail, since its library knows no other way."""

    def __init__(self, key: str, host: str) -> None:
        self._key, self._host = key, host.rstrip("/")

    def send(self, mail: Mail) -> None:
        """Hand it over; only 202 means that SendGrid has it."""
        api = SendGridAPIClient(self._key, host=self._host)
        api.client.timeout = TIMEOUT_SECONDS  # the library itself would wait for ever
        try:
            status = api.client.mail.send.post(request_body=_payload(mail)).status_code
        except HTTPError as error:
            raise self._refused(error) from None
        # URLError and timeouts are OSErrors.
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise MailError(f"SendGrid cannot be reached: {reason}") from None
        if status != 202:
            raise MailError(f"SendGrid answered {status}, not 202")

    def _refused(self, error: Any) -> MailError:
        status, headers = int(error.status_code), error.headers
        told = f"SendGrid answered {status}: {_reasons(error.body)}".replace(self._key, "***")
        if status in {401, 403}:
            # Somebody has to see to the key or the sender; the mails wait for that.
            log.error("SendGrid refuses us", extra={"status": status, "told": told})
            return MailError(told)
        if status == 429:
            return MailError(told, wait=_wait(headers))
        if status >= 500:
            return MailError(told, wait=retry_after.seconds(headers.get("Retry-After")))
        return MailError(told, final=status >= 400)


def _wait(headers: Any) -> float | None:
    asked = retry_after.seconds(headers.get("Retry-After"))
    if asked is None:
        # SendGrid's own: the second at which the next window opens.
        reset = str(headers.get("X-RateLimit-Reset") or "").strip()
        if reset.isascii() and reset.isdecimal():
            asked = max(0.0, int(reset[:12]) - clock.now().timestamp())
    return asked


def _reasons(body: Any) -> str:
    try:
        told = orjson.loads(body)["errors"]
        return "; ".join(
            ": ".join(str(part) for part in (one.get("field"), one.get("message")) if part)
            for one in told
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return "no reason given"


def _payload(mail: Mail) -> dict[str, Any]:
    message = sg.Mail(
        from_email=sg.Email(mail.sender.addr_spec, mail.sender.display_name or None),
        to_emails=sg.To(mail.to.addr_spec, mail.to.display_name or None),
        subject=mail.subject,
        plain_text_content=mail.text,
        html_content=mail.html,
    )
    message.add_header(sg.Header("Message-ID", f"<{mail.message_id}>"))
    message.add_header(sg.Header("Auto-Submitted", "auto-generated"))
    # Comes back in SendGrid's own events, so that they can be matched with our rows.
    message.add_custom_arg(sg.CustomArg("message_id", mail.message_id))
    message.add_category(sg.Category(mail.name))
    # Tracked links lead through SendGrid, and a link may carry a reset token.
    message.tracking_settings = sg.TrackingSettings(
        click_tracking=sg.ClickTracking(enable=False, enable_text=False),
        open_tracking=sg.OpenTracking(enable=False),
    )
    payload: dict[str, Any] = message.get()
    return payload
