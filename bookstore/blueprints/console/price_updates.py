"""Many prices at once: a file is sent, previewed, applied, and taken back."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Blueprint, Response, request, url_for

from bookstore import auth, errors
from bookstore.blueprints.console.entrance import staff, staff_asking
from bookstore.blueprints.console.forms import Form
from bookstore.blueprints.console.pages import done, page
from bookstore.schemas.console.price_updates import OUTCOMES, RowFilters, UpdateFilters, UpdateForm
from bookstore.schemas.console.webhooks import NoFields
from bookstore.services import price_files, price_updates
from bookstore.services.paging import Page

blp = Blueprint("price_updates", __name__, url_prefix="/prices/updates")

# What a form has around its file.
_ROOM = 64 * 1024


def _with_file(view: Callable[..., Any]) -> Callable[..., Any]:
    """Let a form be as large as its file may be; it stands above whatever reads the form."""

    @wraps(view)
    def larger(*args: Any, **kwargs: Any) -> Any:
        request.max_content_length = price_files.MAX_BYTES + _ROOM
        return view(*args, **kwargs)

    return larger


@blp.get("/")
@staff_asking(UpdateFilters)
def index() -> Response:
    """Return the form that sends a file, and the list of those that were sent."""
    return _show_all(Form.of(UpdateForm))


@blp.post("/")
@_with_file
@staff
def start() -> Any:
    """Have a file of prices read; nothing is changed before it is applied."""
    form = Form.sent(UpdateForm)
    with form:
        url = form.load().get("url")
        file = request.files.get("file")
        data = None if file is None or not file.filename else file.read()
        if (data is None) == (url is None):
            raise errors.Invalid({"file": ["Choose a file, or give the address of one."]})
        if data is not None and not 0 < len(data) <= price_files.MAX_BYTES:
            raise errors.Invalid({"file": ["It is empty, or larger than 10 MiB."]})
        made = form.once(lambda: _id_of(data, url), data or b"")
        return done("The file is being read.", _url(int(made)))
    return _show_all(form)


@blp.get("/<id:update_id>")
@staff_asking(RowFilters)
def update(update_id: int) -> Response:
    """Return what a file changes, or has changed."""
    return _show(update_id, Form.of(NoFields))


@blp.post("/<id:update_id>/apply")
@staff
def apply(update_id: int) -> Any:
    """Have a previewed file applied."""
    return _go_on(update_id, price_updates.apply, "The prices are being changed.")


@blp.post("/<id:update_id>/undo")
@staff
def undo(update_id: int) -> Any:
    """Have the old prices put back."""
    return _go_on(update_id, price_updates.undo, "The old prices are being put back.")


def _id_of(data: bytes | None, url: str | None) -> str:
    job = price_updates.start(auth.current_actor(), data=data, url=url, preview=True)
    return str(job.parameters["price_update_id"])


def _go_on(update_id: int, act: Callable[..., Any], said: str) -> Any:
    form = Form.sent(NoFields)
    with form:

        def work() -> None:
            act(auth.current_actor(), update_id)

        form.once(work)
        return done(said, _url(update_id))
    return _show(update_id, form)


def _url(update_id: int) -> str:
    return url_for("console.price_updates.update", update_id=update_id)


def _show_all(form: Form) -> Response:
    asked, found = Form.asked(UpdateFilters), Page([], None)
    with asked:
        asked.load()
        found = price_updates.list_updates(auth.current_actor(), asked.page_request)
    status = form.status if form.problem else asked.status
    return page("console/price_updates.html", status, form=form, asked=asked, found=found)


def _show(update_id: int, form: Form) -> Response:
    actor, asked = auth.current_actor(), Form.asked(RowFilters, _url(update_id))
    found, rows = price_updates.get(actor, update_id), Page([], None)
    with asked:
        outcome = asked.load().get("outcome")
        rows = price_updates.list_rows(actor, update_id, asked.page_request, outcome)
    return page(
        "console/price_update.html",
        form.status if form.problem else asked.status,
        update=found,
        form=form,
        asked=asked,
        rows=rows,
        outcomes=OUTCOMES,
    )
