"""What a worker that has just begun looks for, since its predecessor may have died over it."""

import logging

import redis
from flask import Flask
from sqlalchemy.exc import SQLAlchemyError

from bookstore.gateways import queue
from bookstore.services import jobs

log = logging.getLogger(__name__)


def look_at_once(app: Flask, name: str) -> None:
    """Wake whoever works on a queue, if something is due; the next sweep is seconds away."""
    with app.app_context():
        try:
            if name == queue.OUTGOING:
                queue.rewake()
            elif name == queue.LONG:
                jobs.wake_due()
        except (redis.RedisError, SQLAlchemyError) as error:
            log.debug("not woken", extra={"why": type(error).__name__})
