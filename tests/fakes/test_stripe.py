"""The fake of Stripe, asked by Stripe's own library: keys, parameters, idempotency."""

from typing import Any

import pytest
import requests
import stripe

from tests.clients import at_once
from tests.fakes.asking import new_intent, refused
from tests.fakes.stripe import RETURN_URL, FakeStripe


class TestKeys:
    """Who may ask."""

    def test_a_wrong_key(self, fake: FakeStripe) -> None:
        other = stripe.StripeClient("sk_test_other_one", base_addresses={"api": fake.url})
        error = refused(stripe.AuthenticationError, other.v1.payment_intents.list)
        assert error["message"] == "Invalid API Key provided: sk_test_********_one"

    def test_no_key_and_no_such_path(self, fake: FakeStripe) -> None:
        assert requests.get(f"{fake.url}/v1/events", timeout=5).status_code == 401
        headers = {"Authorization": f"Bearer {fake.secret_key}"}
        for method, path in [("GET", "/v1/nothing"), ("DELETE", "/v1/refunds/re_1")]:
            answer = requests.request(method, fake.url + path, headers=headers, timeout=5)
            assert answer.status_code == 404, path
        answer = requests.post(f"{fake.url}/v1/refunds", json={}, headers=headers, timeout=5)
        assert answer.status_code == 400


class TestParameters:
    """What may be asked."""

    @pytest.mark.parametrize(
        ("params", "code", "param"),
        [
            ({"currency": "usd"}, "parameter_missing", "amount"),
            ({"amount": 100}, "parameter_missing", "currency"),
            ({"colour": "red"}, "parameter_unknown", "colour"),
            (
                {"automatic_payment_methods": {"enabled": True, "colour": "red"}},
                "parameter_unknown",
                "automatic_payment_methods[colour]",
            ),
            ({"automatic_payment_methods": {}, "expand": ["x"], "on": "1"}, None, "on"),
            (
                {"automatic_payment_methods": {"allow_redirects": "never"}},
                "parameter_missing",
                "automatic_payment_methods[enabled]",
            ),
            ({"amount": "19.99"}, "parameter_invalid_integer", "amount"),
            ({"amount": 0}, "parameter_invalid_integer", "amount"),
            ({"amount": -5}, "parameter_invalid_integer", "amount"),
            ({"amount": 49}, "amount_too_small", "amount"),
            ({"amount": 100_000_000}, "amount_too_large", "amount"),
            ({"amount": ""}, "parameter_invalid_empty", "amount"),
            ({"amount": {"a": 1}}, None, "amount"),
            ({"currency": "USD"}, None, "currency"),
            ({"currency": "xxx"}, None, "currency"),
            ({"currency": "kwd", "amount": 1234}, "parameter_invalid_integer", "amount"),
            ({"currency": "isk", "amount": 1950}, "parameter_invalid_integer", "amount"),
            ({"confirm": "yes"}, None, "confirm"),
            ({"setup_future_usage": "never"}, None, "setup_future_usage"),
            ({"allowed_payment_method_types": {"a": "b"}}, None, "allowed_payment_method_types"),
            ({"customer": "cus_nobody"}, "resource_missing", "customer"),
            ({"metadata": {"note": "x" * 501}}, None, "metadata[note]"),
            ({"metadata": {"k" * 41: "x"}}, None, f"metadata[{'k' * 41}]"),
            ({"metadata": {str(n): "x" for n in range(51)}}, None, "metadata"),
            ({"return_url": RETURN_URL}, None, "return_url"),
        ],
    )
    def test_are_checked(
        self, api: Any, fake: FakeStripe, params: Any, code: str | None, param: str
    ) -> None:
        if code != "parameter_missing" or "automatic_payment_methods" in params:
            params = {"amount": 1999, "currency": "usd", **params}
        error = refused(stripe.InvalidRequestError, api.payment_intents.create, params)
        assert error["type"] == "invalid_request_error"
        assert error["param"] == param
        if code is not None:
            assert error["code"] == code
        assert fake.intents == []

    def test_of_other_calls(self, api: Any) -> None:
        intent = new_intent(api)
        for call, params, param in [
            (api.customers.create, {"mail": "a@b.c"}, "mail"),
            (api.refunds.create, {"payment_intent": intent.id, "reason": "no"}, "reason"),
            (api.refunds.list, {"order": "1"}, "order"),
            (api.payment_intents.list, {"limit": 101}, "limit"),
            (api.payment_intents.list, {"starting_after": "pi_no"}, "starting_after"),
            (api.payment_intents.list, {"created": {"after": 1}}, "created[after]"),
        ]:
            error = refused(stripe.InvalidRequestError, call, params)
            assert error["param"] == param
        cancel = api.payment_intents.cancel
        error = refused(
            stripe.InvalidRequestError, cancel, intent.id, {"cancellation_reason": "bored"}
        )
        assert error["param"] == "cancellation_reason"

    def test_amounts_at_the_edge(self, api: Any) -> None:
        for amount, currency in [(50, "usd"), (99_999_999, "usd"), (1230, "kwd"), (1900, "isk")]:
            assert new_intent(api, amount, currency).amount == amount
        noted = new_intent(api, 50, "jpy", metadata={"a": "", "b": "ü"})
        assert noted.metadata.to_dict() == {"b": "ü"}


class TestIdempotency:
    """One key, one piece of work."""

    def test_the_same_answer(self, api: Any, fake: FakeStripe) -> None:
        params = {"amount": 1999, "currency": "usd"}
        first = api.payment_intents.create(params, {"idempotency_key": "k"})
        again = api.payment_intents.create(params, {"idempotency_key": "k"})
        assert again.id == first.id
        assert again.last_response.headers["Idempotent-Replayed"] == "true"
        assert len(fake.intents) == 1
        fake.forget_keys()
        assert api.payment_intents.create(params, {"idempotency_key": "k"}).id != first.id

    def test_another_question(self, api: Any) -> None:
        options = {"idempotency_key": "k"}
        intent = api.payment_intents.create({"amount": 1999, "currency": "usd"}, options)
        other = {"amount": 2000, "currency": "usd"}
        refused(stripe.IdempotencyError, api.payment_intents.create, other, options)
        refused(stripe.IdempotencyError, api.payment_intents.cancel, intent.id, {}, options)

    def test_a_refusal_is_kept_unless_it_never_began(self, api: Any) -> None:
        options = {"idempotency_key": "k"}
        bad = {"amount": 1999, "currency": "usd", "colour": "red"}
        refused(stripe.InvalidRequestError, api.payment_intents.create, bad, options)
        intent = api.payment_intents.create({"amount": 1999, "currency": "usd"}, options)
        pay = {"payment_method": "pm_card_chargeDeclined", "return_url": RETURN_URL}
        confirm = api.payment_intents.confirm
        for _ in range(2):
            refused(stripe.CardError, confirm, intent.id, pay, {"idempotency_key": "c"})
        assert len(list(api.charges.list({"payment_intent": intent.id}))) == 1

    def test_at_the_same_moment(self, api: Any, fake: FakeStripe) -> None:
        def create() -> str:
            params = {"amount": 1999, "currency": "usd"}
            options = {"idempotency_key": "k", "max_network_retries": 5}
            return str(api.payment_intents.create(params, options).id)

        assert len(set(at_once([create] * 20))) == 1
        assert len(fake.intents) == 1

    def test_in_use(self, api: Any, fake: FakeStripe) -> None:
        params, options = {"amount": 1999, "currency": "usd"}, {"idempotency_key": "k"}
        slow = fake.fail("POST /v1/payment_intents", "slow")

        def second() -> Any:
            slow.wait()
            try:
                return refused(stripe.APIError, api.payment_intents.create, params, options)
            finally:
                slow.release.set()

        made, error = at_once([lambda: api.payment_intents.create(params, options), second])
        assert error["code"] == "idempotency_key_in_use"
        assert [one["id"] for one in fake.intents] == [made.id]
