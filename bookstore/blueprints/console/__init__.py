"""The staff's console at ``/admin/``: pages of plain HTML that work without JavaScript.

How to add a page:

1. A module here, named as its concept word is everywhere else, with
   ``blp = Blueprint("coupons", __name__)`` (Flask's own) and ``MENU = "Coupons"`` if it belongs
   into the menu; its view ``index`` is where the menu leads. Put the module into ``PAGES``.
2. Each view is decorated with ``@staff`` (``entrance``), right below its route. It calls one
   service, told ``auth.current_actor()``, and returns ``page("console/coupons.html", …)``. One that
   reads the query string is ``@staff_asking(Filters)`` and reads it by ``Form.asked(Filters)``; a
   list gets its page by ``form.page_request``. Ids in paths are ``<id:coupon_id>``.
3. What a view does, it does by POST, and answers ``done("Saved.", url)``: a redirect. The form in
   the template begins with ``{{ m.hidden() }}``, and the view is like this, whatever goes wrong::

       form = Form.sent(CouponForm)
       with form:
           form.once(lambda: coupon_editing.create(auth.current_actor(), form.load()))
           return done("The coupon is there.", url_for("console.coupons.index"))
       return show(form), form.status

   ``with form`` keeps what a service refuses, for the page that is shown again with all that was
   typed; ``once`` has a form that is sent twice do it once; ``form.version`` is what the form was
   made from (``m.hidden(version=…)``), for services that take one.
4. Templates extend ``console/_layout.html`` and use the macros of ``console/_macros.html``; a form
   that posts has an ``action``. No inline style or script: the policy refuses them.
   Shapes of forms are schemas of their own in ``bookstore/schemas/console/``, or the API's.

Errors need no care: whatever is raised becomes a page (``blueprints/refusals.py``). What staff does
is noted by ``@staff`` in the audit log, as "console.coupons.create". ``tests/console`` finds new
pages by itself, and asks each as a stranger, as a reader and as staff.
"""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint, request

from bookstore import auth
from bookstore.blueprints.console import (
    audit,
    coupons,
    customers,
    dashboard,
    deliveries,
    entrance,
    jobs,
    login,
    orders,
    pages,
    price_updates,
    prices,
    stock,
    webhooks,
)

PAGES = (
    dashboard,
    orders,
    stock,
    prices,
    price_updates,
    coupons,
    customers,
    webhooks,
    deliveries,
    jobs,
    audit,
)
"""Modules of pages, in the order of the menu."""

blp = Blueprint("console", __name__, url_prefix="/admin")
blp.register_blueprint(login.blp)
for _page in PAGES:
    blp.register_blueprint(_page.blp)
blp.after_request(pages.finish)
blp.app_template_filter("money_text")(pages.money_text)
blp.app_template_filter("instant")(pages.instant)
blp.app_template_filter("count_text")(pages.count_text)
blp.app_template_filter("capped_text")(pages.capped_text)
blp.app_template_filter("seconds_text")(pages.seconds_text)


@dataclass(frozen=True, slots=True)
class Section:
    """An entry of the menu: what it says, where it leads, and whether one is there."""

    title: str
    endpoint: str
    is_here: bool


@blp.context_processor
def frame() -> dict[str, Any]:
    """Return what every page of the console shows."""
    here = request.blueprint or ""
    sections = []
    for module in PAGES:
        title = getattr(module, "MENU", None)
        if title is not None:
            name = f"console.{module.blp.name}"
            sections.append(Section(title, f"{name}.index", name == here))
    actor = auth.current_actor()
    return {
        "sections": sections,
        "actor": actor,
        "form_token": lambda: entrance.form_token(actor),
        **pages.context(),
    }
