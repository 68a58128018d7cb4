"""/tax-rates: what is taxed, where and how much."""

from typing import Any

from flask import Response

from bookstore import auth
from bookstore.blueprints.answers import (
    json_response,
    page_body,
    page_request,
    seen_version,
    tagged,
)
from bookstore.blueprints.api import Blueprint, requires
from bookstore.blueprints.conditional import if_match, needs_if_match
from bookstore.blueprints.idempotency import idempotent
from bookstore.schemas.common import page_of
from bookstore.schemas.v2.taxes import TaxRateInput, TaxRateQuery, TaxRateSchema
from bookstore.services import tax_editing

blp = Blueprint("taxes", __name__, description="Tax rates by place and class of goods")


@blp.get("/tax-rates")
@requires("staff")
@blp.arguments(TaxRateQuery, location="query")
@blp.response(200, page_of(TaxRateSchema))
def list_rates(query: dict[str, Any]) -> Response:
    """List the rates by country."""
    page = tax_editing.list_rates(
        auth.current_actor(), page_request(query), country=query.get("country")
    )
    return json_response(page_body(TaxRateSchema, page))


@blp.post("/tax-rates")
@requires("staff")
@blp.arguments(TaxRateInput)
@idempotent
@blp.response(201, TaxRateSchema)
def create_rate(body: dict[str, Any]) -> Any:
    """Make a rate.

    409 `tax_rate_taken` if there is one for this country, region and category.
    """
    rate = tax_editing.create(auth.current_actor(), body)
    return tagged(rate), 201, {"Location": f"/api/v2/tax-rates/{rate.id}"}


@blp.get("/tax-rates/<id:rate_id>")
@requires("staff")
@blp.response(200, TaxRateSchema)
def get_rate(rate_id: int) -> Any:
    """Return a rate."""
    return tagged(tax_editing.get(auth.current_actor(), rate_id))


@blp.patch("/tax-rates/<id:rate_id>")
@requires("staff")
@needs_if_match
@blp.arguments(TaxRateInput(partial=True))
@blp.response(200, TaxRateSchema)
def update_rate(body: dict[str, Any], rate_id: int) -> Any:
    """Change a rate; orders that were placed stay as they are."""
    version, _ = if_match()
    return tagged(tax_editing.update(auth.current_actor(), rate_id, body, version=version))


@blp.delete("/tax-rates/<id:rate_id>")
@requires("staff")
@blp.response(204)
def delete_rate(rate_id: int) -> None:
    """Remove a rate."""
    version = seen_version()
    tax_editing.delete(auth.current_actor(), rate_id, version=version)
