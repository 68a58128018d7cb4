"""The catalogue by a real worker: books come as ONIX, and their prices change and change back."""

from dataclasses import replace
from typing import Any

import pytest
from flask import Flask

from bookstore.config import Settings
from bookstore.gateways import queue
from bookstore.unit_of_work import new_snapshot
from tests.clients import ok, wait_until
from tests.factories import reader_and_clerk
from tests.processes import LiveWorker
from tests.services.onix_messages import message, small


@pytest.mark.parametrize("database", ["postgresql"])
def test_the_whole_walk(shop: Flask, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    # Web server and worker see one data folder.
    changed = replace(shop.config["SETTINGS"], bookstore_home=settings.bookstore_home)
    monkeypatch.setitem(shop.config, "SETTINGS", changed)
    reader, clerk = reader_and_clerk(shop)

    def done(path: str, body: str | None = None, kind: str = "text/csv") -> dict[str, Any]:
        """Return the result of a job that was asked for."""
        answer = clerk.call("POST", path, body, Content_Type=kind)
        where = ok(answer, 202) and answer.headers["Location"]
        wait_until(lambda: seen(where)["finished_at"])
        assert seen(where)["status"] == "succeeded", seen(where)
        return dict(seen(where)["result"])

    def seen(where: str) -> Any:
        new_snapshot()  # the app's session here lives longer than a request
        return ok(clerk.get(where))

    def prices() -> list[str]:
        new_snapshot()
        return [book["price"] for book in ok(reader.get("/books?sort=title"))["data"]]

    with LiveWorker(settings, queue.LONG) as worker:
        found = done("/catalog/imports", message(small(1), small(2)), "application/xml")
        assert found["counts"]["created"] == 2
        assert prices() == ["9.99", "9.99"]
        file = "sku,price\nonix:ref.1,12.00\nonix:ref.2,9.99\n"
        update = done("/catalog/price-updates?preview=true", file)
        where = f"/catalog/price-updates/{update['price_update_id']}"
        assert (update["counts"]["waiting"], prices()) == (1, ["9.99", "9.99"])
        assert done(f"{where}/apply")["counts"]["changed"] == 1
        # What readers are shown is not what was kept of before.
        assert prices() == ["12.00", "9.99"]
        assert done(f"{where}/undo")["counts"]["undone"] == 1
        assert prices() == ["9.99", "9.99"]
        assert worker.stop() == 0, worker.log[-3000:]
        assert "Traceback" not in worker.log
