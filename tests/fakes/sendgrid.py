"""SendGrid's mail/send over real HTTP: checks what it is sent as SendGrid does, and keeps it."""

import json
from typing import Any

from tests.fakes.serving import Answer, FakeServer

KEY = "SG.a-key-that-must-not-be-seen"


def refusal(status: int, message: str, field: str | None = None, **headers: str) -> Answer:
    """Return an error as SendGrid words it."""
    told = {"errors": [{"message": message, "field": field, "help": None}]}
    return status, told, {name.replace("_", "-"): value for name, value in headers.items()}


class FakeSendGrid(FakeServer):
    """``mails`` are the bodies it has taken, in order."""

    def __init__(self, key: str = KEY) -> None:
        super().__init__()
        self.key = key
        self.mails: list[dict[str, Any]] = []

    def answer(self, path: str, headers: Any, body: bytes) -> Answer:
        """Take a mail."""
        if path != "/v3/mail/send":
            return refusal(404, "not found")
        if headers["Authorization"] != f"Bearer {self.key}":
            return refusal(401, "The provided authorization grant is invalid")
        mail = json.loads(body)
        if not mail.get("subject"):
            return refusal(400, "The subject is required.", "subject")
        for person in mail["personalizations"]:
            if any("@" not in to["email"] for to in person["to"]):
                return refusal(400, "Does not contain a valid address.", "personalizations.0.to")
        if [part["type"] for part in mail["content"]] != ["text/plain", "text/html"]:
            return refusal(400, "text/plain must come first.", "content")
        self.mails.append(mail)
        return 202, None, {"X-Message-Id": f"fake-{len(self.mails)}"}
