"""Stripe, as far as a shop sees it: a stateful server over HTTP that the real library talks to.

    with FakeStripe() as stripe, LiveShop(apps.settings(database, **stripe.settings)) as shop:
        stripe.deliver_to_shop(shop.url)
        stripe.pay(client_secret, "4242 4242 4242 4242")   # what the browser does
        stripe.settle()                                    # all events were answered with 2xx
        assert stripe.holdings() == {intent_id: 1999}

It does what Stripe does:

- Customers, payment intents (create, retrieve, list, confirm, cancel), charges, refunds, events,
  disputes (list); the states of each. The test cards of Stripe's documents, and
  ``us_bank_account``, which stays in processing until ``finish_processing``.
- Parameters are checked against the types of the installed library: unknown, missing, of another
  kind, not one of the choices. Amounts are checked as Stripe charges: least, most, currencies that
  go in tens or hundreds. Confirming without a ``return_url`` is refused unless the intent says
  ``automatic_payment_methods[allow_redirects] = never``, off session too.
- Idempotency keys: same question, same answer (refusals too); another question is refused; a key in
  use is a 409. What never began (a 401, a parameter of the wrong kind, trouble before the work)
  keeps nothing. ``forget_keys`` is the day after.
- Events are made in the order of the changes, hold the object as it was, are signed when sent, and
  are sent until a 2xx comes back. ``hold``, ``deliver(order, copies=, at_once=, only=)``,
  ``again(event)``; in the background ``webhooks.copies``, ``.order``, ``.delay``, ``.at_once``.

Trouble: ``fail("POST /v1/refunds", kind, times)``, the path with wildcards as in a shell.

    timeout_before         the connection ends, nothing was done
    timeout_after_commit   the work is done and its answer kept, then the connection ends
    http_409 http_429 http_500 http_503 balance_insufficient   answered before the work, not kept
    http_500_kept          nothing is done, and the key answers 500 from now on
    slow, slow_after       waits for ``fault.release`` before (behind) the work
    bad_json               the work is done, the answer is cut off

``fail`` returns the fault: ``fault.wait()`` returns when a request is there. ``calm`` ends all.
Stripe's clock is its own: ``account.clock``, ``time.time`` unless a test sets another.

It does not do: manual capture, saved cards of a customer, updates of an intent, payment method
data from a server, other currencies of settlement, fees, Connect, Checkout, rates by request.
Its process form (``python -m tests.fakes.stripe``) takes the same calls at POST /_test/{name}.
"""

from tests.fakes.stripe.fake import RETURN_URL, SECRET_KEY, WEBHOOK_SECRET, FakeStripe
from tests.fakes.stripe.faults import Fault
from tests.fakes.stripe.webhooks import AS_MADE, REVERSED, SHUFFLED, Sent
from tests.fakes.stripe.wire import Refused

__all__ = [
    "AS_MADE",
    "RETURN_URL",
    "REVERSED",
    "SECRET_KEY",
    "SHUFFLED",
    "WEBHOOK_SECRET",
    "Fault",
    "FakeStripe",
    "Refused",
    "Sent",
]
