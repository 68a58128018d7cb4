"""Calls the API as a customer would and prints each call with its answer."""

from typing import Any

import click
import orjson
import requests

TIMEOUT = 10
WIDTH = 900  # characters of an answer that are printed
SECRET = {"password", "refresh", "access", "secret", "ticket", "token", "client_secret"}


class Journey:
    """One HTTP client, its credentials, and what it prints."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = requests.Session()
        self.headers: dict[str, str] = {}

    def step(self, title: str) -> None:
        """Print what happens next."""
        click.secho(f"\n{title}", bold=True)

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """Send one request, print it and its answer, and stop the demo if it was refused."""
        sent = {**self.headers, **headers}
        click.secho(f"→ {method} {path}", fg="cyan")
        if body is not None:
            click.echo(f"  {orjson.dumps(_masked(body)).decode()}")
        try:
            answer = self.http.request(
                method, f"{self.url}{path}", json=body, headers=sent, timeout=TIMEOUT
            )
        except requests.ConnectionError:
            raise click.ClickException(
                f"nobody answers at {self.url}: start the shop with `make run` first"
            ) from None
        except requests.Timeout:
            raise click.ClickException(f"no answer from {self.url} in {TIMEOUT} s") from None
        click.secho(f"← {answer.status_code}", fg="green" if answer.ok else "red")
        self._print(answer)
        if not answer.ok:
            raise click.ClickException(f"{method} {path} was refused with {answer.status_code}")
        return answer

    def submit(self, path: str, form: dict[str, str]) -> None:
        """Send a page's form, as a browser does, and follow where it leads."""
        click.secho(f"→ POST {path} (the page's form)", fg="cyan")
        answer = self.http.post(f"{self.url}{path}", data=form, timeout=TIMEOUT)
        click.secho(f"← {answer.status_code}", fg="green" if answer.ok else "red")
        if not answer.ok:
            raise click.ClickException(f"POST {path} was refused with {answer.status_code}")

    def _print(self, answer: requests.Response) -> None:
        if not answer.headers.get("Content-Type", "").startswith("application/"):
            return
        show(_masked(answer.json()))

    def log_in(self, username: str, password: str) -> dict[str, str]:
        """Log in and return the header that says who it is."""
        body = {"username": username, "password": password}
        tokens = self.call("POST", "/api/v2/auth/token", body, **self.headers).json()
        return {"Authorization": f"Bearer {tokens['access']}"}


def show(value: Any) -> None:
    """Print JSON, indented and cut to what one can take in."""
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2).decode()
    if len(text) > WIDTH:
        text = text[:WIDTH].rpartition("\n")[0] + "\n  …"
    for line in text.splitlines():
        click.echo(f"  {line}")


def _masked(body: dict[str, Any]) -> dict[str, Any]:
    return {key: "…" if key in SECRET else value for key, value in body.items()}
