"""Signatures of the twin: a form is signed as S3 does it (Signature Version 4), so that clients
see no difference; a URL by its path and its end."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import orjson

from bookstore import clock
from bookstore.gateways.storage.contract import Refused

ALGORITHM = "AWS4-HMAC-SHA256"
_CREDENTIAL = re.compile(r"bookstore/(\d{8})/local/s3/aws4_request", re.ASCII)
# Fields that no policy speaks of.
_UNSIGNED = frozenset({"policy", "x-amz-signature", "file"})


def sign_form(
    secret: str, key: str, content_type: str, size: int, until: datetime
) -> dict[str, str]:
    """Return the fields of a form, its policy and signature among them."""
    now = clock.now()
    day = now.strftime("%Y%m%d")
    fields = {
        "Content-Type": content_type,
        "key": key,
        "x-amz-algorithm": ALGORITHM,
        "x-amz-credential": f"bookstore/{day}/local/s3/aws4_request",
        "x-amz-date": now.strftime("%Y%m%dT%H%M%SZ"),
    }
    conditions: list[Any] = [{name: value} for name, value in fields.items()]
    conditions.append(["content-length-range", size, size])
    expires = until.strftime("%Y-%m-%dT%H:%M:%SZ")
    policy = base64.b64encode(orjson.dumps({"expiration": expires, "conditions": conditions}))
    fields["policy"] = policy.decode()
    fields["x-amz-signature"] = _form_signature(secret, day, policy)
    return fields


def check_form(secret: str, fields: Mapping[str, str]) -> tuple[str, int, int]:
    """Return a form's key, and the least and the greatest size of its file.

    Raises:
        Refused: it is forged, changed, incomplete, or too old.
    """
    credential = _CREDENTIAL.fullmatch(fields.get("x-amz-credential", ""))
    policy, given = fields.get("policy", ""), fields.get("x-amz-signature", "")
    if credential is None or not policy.isascii():
        raise Refused("The form is not signed by this shop.")
    expected = _form_signature(secret, credential[1], policy.encode())
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise Refused("The signature is not good.")
    # Ours from here on: only what we have written bears our signature.
    try:
        told = orjson.loads(base64.b64decode(policy, validate=True))
        expires = datetime.strptime(told["expiration"], "%Y-%m-%dT%H:%M:%S%z")
        conditions = told["conditions"]
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise Refused("The policy cannot be read.") from None
    if clock.now() >= expires:
        raise Refused("The form has expired; ask for another.")
    exact = {
        name: value for one in conditions if isinstance(one, dict) for name, value in one.items()
    }
    sent = {name: value for name, value in fields.items() if name not in _UNSIGNED}
    if sent != exact:
        wrong = sorted({name for name, _ in sent.items() ^ exact.items()})
        raise Refused(f"The policy does not allow this {', '.join(wrong)[:200]}.")
    [(_, least, most)] = [one for one in conditions if isinstance(one, list)]
    return exact["key"], least, most


def sign_url(secret: str, key: str, seconds: int) -> dict[str, str]:
    """Return the query of a URL that may be read for so long."""
    expires = str(round((clock.now() + timedelta(seconds=seconds)).timestamp()))
    return {"expires": expires, "signature": _url_signature(secret, key, expires)}


def check_url(secret: str, key: str, query: Mapping[str, str]) -> None:
    """Return if this key may be read by this query.

    Raises:
        Refused: it is forged, changed, or too old.
    """
    expires, given = query.get("expires", ""), query.get("signature", "")
    expected = _url_signature(secret, key, expires)
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise Refused("The signature is not good.")
    if clock.now().timestamp() >= int(expires):
        raise Refused("The link has expired.")


def _form_signature(secret: str, day: str, policy: bytes) -> str:
    key = f"AWS4{_derived(secret, 'forms').hex()}".encode()
    for part in (day, "local", "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, policy, hashlib.sha256).hexdigest()


def _url_signature(secret: str, key: str, expires: str) -> str:
    told = f"GET\n{key}\n{expires}".encode()
    return hmac.new(_derived(secret, "urls"), told, hashlib.sha256).hexdigest()


def _derived(secret: str, purpose: str) -> bytes:
    # Each purpose has a key of its own: what is signed for one is worth nothing for another.
    return hmac.digest(secret.encode(), f"bookstore storage {purpose} v1".encode(), "sha256")
