"""A job that looks at the tables by itself waits in the queue once, however many ask for it."""

from flask import Flask

from bookstore.extensions import redis_handle
from bookstore.gateways import queue

JOB = "bookstore.jobs.send_refunds"


def test_one_waits_however_many_ask(app: Flask) -> None:
    for _ in range(5):
        queue.enqueue_once(JOB)
    assert queue.depths() == {"outgoing": 0, "jobs": 1, "long": 0}
    queue.enqueue_once("bookstore.jobs.drop_payments")
    assert queue.depths()["jobs"] == 2


def test_what_comes_while_it_runs_needs_another(app: Flask) -> None:
    queue.enqueue_once(JOB)
    queue.begun(JOB)
    queue.enqueue_once(JOB)
    assert queue.depths()["jobs"] == 2


def test_a_lost_job_is_asked_for_again_before_long(app: Flask) -> None:
    queue.enqueue_once(JOB)
    [mark] = redis_handle.client.keys("bookstore:wake:*")
    assert 0 < redis_handle.client.ttl(mark) <= 30
