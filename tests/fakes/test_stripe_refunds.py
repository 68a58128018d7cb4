"""Money that goes back at the fake Stripe: refunds and disputes."""

from typing import Any

import pytest
import stripe

from tests.clients import at_once
from tests.fakes.asking import GOOD, new_intent, refused
from tests.fakes.stripe import FakeStripe


def paid(api: Any, fake: FakeStripe, card: str = GOOD) -> str:
    """Return the id of an intent that was paid."""
    intent = new_intent(api)
    assert fake.pay(intent.client_secret, card)["amount_received"] in (0, 1999)
    return str(intent.id)


def charge_of(api: Any, intent: str) -> Any:
    return api.payment_intents.retrieve(intent, {"expand": ["latest_charge"]}).latest_charge


def test_partial_and_the_rest(api: Any, fake: FakeStripe) -> None:
    intent = paid(api, fake)
    part = api.refunds.create(
        {"payment_intent": intent, "amount": 500, "metadata": {"refund_id": "1"}}
    )
    assert (part.status, part.metadata["refund_id"]) == ("succeeded", "1")
    too_much = {"payment_intent": intent, "amount": 1500}
    error = refused(stripe.InvalidRequestError, api.refunds.create, too_much)
    assert "greater than unrefunded amount" in error["message"]
    for amount in (0, -1):
        wrong = {"payment_intent": intent, "amount": amount}
        error = refused(stripe.InvalidRequestError, api.refunds.create, wrong)
        assert error["code"] == "parameter_invalid_integer"
    rest = api.refunds.create({"charge": charge_of(api, intent).id})
    assert rest.amount == 1499
    error = refused(stripe.InvalidRequestError, api.refunds.create, {"payment_intent": intent})
    assert error["code"] == "charge_already_refunded"
    charge = charge_of(api, intent)
    assert (charge.amount_refunded, charge.refunded) == (1999, True)
    assert fake.holdings() == {intent: 0}
    found = api.refunds.list({"payment_intent": intent}).data
    assert [one.id for one in found] == [rest.id, part.id]
    assert api.refunds.retrieve(part.id).amount == 500


def test_never_more_than_came_in(api: Any, fake: FakeStripe) -> None:
    intent = paid(api, fake)

    def half() -> bool:
        try:
            api.refunds.create({"payment_intent": intent, "amount": 1000})
        except stripe.InvalidRequestError:
            return False
        return True

    assert sum(at_once([half] * 20)) == 1
    assert fake.balance() == {"usd": 999}


def test_what_cannot_be_refunded(api: Any, fake: FakeStripe) -> None:
    intent = new_intent(api)
    for params in [
        {},
        {"payment_intent": intent.id},
        {"payment_intent": "pi_no"},
        {"charge": "ch_no"},
        {"payment_intent": intent.id, "colour": "red"},
    ]:
        refused(stripe.InvalidRequestError, api.refunds.create, params)
    first, second = paid(api, fake), paid(api, fake)
    both = {"payment_intent": first, "charge": charge_of(api, second).id}
    refused(stripe.InvalidRequestError, api.refunds.create, both)
    assert fake.refunds == []


@pytest.mark.parametrize(("end", "left"), [("succeeded", 0), ("failed", 1999), ("canceled", 1999)])
def test_pending(api: Any, fake: FakeStripe, end: str, left: int) -> None:
    intent = paid(api, fake, "4000000000007726")
    made = api.refunds.create({"payment_intent": intent})
    assert made.status == "pending"
    refused(stripe.InvalidRequestError, api.refunds.create, {"payment_intent": intent})
    fake.finish_refund(made.id, end)
    assert api.refunds.retrieve(made.id).status == end
    assert (fake.holdings(), charge_of(api, intent).amount_refunded) == (
        {intent: left},
        1999 - left,
    )
    with pytest.raises(ValueError, match="does not become"):
        fake.finish_refund(made.id, "pending")


def test_failed_after_all(api: Any, fake: FakeStripe) -> None:
    intent = paid(api, fake, "4000000000005126")
    made = api.refunds.create({"payment_intent": intent})
    assert made.status == "succeeded"
    fake.finish_refund(made.id, "failed")
    assert [one["type"] for one in fake.events[-3:]] == [
        "refund.updated",
        "charge.refund.updated",
        "refund.failed",
    ]
    assert api.refunds.create({"payment_intent": intent}).status == "succeeded"


def test_at_the_dashboard(api: Any, fake: FakeStripe) -> None:
    fake.start_refunds_as("pending")
    intent = paid(api, fake)
    made = fake.dashboard_refund(intent, 300)
    assert (made["metadata"], made["status"]) == ({}, "pending")
    created, refunded = fake.events[-2:]
    assert (created["type"], refunded["type"]) == ("refund.created", "charge.refunded")
    assert created["request"] == {"id": None, "idempotency_key": None}
    assert refunded["data"]["object"]["amount_refunded"] == 300
    other = new_intent(api)
    assert fake.dashboard_cancel(other.id)["status"] == "canceled"


@pytest.mark.parametrize("won", [True, False])
def test_disputed(api: Any, fake: FakeStripe, won: bool) -> None:
    intent = paid(api, fake)
    made = fake.dispute(intent)
    assert (made["payment_intent"], made["amount"]) == (intent, 1999)
    error = refused(stripe.InvalidRequestError, api.refunds.create, {"payment_intent": intent})
    assert error["code"] == "charge_disputed"
    assert fake.close_dispute(made["id"], won)["status"] == ("won" if won else "lost")
    types = [one["type"] for one in fake.events if one["type"].startswith("charge.dispute.")]
    assert types[0] == "charge.dispute.created"
    assert types[-1] == "charge.dispute.closed"


def test_a_card_that_is_disputed_at_once(api: Any, fake: FakeStripe) -> None:
    assert charge_of(api, paid(api, fake, "4000000000000259")).disputed


def test_tampered(api: Any, fake: FakeStripe) -> None:
    intent = new_intent(api)
    fake.tamper(intent.id, amount=1000)
    fake.pay(intent.client_secret, GOOD)
    assert fake.intent(intent.id)["amount_received"] == 1000
