"""/me/notifications, /me/devices, /me/preferences."""

from typing import Any

from flask import Response

from bookstore import auth
from bookstore.blueprints.answers import json_response, page_body, page_request
from bookstore.blueprints.api import Blueprint, requires
from bookstore.blueprints.idempotency import idempotent
from bookstore.schemas.v2.notifications import (
    DeviceInput,
    DeviceSchema,
    DevicesSchema,
    InboxSchema,
    NotificationQuery,
    NotificationSchema,
    PreferencesSchema,
)
from bookstore.services import notifications

blp = Blueprint(
    "notifications", __name__, description="What one is told, on which devices, and what not"
)


@blp.get("/me/notifications")
@requires("user")
@blp.arguments(NotificationQuery, location="query")
@blp.response(200, InboxSchema)
def list_notifications(query: dict[str, Any]) -> Response:
    """List one's notifications, newest first."""
    page, unread = notifications.list_notifications(
        auth.current_actor(), page_request(query), unread=query["unread"]
    )
    return json_response({"unread": unread, **page_body(NotificationSchema, page)})


@blp.post("/me/notifications/<id:notification_id>/read")
@requires("user")
@idempotent
@blp.response(200, NotificationSchema)
def mark_read(notification_id: int) -> Any:
    """Mark a notification as read; again changes nothing."""
    return notifications.mark_read(auth.current_actor(), notification_id)


@blp.post("/me/notifications/read-all")
@requires("user")
@blp.response(204)
def mark_all_read() -> None:
    """Mark all as read."""
    notifications.mark_all_read(auth.current_actor())


@blp.post("/me/devices")
@requires("user")
@blp.arguments(DeviceInput)
@idempotent
@blp.response(201, DeviceSchema)
def add_device(body: dict[str, str]) -> Any:
    """Register a device for push messages, 20 at most (409 `device_limit`).

    A token that is known is not doubled; if it was another user's, it is now this one's.
    """
    return notifications.add_device(auth.current_actor(), **body)


@blp.get("/me/devices")
@requires("user")
@blp.response(200, DevicesSchema)
def list_devices() -> Any:
    """List one's devices."""
    return {"data": notifications.list_devices(auth.current_actor())}


@blp.delete("/me/devices/<id:device_id>")
@requires("user")
@blp.response(204)
def remove_device(device_id: int) -> None:
    """Forget a device."""
    notifications.remove_device(auth.current_actor(), device_id)


@blp.get("/me/preferences")
@requires("user")
@blp.response(200, PreferencesSchema)
def get_preferences() -> Any:
    """Return what one wants to be told: all, unless one said no.

    Mails about the account itself (a new password) cannot be switched off and are not listed.
    """
    return {"preferences": notifications.preferences(auth.current_actor())}


@blp.patch("/me/preferences")
@requires("user")
@blp.arguments(PreferencesSchema)
@blp.response(200, PreferencesSchema)
def set_preferences(body: dict[str, Any]) -> Any:
    """Change what one wants to be told; what is not named stays."""
    return {"preferences": notifications.set_preferences(auth.current_actor(), body["preferences"])}
