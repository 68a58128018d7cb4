"""The inbox in the app, the devices that take push messages, and who wants to be told what."""

from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from bookstore import clock, errors
from bookstore.extensions import db
from bookstore.models import Device, Notification, Preference, User
from bookstore.services import paging
from bookstore.services.actors import Acting, require_user
from bookstore.services.event_types import TYPES
from bookstore.services.paging import Page, PageRequest
from bookstore.services.sql import upsert
from bookstore.unit_of_work import unit_of_work

MOST_DEVICES = 20

Choices = dict[str, dict[str, bool]]

# What each channel can be told not to bring. Mails that keep an account or an endpoint going
# are not a matter of taste.
CHOICES: dict[str, tuple[str, ...]] = {
    "email": tuple(kind.name for kind in TYPES.values() if kind.mail and kind.aggregate == "order"),
    "push": tuple(kind.name for kind in TYPES.values() if kind.notice),
    "in_app": tuple(kind.name for kind in TYPES.values() if kind.notice),
}


# -- the inbox ----------------------------------------------------------------------------------
def list_notifications(
    actor: Acting, page: PageRequest, *, unread: bool = False
) -> tuple[Page, int]:
    """Return one page of the actor's notifications, newest first, and how many are unread."""
    mine = Notification.user_id == require_user(actor)
    query = select(Notification.id, Notification).where(mine)
    if unread:
        query = query.where(Notification.read_at.is_(None))
    order = paging.Order("-created", Notification.id, Notification.id, True, paging.parse_int)
    found = paging.fetch(db.session(), query, order, page)
    left = select(func.count()).where(mine, Notification.read_at.is_(None))
    rows = [row[1] for row in found.data]
    return Page(rows, found.next_cursor, found.total), db.session.scalar(left) or 0


def mark_read(actor: Acting, notification_id: int) -> Notification:
    """Mark one as read, once, and return it; NotFound when it is not the actor's."""
    with unit_of_work() as session:
        found = session.scalar(
            select(Notification)
            .where(Notification.id == notification_id, Notification.user_id == require_user(actor))
            .with_for_update()
        )
        if found is None:
            raise errors.NotFound(f"There is no notification {notification_id}.")
        if found.read_at is None:
            found.read_at = clock.now()
    return found


def mark_all_read(actor: Acting) -> None:
    """Mark all of the actor's as read."""
    with unit_of_work() as session:
        session.execute(
            update(Notification)
            .where(Notification.user_id == require_user(actor), Notification.read_at.is_(None))
            .values(read_at=clock.now())
            .execution_options(synchronize_session=False)
        )


# -- devices ------------------------------------------------------------------------------------
def add_device(actor: Acting, token: str, platform: str) -> Device:
    """Register a device, or again with another platform, and return it.

    One that was another user's is this user's from now on, and gets nothing more of theirs.

    Raises:
        DeviceLimit: the user has ``MOST_DEVICES`` others.
    """
    user_id = require_user(actor)
    with unit_of_work() as session:
        # One at a time, so that the limit holds; also keeps the account from going meanwhile.
        session.execute(
            select(User.id).where(User.id == user_id).with_for_update(key_share=True)
        ).one()
        # Not just moved: messages about the other's orders may be on their way to it.
        theirs = (Device.token == token) & (Device.user_id != user_id)
        session.execute(delete(Device).where(theirs))
        others = select(func.count()).where(Device.user_id == user_id, Device.token != token)
        if (session.scalar(others) or 0) >= MOST_DEVICES:
            raise errors.DeviceLimit
        adding = upsert(session, Device).values(user_id=user_id, token=token, platform=platform)
        device_id = session.execute(
            adding.on_conflict_do_update(
                index_elements=["token"],
                set_={"user_id": adding.excluded.user_id, "platform": adding.excluded.platform},
            ).returning(Device.id)
        ).scalar_one()
        return session.get_one(Device, device_id, populate_existing=True)


def list_devices(actor: Acting) -> list[Device]:
    """Return the actor's devices, oldest first."""
    mine = select(Device).where(Device.user_id == require_user(actor)).order_by(Device.id)
    return list(db.session.scalars(mine))


def remove_device(actor: Acting, device_id: int) -> None:
    """Forget a device, and what was on its way to it; NotFound when it is not the actor's."""
    with unit_of_work() as session:
        gone = session.execute(
            delete(Device)
            .where(Device.id == device_id, Device.user_id == require_user(actor))
            .returning(Device.id)
            .execution_options(synchronize_session=False)
        ).first()
        if gone is None:
            raise errors.NotFound(f"There is no device {device_id}.")


# -- preferences --------------------------------------------------------------------------------
def preferences(actor: Acting) -> Choices:
    """Return channel → event type → whether the actor wants it (they do unless they said no)."""
    rows = db.session.execute(
        select(Preference.channel, Preference.event_type, Preference.enabled).where(
            Preference.user_id == require_user(actor)
        )
    )
    chosen = {(row.channel, row.event_type): row.enabled for row in rows}
    return {
        channel: {name: chosen.get((channel, name), True) for name in names}
        for channel, names in CHOICES.items()
    }


def set_preferences(actor: Acting, changes: Choices) -> Choices:
    """Change some choices and return all; those not named stay.

    Raises:
        Invalid: naming each channel or event type that there is no choice of.
    """
    user_id = require_user(actor)
    unknown = {
        f"preferences.{channel}.{name}": ["There is no such choice."]
        for channel, choices in changes.items()
        for name in choices
        if name not in CHOICES.get(channel, ())
    }
    if unknown:
        raise errors.Invalid(unknown)
    rows = [
        {"user_id": user_id, "channel": channel, "event_type": name, "enabled": enabled}
        for channel, choices in sorted(changes.items())
        for name, enabled in sorted(choices.items())
    ]
    with unit_of_work() as session:
        if rows:
            choosing = upsert(session, Preference).values(rows)
            session.execute(
                choosing.on_conflict_do_update(
                    index_elements=["user_id", "channel", "event_type"],
                    set_={"enabled": choosing.excluded.enabled},
                )
            )
    return preferences(actor)


# -- with the account ---------------------------------------------------------------------------
def export(actor: Acting) -> dict[str, Any]:
    """Return all that is held about the actor here (three statements)."""
    mine = Notification.user_id == require_user(actor)
    return {
        "notifications": db.session.scalars(
            select(Notification).where(mine).order_by(Notification.id.desc())
        ).all(),
        "devices": list_devices(actor),
        "preferences": preferences(actor),
    }


def forget(session: Session, user_id: int) -> None:
    """Delete all that is held about a user here, as part of the account's end."""
    for table in (Device, Notification, Preference):
        session.execute(
            delete(table)
            .where(table.user_id == user_id)
            .execution_options(synchronize_session=False)
        )
