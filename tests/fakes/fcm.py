"""Google's token endpoint and FCM HTTP v1 over real HTTP, for one project and its devices."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.fakes.serving import Answer, FakeServer

PROJECT = "shop-project"
_FCM = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_BAD = "type.googleapis.com/google.rpc.BadRequest"


def refusal(
    status: int, name: str, code: str | None = None, field: str | None = None, **headers: str
) -> Answer:
    """Return an error as FCM words it: Google's status, FCM's code, the field that is wrong."""
    details: list[dict[str, Any]] = []
    if code:
        details.append({"@type": _FCM, "errorCode": code})
    if field:
        wrong = [{"field": field, "description": "Invalid value"}]
        details.append({"@type": _BAD, "fieldViolations": wrong})
    error = {"code": status, "message": "no", "status": name, "details": details}
    return status, {"error": error}, {k.replace("_", "-"): v for k, v in headers.items()}


class FakeFcm(FakeServer):
    """``devices`` are the tokens it knows, ``messages`` what it has taken, in order."""

    def __init__(self, project: str = PROJECT) -> None:
        super().__init__()
        self.project = project
        self.devices: set[str] = set()
        self.foreign: set[str] = set()  # devices of another project
        self.messages: list[dict[str, Any]] = []
        self.grants: list[str] = []
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    def account(self, folder: Path) -> Path:
        """Return the file of a service account that this server trusts."""
        pem = self._key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        path = folder / "service-account.json"
        told = {
            "type": "service_account",
            "project_id": self.project,
            "private_key_id": "1",
            "private_key": pem.decode(),
            "client_email": "shop@example.com",
            "token_uri": f"{self.url}/token",
        }
        path.write_text(json.dumps(told))
        return path

    def answer(self, path: str, headers: Any, body: bytes) -> Answer:
        """Give an access token, or take a message."""
        if path == "/token":
            return self._grant(parse_qs(body.decode())["assertion"][0])
        if headers["Authorization"] != f"Bearer {self.grants[-1] if self.grants else ''}":
            return refusal(401, "UNAUTHENTICATED")
        if path != f"/v1/projects/{self.project}/messages:send":
            return refusal(404, "NOT_FOUND")
        message = json.loads(body)["message"]
        if any(not isinstance(value, str) for value in message["data"].values()):
            return refusal(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "message.data")
        if message["token"] in self.foreign:
            return refusal(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH")
        if " " in message["token"] or len(message["token"]) < 5:
            return refusal(400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", "message.token")
        if message["token"] not in self.devices:
            return refusal(404, "NOT_FOUND", "UNREGISTERED")
        self.messages.append(message)
        return 200, {"name": f"projects/{self.project}/messages/{len(self.messages)}"}, {}

    def _grant(self, assertion: str) -> Answer:
        # google-auth names Google's endpoint, whichever it talks to.
        audience, key = "https://oauth2.googleapis.com/token", self._key.public_key()
        claims = jwt.decode(assertion, key, algorithms=["RS256"], audience=audience)
        assert claims["scope"] == "https://www.googleapis.com/auth/firebase.messaging"
        self.grants.append(f"access-{len(self.grants) + 1}")
        return 200, {"access_token": self.grants[-1], "expires_in": 3600}, {}
