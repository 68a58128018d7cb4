"""Calls the shop as a customer would and prints each call with its answer."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
import requests

from bookstore.cli.demo import printing

TIMEOUT = 10
PATIENCE = 60  # seconds, when the shop's limits are met
LENT = "/api/v2/"  # what an older or smaller API has no call for, a client does by v2


class Journey:
    """One HTTP client, its credentials, and what it prints.

    ``spoken`` is the API's name; what has to be said in v2 all the same is marked.
    """

    def __init__(self, url: str, spoken: str) -> None:
        self.url = url
        self.spoken = spoken
        self.http = requests.Session()
        self.headers: dict[str, str] = {}

    def step(self, title: str) -> None:
        """Print what happens next."""
        click.secho(f"\n{title}", bold=True)

    @contextmanager
    def acting(self, who: dict[str, str]) -> Iterator[None]:
        """Send these credentials for a while."""
        before, self.headers = self.headers, who
        try:
            yield
        finally:
            self.headers = before

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict[str, str] | None = None,
        refused: int | None = None,
    ) -> requests.Response:
        """Send one request, print it and its answer; return the answer.

        Args:
            method: such as ``GET``.
            path: below the shop's address.
            body: sent as JSON.
            headers: beside the credentials.
            refused: the status of the refusal that is expected; None: success is.

        Raises:
            click.ClickException: nobody answers, or otherwise than is expected.
        """
        borrowed = self.spoken != "API v2" and path.startswith(LENT)
        printing.request(method, path, f"{self.spoken} has no call for it" if borrowed else "")
        if headers:
            click.echo("".join(f"  {name}: {value}\n" for name, value in headers.items()), nl=False)
        if body is not None:
            printing.body(body)
        answer = self._send(method, path, json=body, headers={**self.headers, **(headers or {})})
        fine = answer.ok if refused is None else answer.status_code == refused
        printing.status(answer.status_code, fine=fine)
        if answer.headers.get("Content-Type", "").startswith("application/"):
            printing.show(answer.json())
        if not fine:
            raise click.ClickException(f"{method} {path} was answered with {answer.status_code}")
        return answer

    def submit(self, path: str, form: dict[str, str]) -> None:
        """Send a page's form, as a browser does, and follow where it leads.

        Raises:
            click.ClickException: it is refused.
        """
        printing.request("POST", path, "the page's form")
        answer = self._send("POST", path, data=form)
        printing.status(answer.status_code, fine=answer.ok)
        if not answer.ok:
            raise click.ClickException(f"POST {path} was refused with {answer.status_code}")

    def _send(self, method: str, path: str, **request: Any) -> requests.Response:
        answer = self._send_once(method, path, **request)
        wait = answer.headers.get("Retry-After", "")
        if answer.status_code == 429 and wait.isdecimal() and int(wait) <= PATIENCE:
            printing.came(f"too many requests: the shop asks to wait for {wait} s")
            time.sleep(int(wait))
            answer = self._send_once(method, path, **request)
        return answer

    def _send_once(self, method: str, path: str, **request: Any) -> requests.Response:
        try:
            return self.http.request(method, f"{self.url}{path}", timeout=TIMEOUT, **request)
        except requests.ConnectionError:
            raise click.ClickException(
                f"nobody answers at {self.url}: start the shop with `make run` first"
            ) from None
        except requests.Timeout:
            raise click.ClickException(f"no answer from {self.url} in {TIMEOUT} s") from None
