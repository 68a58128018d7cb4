"""Into the console and out of it."""

from typing import Any

from flask import Blueprint, Response, redirect, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from bookstore import auth, errors
from bookstore.blueprints.console import entrance
from bookstore.blueprints.console.entrance import staff
from bookstore.blueprints.console.forms import Form
from bookstore.blueprints.console.pages import done, page
from bookstore.schemas.console.login import LoginForm, LoginQuery
from bookstore.services import accounts, sessions

blp = Blueprint("login", __name__)


@blp.get("/login")
@auth.requires("anyone")
def enter() -> Response:
    """Return the login page; ``next`` is where it leads."""
    entrance.reads_query(LoginQuery)
    return _show(Form.of(LoginForm, next=request.args.get("next", "")))


enter.checks_query = True  # type: ignore[attr-defined]


@blp.post("/login")
@auth.requires("anyone", attempt="login")
def log_in() -> Any:
    """Log in: as at the API, but only staff, and the answer is a cookie."""
    entrance.require_same_site()
    form = Form.sent(LoginForm)
    with form:
        given = form.load()
        given.pop("next", None)
        login = accounts.log_in(
            **given, origin=auth.origin(), staff_only=True, lasts=entrance.LONGEST
        )
        response = redirect(entrance.local(form.given.get("next")), 303)
        entrance.let_in(response, login)
        return response
    form.given.pop("password", None)
    return _show(form)


@blp.post("/logout")
@staff
def log_out() -> BaseResponse:
    """End the login, here and wherever else its cookie may be."""
    actor = auth.current_actor()
    if actor.session_id is None:
        raise errors.Unauthenticated
    sessions.log_out(actor, actor.session_id)
    response = done("You are logged out.", url_for("console.login.enter"))
    entrance.let_go(response)
    return response


@blp.get("/<path:_rest>")
@staff
def missing(_rest: str) -> Response:
    """Say that there is no such page, in a page."""
    raise errors.NotFound("There is no such page in the console.")


def _show(form: Form) -> Response:
    return page("console/login.html", form.status, form=form)
