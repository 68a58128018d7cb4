"""/authors, /categories, /publishers: one set of routes, registered three times."""

from typing import Any

import orjson
from flask import Response

from bookstore import auth
from bookstore.blueprints import ready
from bookstore.blueprints.answers import (
    dumper,
    json_response,
    page_body,
    page_request,
    seen_version,
    tagged,
)
from bookstore.blueprints.api import Blueprint, requires
from bookstore.blueprints.conditional import if_match, needs_if_match, set_tag
from bookstore.blueprints.idempotency import idempotent
from bookstore.schemas.common import Schema, page_of
from bookstore.schemas.v2.records import (
    AuthorInput,
    AuthorSchema,
    CategoryInput,
    CategorySchema,
    PublisherInput,
    PublisherSchema,
    RecordQuery,
)
from bookstore.services import catalog_cache, catalog_records
from bookstore.services.catalog_records import AUTHORS, CATEGORIES, PUBLISHERS, Kind

blp = Blueprint("records", __name__, description="Authors, categories and publishers")


def _register(path: str, kind: Kind, shape: type[Schema], form: type[Schema]) -> None:
    name = kind.name
    many = path.strip("/")
    one = f"an {name}" if name[0] in "aeiou" else f"a {name}"

    @requires("visitor", scope="catalog:read")
    @blp.arguments(RecordQuery, location="query")
    @blp.response(200, page_of(shape))
    @ready.kept
    def list_records(query: dict[str, Any]) -> Response:
        q = query.get("q")

        def make() -> bytes:
            page = catalog_records.list_records(kind, q, page_request(query))
            return orjson.dumps(page_body(shape, page))

        # Words are as many as there are readers: those answers are not kept.
        return json_response(
            make() if q is not None else ready.body(catalog_cache.LIST_SECONDS, make)
        )

    @requires("visitor", scope="catalog:read")
    @blp.response(200, shape)
    @ready.kept
    def get_record(record_id: int) -> Response:
        def make() -> bytes:
            record = catalog_records.get_record(kind, record_id)
            # The version rides in front, so that a cached answer still has its ETag.
            return b"%d\n" % record.version + orjson.dumps(dumper(shape).dump(record))

        version, _, shown = ready.body(catalog_cache.LIST_SECONDS, make).partition(b"\n")
        set_tag(int(version))
        return json_response(shown)

    @requires("staff", scope="catalog:write")
    @blp.arguments(form)
    @idempotent
    @blp.response(201, shape)
    def create_record(body: dict[str, Any]) -> Any:
        record = catalog_records.create_record(auth.current_actor(), kind, body)
        return tagged(record), 201, {"Location": f"/api/v2{path}/{record.id}"}

    @requires("staff", scope="catalog:write")
    @needs_if_match
    @blp.arguments(form(partial=True))
    @blp.response(200, shape)
    def update_record(body: dict[str, Any], record_id: int) -> Any:
        version, _ = if_match()
        return tagged(
            catalog_records.update_record(
                auth.current_actor(), kind, record_id, body, version=version
            )
        )

    @requires("staff", scope="catalog:write")
    @blp.response(204)
    def delete_record(record_id: int) -> None:
        version = seen_version()
        catalog_records.delete_record(auth.current_actor(), kind, record_id, version=version)

    list_records.__doc__ = f"List {many} by name."
    get_record.__doc__ = f"Return one {name}."
    create_record.__doc__ = f"Make {one}."
    update_record.__doc__ = f"Change {one}."
    delete_record.__doc__ = f"Remove {one} that no book refers to (409 `has_books`)."
    for view, endpoint, method, rule in (
        (list_records, f"list_{many}", "GET", path),
        (create_record, f"create_{name}", "POST", path),
        (get_record, f"get_{name}", "GET", f"{path}/<id:record_id>"),
        (update_record, f"update_{name}", "PATCH", f"{path}/<id:record_id>"),
        (delete_record, f"delete_{name}", "DELETE", f"{path}/<id:record_id>"),
    ):
        blp.add_url_rule(rule, endpoint, view, methods=[method], tags=[many])


_register("/authors", AUTHORS, AuthorSchema, AuthorInput)
_register("/categories", CATEGORIES, CategorySchema, CategoryInput)
_register("/publishers", PUBLISHERS, PublisherSchema, PublisherInput)
