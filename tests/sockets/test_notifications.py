"""Following one's notifications: those unread, each new one, once, and nobody else's."""

from datetime import timedelta

from bookstore import clock
from bookstore.extensions import redis_handle
from bookstore.models import Event, Notification
from bookstore.unit_of_work import unit_of_work
from tests.factories import make_buyers
from tests.sockets.following import Followed, read


def add(followed: Followed, title: str, number: int, *, read: bool = False) -> int:
    """Insert a notification that nobody publishes, as if it was lost on the way."""
    with followed.shop.app_context(), unit_of_work() as session:
        event = Event(
            public_id=f"evt_{number}",
            type="ping",
            aggregate="test",
            aggregate_id=number,
            sequence=1,
            transaction_id=0,
            body=b"{}",
        )
        session.add(event)
        session.flush()
        session.add(
            Notification(
                id=number,
                user_id=followed.reader,
                event_id=event.id,
                title=title,
                message="",
                data={},
                created_at=clock.now() - timedelta(seconds=1),
                read_at=clock.now() if read else None,
            )
        )
    return number


def resubscribe(followed: Followed) -> None:
    """Cut every subscription to Redis: each process must then look whether it missed something."""
    with followed.shop.app_context():
        redis_handle.client.client_kill_filter(_type="pubsub", skipme=True)


def test_first_the_unread_then_each_new_one(followed: Followed) -> None:
    with followed.socket("/ws/notifications") as client:
        first = read(client)
        assert first["type"] == "notifications_snapshot"
        assert first["unread"] == len(first["notifications"])
        known = {row["id"] for row in first["notifications"]}
        followed.advance("processing")
        followed.advance("shipped", tracking_number="RM 1")
        got = []
        while not got or got[-1]["data"]["event_type"] != "order.shipped":
            message = read(client)
            assert message["type"] == "notification"
            got.append(message["notification"])
        assert not known & {row["id"] for row in got}
        assert set(got[-1]) == {"id", "title", "message", "data", "at"}
        assert got[-1]["data"]["order_id"] == followed.order_id
    with followed.socket("/ws/notifications") as client:
        again = read(client)
    assert again["unread"] == first["unread"] + len(got)
    assert again["notifications"][0] == got[-1]
    [(_, other)] = make_buyers(followed.shop, 1)
    with followed.socket("/ws/notifications", other) as client:
        assert read(client) == {"type": "notifications_snapshot", "notifications": [], "unread": 0}


def test_what_was_lost_on_the_way_comes_once(followed: Followed) -> None:
    with followed.socket("/ws/notifications") as client:
        read(client)
        add(followed, "one", 5000)
        client.send('{"type": "sync"}')
        assert read(client)["notification"]["id"] == 5000
        # Its number was given out before that of one that was committed earlier.
        add(followed, "late", 4000)
        add(followed, "read elsewhere", 6000, read=True)
        resubscribe(followed)
        assert read(client)["notification"]["title"] == "late"
        client.send('{"type": "sync"}')
        resubscribe(followed)
        add(followed, "the last", 7000)
        client.send('{"type": "sync"}')
        assert read(client)["notification"]["title"] == "the last"
