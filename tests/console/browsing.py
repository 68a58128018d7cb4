"""A browser without scripts: keeps cookies, follows redirects, fills in forms that it was shown."""

from html.parser import HTMLParser
from typing import Any, Self
from urllib.parse import urljoin

from flask import Flask
from werkzeug.test import TestResponse

from bookstore.models import User
from tests.factories import PASSWORD, make_user

OWN = {"Sec-Fetch-Site": "same-origin"}


class Forms(HTMLParser):
    """The forms of a page: what each would send if its button was pressed now, by action."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str, dict[str, Any]]] = []
        self._text: str | None = None
        self._select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a form, or a field of it."""
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append((given.get("method", "get"), given.get("action", ""), {}))
        if not self.found:
            return
        fields, name = self.found[-1][2], given.get("name", "")
        if tag == "input" and name:
            if given.get("type") not in {"checkbox", "radio"} or "checked" in given:
                fields[name] = given.get("value", "")
        elif tag == "textarea":
            self._text, fields[name] = name, ""
        elif tag == "select":
            self._select = name
        elif (tag == "option" and self._select is not None) and (
            "selected" in given or self._select not in fields
        ):
            fields[self._select] = given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        """Leave a field."""
        if tag == "textarea":
            self._text = None
        elif tag == "select":
            self._select = None

    def handle_data(self, data: str) -> None:
        """Take what stands in a textarea."""
        if self._text is not None:
            self.found[-1][2][self._text] += data


class Browser:
    """Somebody at the console."""

    def __init__(self, app: Flask) -> None:
        self.app, self.http = app, app.test_client()
        self.at = "/admin/"
        self.page = ""
        self.answer: TestResponse

    @classmethod
    def of(cls, app: Flask, user: User | None = None) -> Self:
        """Return one that is logged in as this member of staff, or as a new one."""
        if user is None:
            with app.app_context():
                user = make_user(is_staff=True)
        made = cls(app)
        made.open("/admin/login")
        made.send("/admin/login", username=user.username, password=PASSWORD)
        assert made.answer.status_code == 200, made.page
        return made

    def open(self, path: str, **headers: str) -> Self:
        """Ask for a page, and go wherever it leads."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._arrive(path, self.http.get(path, headers=sent))

    def form(self, action: str, name: str = "") -> dict[str, Any]:
        """Return what a form of the present page would send."""
        parser = Forms()
        parser.feed(self.page)
        forms = [f for _, to, f in parser.found if to == action and f.get("form", "") == name]
        assert forms, (action, [to for _, to, _ in parser.found])
        return forms[0]

    def send(self, action: str, name: str = "", **typed: Any) -> Self:
        """Fill in a form of the present page, send it, and go wherever that leads."""
        return self.post(action, {**self.form(action, name), **typed})

    def post(self, action: str, fields: dict[str, Any], **headers: str) -> Self:
        """Send a form, and go wherever that leads."""
        sent = {**OWN, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return self._arrive(action, self.http.post(action, data=fields, headers=sent))

    def _arrive(self, path: str, answer: TestResponse) -> Self:
        hops = 0
        while answer.status_code in {301, 302, 303, 308} and hops < 5:
            path = urljoin(path, answer.headers["Location"])
            answer, hops = self.http.get(path, headers=OWN), hops + 1
        self.at, self.answer, self.page = path, answer, answer.get_data(as_text=True)
        return self
