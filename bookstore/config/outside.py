"""Settings of the services outside: mail, push, payments, files. Unset, each has a stand-in."""

from dataclasses import dataclass
from pathlib import Path

from bookstore.config import checks
from bookstore.config.parts import Parts
from bookstore.config.values import BadSetting, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside(Parts):
    """Whom the shop talks to."""

    sendgrid_api_key: str | None = setting(
        None,
        "sends mail by SendGrid (unset: .eml files in the data folder)",
        secret=True,
        check=checks.ok,
    )
    sendgrid_host: str = setting(
        "https://api.sendgrid.com", "where SendGrid's API is", check=checks.web
    )
    mail_from: str = setting(
        "Bookstore <shop@bookstore.example>", "sender of the shop's mail", check=checks.mailbox
    )
    fcm_project_id: str | None = setting(
        None, "Firebase project that sends push messages (unset: the log)", check=checks.ok
    )
    fcm_credentials_file: Path | None = setting(  # noqa: RUF009 - a field
        None, "service account of that Firebase project, a JSON file", check=checks.ok
    )
    fcm_endpoint: str = setting(
        "https://fcm.googleapis.com", "where Firebase Cloud Messaging is", check=checks.web
    )
    stripe_secret_key: str | None = setting(
        None,
        "takes payments by Stripe (unset: the embedded test cards; in production: no payments)",
        secret=True,
        check=checks.ok,
    )
    stripe_publishable_key: str | None = setting(
        None, "the other half of that key, for the checkout page", check=checks.ok
    )
    stripe_webhook_secret: str | None = setting(
        None,
        "verifies that events come from Stripe; must be set with the key",
        secret=True,
        check=checks.ok,
    )
    stripe_api_base: str = setting(
        "https://api.stripe.com", "where Stripe's API is", check=checks.web
    )

    s3_bucket: str | None = setting(
        None,
        "keeps covers in this bucket of S3 (unset: the data folder; good for one machine)",
        check=checks.bucket,
    )
    s3_endpoint_url: str | None = setting(
        None,
        "where that bucket is, when it is in another store that speaks S3's protocol (unset: "
        "Amazon's)",
        check=checks.web,
    )
    s3_region: str = setting("us-east-1", "the region of that bucket", check=checks.region)
    cdn_base_url: str | None = setting(
        None,
        "where a CDN serves what is in the store (unset: the shop leads there)",
        check=checks.web,
    )

    def check_outside(self, *, is_production: bool, public_url: str | None) -> None:
        """Check what must be set together.

        Raises:
            BadSetting: naming what is missing.
        """
        if is_production and self.sendgrid_api_key is not None:
            # Else customers get links to 127.0.0.1, from an address that is nobody's.
            if public_url is None:
                raise BadSetting("PUBLIC_URL: must be set in production when mail is sent")
            if self.mail_from.endswith("@bookstore.example>"):
                raise BadSetting("MAIL_FROM: must be set in production when mail is sent")
        if self.stripe_secret_key is not None and self.stripe_webhook_secret is None:
            raise BadSetting("STRIPE_WEBHOOK_SECRET: must be set when STRIPE_SECRET_KEY is")
        if self.s3_endpoint_url is not None and self.s3_bucket is None:
            # Else covers would quietly go into the data folder.
            raise BadSetting("S3_BUCKET: must be set when S3_ENDPOINT_URL is")
        if self.fcm_project_id is not None:
            if self.fcm_credentials_file is None:
                raise BadSetting("FCM_CREDENTIALS_FILE: must be set when FCM_PROJECT_ID is")
            if not self.fcm_credentials_file.is_file():
                raise BadSetting(f"FCM_CREDENTIALS_FILE: {self.fcm_credentials_file} is not a file")
