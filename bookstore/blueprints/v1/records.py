"""authors/, categories/ and publishers/ of v1: one set of routes, registered three times."""

from typing import Any

import orjson
from flask import Response

from bookstore import auth
from bookstore.blueprints import ready
from bookstore.blueprints.answers import dumper, json_response
from bookstore.blueprints.v1.base import (
    Blueprint,
    page_body,
    page_request,
    page_response,
    replaced_by,
    requires,
)
from bookstore.schemas.v1.common import Schema, page_of
from bookstore.schemas.v1.records import (
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

blp = Blueprint("v1_records", __name__, description="Authors, categories and publishers")


def _register(many: str, kind: Kind, shape: type[Schema], form: type[Schema]) -> None:
    name = kind.name

    @replaced_by(f"GET /{many}")
    @requires("visitor", scope="catalog:read")
    @blp.arguments(RecordQuery, location="query")
    @blp.response(200, page_of(shape))
    @ready.kept
    def list_records(query: dict[str, Any]) -> Response:
        wanted, search = page_request(query), query.get("search")

        def make() -> bytes:
            page = catalog_records.list_records(kind, search, wanted, counted=True)
            return page_body(shape, page)

        # Words are as many as there are readers: those answers are not kept.
        found = make() if search is not None else ready.body(catalog_cache.LIST_SECONDS, make)
        return page_response(wanted, found)

    @replaced_by(f"GET /{many}/{{record_id}}")
    @requires("visitor", scope="catalog:read")
    @blp.response(200, shape)
    @ready.kept
    def get_record(record_id: int) -> Response:
        def make() -> bytes:
            return orjson.dumps(dumper(shape).dump(catalog_records.get_record(kind, record_id)))

        return json_response(ready.body(catalog_cache.LIST_SECONDS, make))

    @replaced_by(f"POST /{many}")
    @requires("staff", scope="catalog:write")
    @blp.arguments(form)
    @blp.response(201, shape)
    def create_record(body: dict[str, Any]) -> Any:
        return catalog_records.create_record(auth.current_actor(), kind, body), 201

    @replaced_by(f"PATCH /{many}/{{record_id}}")
    @requires("staff", scope="catalog:write")
    @blp.arguments(form)
    @blp.response(200, shape)
    def replace_record(body: dict[str, Any], record_id: int) -> Any:
        return _change(kind, record_id, body)

    @replaced_by(f"PATCH /{many}/{{record_id}}")
    @requires("staff", scope="catalog:write")
    @blp.arguments(form(partial=True))
    @blp.response(200, shape)
    def update_record(body: dict[str, Any], record_id: int) -> Any:
        return _change(kind, record_id, body)

    @replaced_by(f"DELETE /{many}/{{record_id}}")
    @requires("staff", scope="catalog:write")
    @blp.response(204)
    def delete_record(record_id: int) -> None:
        catalog_records.delete_record(auth.current_actor(), kind, record_id, version=None)

    list_records.__doc__ = f"List {many} by name."
    get_record.__doc__ = f"Return one {name}."
    create_record.__doc__ = f"Make a {name}."
    replace_record.__doc__ = f"Change a {name}; what a new one needs is needed here too."
    update_record.__doc__ = f"Change a {name}."
    delete_record.__doc__ = f"Remove a {name} that no book refers to."
    for view, method, rule in (
        (list_records, "GET", f"/{many}/"),
        (create_record, "POST", f"/{many}/"),
        (get_record, "GET", f"/{many}/<id:record_id>/"),
        (replace_record, "PUT", f"/{many}/<id:record_id>/"),
        (update_record, "PATCH", f"/{many}/<id:record_id>/"),
        (delete_record, "DELETE", f"/{many}/<id:record_id>/"),
    ):
        endpoint = f"{view.__name__}_{many}"
        blp.add_url_rule(rule, endpoint, view, methods=[method], tags=[many])


def _change(kind: Kind, record_id: int, changes: dict[str, Any]) -> Any:
    return catalog_records.update_record(
        auth.current_actor(), kind, record_id, changes, version=None
    )


_register("authors", AUTHORS, AuthorSchema, AuthorInput)
_register("categories", CATEGORIES, CategorySchema, CategoryInput)
_register("publishers", PUBLISHERS, PublisherSchema, PublisherInput)
