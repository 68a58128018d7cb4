"""Following an order: how it stands, then each change, and nobody else's."""

from bookstore.gateways import presence
from tests.clients import wait_until
from tests.sockets.following import Followed, read


def test_first_the_state_then_each_change(followed: Followed) -> None:
    with followed.socket() as one, followed.socket(f"{followed.path}/") as two:
        for client in (one, two):
            first = read(client)
            assert first["type"] == "order_snapshot"
            assert first["order"]["id"] == followed.order_id
            assert (first["order"]["status"], first["order"]["version"]) == ("pending", 1)
            assert (first["order"]["total_amount"], first["order"]["currency"]) == ("18.09", "usd")
        assert followed.advance("processing") == 2
        assert followed.advance("shipped", tracking_number="RM 1") == 3
        for client in (one, two):
            assert read(client)["update"]["status"] == "processing"
            last = read(client)
            assert last["type"] == "order_update"
            assert last["update"].pop("at").endswith("Z")
            assert last["update"] == {
                "order_id": followed.order_id,
                "status": "shipped",
                "payment_status": "unpaid",
                "version": 3,
                "tracking_number": "RM 1",
            }
    with followed.socket(token=followed.clerk) as staff:
        assert read(staff)["order"]["version"] == 3


def test_processes_tell_how_many_sockets_they_hold(followed: Followed) -> None:
    with followed.socket() as one, followed.socket("/ws/notifications") as two:
        read(one), read(two)

        def held() -> int:
            with followed.shop.app_context():
                return presence.totals().get("open", 0)

        wait_until(lambda: held() == 2, seconds=60)
