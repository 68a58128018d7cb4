"""/catalog/imports: whole catalogues, as CSV or ONIX."""

from typing import Any

from bookstore import auth
from bookstore.blueprints.api import Blueprint, requires
from bookstore.blueprints.idempotency import idempotent
from bookstore.blueprints.uploads import takes_file
from bookstore.schemas.v2.catalog_imports import CatalogImportInput, CatalogImportQuery
from bookstore.schemas.v2.jobs import StartedJobSchema
from bookstore.services import catalog_imports, job_views

blp = Blueprint("catalog_imports", __name__, description="Catalogues, as CSV or ONIX")

_TYPES = ("text/csv", "application/xml", "text/xml")


@blp.post("/catalog/imports")
@requires("staff", scope="catalog:write")
@blp.arguments(CatalogImportQuery, location="query")
@takes_file(CatalogImportInput, _TYPES, catalog_imports.MAX_BYTES)
@idempotent
@blp.response(202, StartedJobSchema)
def start(query: dict[str, Any], given: dict[str, Any]) -> Any:
    """Have the books of a catalogue created or changed: a CSV of the shop's columns, or ONIX 3.

    It is a job, which `Location` leads to. Its `result` has the counts (created, updated,
    unchanged, refused) and the first rows that were refused, `row N: field: reason`; more of them
    are in its file `refused.csv`. Good rows are loaded whatever is wrong with others.
    """
    job = catalog_imports.start(
        auth.current_actor(),
        data=given.pop("data", None),
        url=given.pop("url", None),
        **{**query, **given},
    )
    return {"job": job_views.view(job)}, 202, {"Location": f"/api/v2/jobs/{job.id}"}
