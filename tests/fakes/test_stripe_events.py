"""The fake Stripe's events, its trouble, and its life as a process."""

import subprocess
import sys
from collections import Counter
from typing import Any

import pytest
import requests
import stripe

from tests.clients import ROOT, wait_until
from tests.fakes.asking import ASKS, DECLINED, GOOD, new_intent, refused
from tests.fakes.receiver import Receiver, status
from tests.fakes.stripe import REVERSED, SHUFFLED, WEBHOOK_SECRET, FakeStripe

CREATE = "POST /v1/payment_intents"


class Inbox:
    """An endpoint that keeps what it gets; refuses the first ``refusals``."""

    def __init__(self, refusals: int = 0) -> None:
        self.refusals = refusals
        self.got: list[dict[str, Any]] = []

    def __call__(self, body: bytes, headers: dict[str, str]) -> int:
        signature = headers["Stripe-Signature"]
        event = stripe.Webhook.construct_event(body, signature, WEBHOOK_SECRET)
        self.got.append(event.to_dict())
        if self.refusals:
            self.refusals -= 1
            return 500
        return 200

    @property
    def types(self) -> list[str]:
        return [one["type"].removeprefix("payment_intent.") for one in self.got]


def test_every_change_makes_one(api: Any, fake: FakeStripe) -> None:
    intent = new_intent(api)
    fake.pay(intent.client_secret, DECLINED)
    fake.pay(intent.client_secret, ASKS)
    fake.authenticate(intent.id)
    bank = new_intent(api)
    fake.pay(bank.client_secret, "us_bank_account")
    fake.finish_processing(bank.id)
    api.payment_intents.cancel(new_intent(api).id)
    assert [one["type"] for one in fake.events] == [
        "payment_intent.created",
        "charge.failed",
        "payment_intent.payment_failed",
        "payment_intent.requires_action",
        "charge.succeeded",
        "payment_intent.succeeded",
        "payment_intent.created",
        "charge.pending",
        "payment_intent.processing",
        "charge.succeeded",
        "payment_intent.succeeded",
        "payment_intent.created",
        "payment_intent.canceled",
    ]
    # What it was like then, not now.
    failed = fake.events[2]["data"]["object"]
    assert (failed["status"], failed["amount_received"]) == ("requires_payment_method", 0)
    assert failed["last_payment_error"]["decline_code"] == "generic_decline"
    listed = api.events.list({"types": ["payment_intent.*"], "limit": 100}).data
    assert len(listed) == 9
    assert api.events.retrieve(listed[-1].id).type == "payment_intent.created"


class TestDelivery:
    """How they come."""

    def test_in_the_background_until_taken(self, api: Any, fake: FakeStripe) -> None:
        inbox = Inbox(refusals=2)
        new_intent(api)
        fake.endpoint = inbox
        fake.settle()
        assert inbox.types == ["created"] * 3
        assert [one.status for one in fake.webhooks.sent] == [500, 500, 200]

    def test_over_http(self, api: Any, fake: FakeStripe) -> None:
        with Receiver() as receiver:
            receiver.modes["/moved"] = status(301, Location="/")
            fake.endpoint = f"{receiver.url}/moved"
            new_intent(api)
            wait_until(lambda: bool(receiver.of("/moved")))
            fake.endpoint = f"{receiver.url}/events"
            fake.settle()
            [one] = receiver.of("/events")
            assert receiver.of("/") == []
        header = one.headers["stripe-signature"]
        event = stripe.Webhook.construct_event(one.body, header, WEBHOOK_SECRET)
        assert event.data.object.amount == 1999

    def test_nobody_there(self, api: Any, fake: FakeStripe) -> None:
        with Receiver() as gone:
            url = gone.url
        fake.endpoint = url
        new_intent(api)
        wait_until(lambda: len(fake.webhooks.sent) > 1)
        assert {one.status for one in fake.webhooks.sent} == {0}

    def test_held_and_in_another_order(self, api: Any, fake: FakeStripe) -> None:
        fake.hold()
        fake.endpoint = inbox = Inbox()
        intent = new_intent(api)
        fake.pay(intent.client_secret, GOOD)
        assert inbox.got == []
        fake.deliver(only=["charge.succeeded"])
        fake.deliver(REVERSED)
        assert inbox.types == ["charge.succeeded", "succeeded", "created"]
        assert fake.deliver() == []
        new_intent(api)
        fake.release()
        fake.settle()
        assert inbox.types[3:] == ["created"]

    @pytest.mark.parametrize("at_once", [False, True])
    def test_several_times(self, api: Any, fake: FakeStripe, at_once: bool) -> None:
        fake.webhooks.copies, fake.webhooks.at_once = 3, at_once
        fake.webhooks.order, fake.webhooks.delay = SHUFFLED, 0.01
        fake.endpoint = inbox = Inbox()
        for _ in range(5):
            new_intent(api)
        fake.settle()
        assert sorted(Counter(one["id"] for one in inbox.got).values()) == [3] * 5
        fake.again(fake.events[0], copies=2)
        assert len(inbox.got) == 17

    def test_never_taken(self, api: Any, fake: FakeStripe) -> None:
        fake.hold()
        fake.endpoint = Inbox(refusals=100)
        new_intent(api)
        with pytest.raises(AssertionError, match="not taken"):
            fake.settle()
        assert len(fake.webhooks.pending) == 1


class TestTrouble:
    """What can go wrong on order."""

    def test_before_the_work(self, api: Any, fake: FakeStripe) -> None:
        for kind, error in [
            ("timeout_before", stripe.APIConnectionError),
            ("http_409", stripe.APIError),
            ("http_429", stripe.RateLimitError),
            ("http_500", stripe.APIError),
            ("http_503", stripe.APIError),
        ]:
            fake.fail(CREATE, kind)
            with pytest.raises(error):
                new_intent(api)
        assert fake.intents == []
        assert new_intent(api).status == "requires_payment_method"
        assert [one.status for one in fake.calls(CREATE)] == [0, 409, 429, 500, 503, 200]

    @pytest.mark.parametrize(
        ("kind", "error"),
        [("timeout_after_commit", stripe.APIConnectionError), ("bad_json", stripe.APIError)],
    )
    def test_behind_the_work(
        self, api: Any, fake: FakeStripe, kind: str, error: type[stripe.StripeError]
    ) -> None:
        params, options = {"amount": 1999, "currency": "usd"}, {"idempotency_key": "k"}
        fake.fail(CREATE, kind, times=2)
        for _ in range(2):
            with pytest.raises(error):
                api.payment_intents.create(params, options)
        [made] = fake.intents
        assert api.payment_intents.create(params, options).id == made["id"]

    def test_a_500_that_is_kept(self, api: Any, fake: FakeStripe) -> None:
        params, options = {"amount": 1999, "currency": "usd"}, {"idempotency_key": "k"}
        fake.fail(CREATE, "http_500_kept")
        for _ in range(2):
            refused(stripe.APIError, api.payment_intents.create, params, options)
        assert fake.intents == []

    def test_only_where_it_was_ordered(self, api: Any, fake: FakeStripe) -> None:
        intent = new_intent(api)
        fault = fake.fail("POST /v1/payment_intents/*/cancel", "http_500")
        assert api.payment_intents.retrieve(intent.id).id == intent.id
        assert not fault.reached.is_set()
        with pytest.raises(stripe.APIError):
            api.payment_intents.cancel(intent.id)
        fault.wait(0)
        with pytest.raises(ValueError, match="not a fault"):
            fake.fail(CREATE, "http_418")


def test_reset(api: Any, fake: FakeStripe) -> None:
    fake.endpoint = Inbox()
    new_intent(api)
    fake.fail(CREATE, "http_500")
    fake.reset()
    assert (fake.intents, fake.events, fake.endpoint) == ([], [], None)
    assert new_intent(api).amount == 1999


def test_as_a_process() -> None:
    command = [sys.executable, "-m", "tests.fakes.stripe", "--secret-key", "sk_test_p"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()

        def control(name: str, **given: Any) -> Any:
            return requests.post(f"{url}/_test/{name}", json=given, timeout=5)

        api = stripe.StripeClient("sk_test_p", base_addresses={"api": url}).v1
        with Receiver() as receiver:
            assert control("endpoint", url=receiver.url).ok
            intent = new_intent(api)
            given = {"client_secret": intent.client_secret, "card_number": GOOD}
            assert control("pay", **given).json()["status"] == "succeeded"
            assert control("pay", **given).status_code == 400
            assert control("fail", pattern="POST /v1/refunds", kind="http_500").ok
            with pytest.raises(stripe.APIError):
                api.refunds.create({"payment_intent": intent.id})
            assert control("settle").ok
            assert len(receiver.received) == 3
        assert control("holdings").json() == {intent.id: 1999}
        assert control("pay", colour="red").status_code == 400
        assert control("explode").status_code == 404
        events = requests.get(f"{url}/_test/events", timeout=5).json()
        assert events[-1]["type"] == "payment_intent.succeeded"
        process.terminate()
        assert process.wait(10) == 0
