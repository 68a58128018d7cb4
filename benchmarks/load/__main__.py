"""``python -m benchmarks.load``: is anything lost, slow or leaking while many are in the shop?

Two web processes, a worker and a scheduler, with PostgreSQL and Redis, all of their own. Readers
come for three minutes; then, while they go on, each process is replaced by another, one after the
other, as a new release is rolled out. In the end the shop's books must balance, by themselves and
with Stripe's.
"""

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import requests
from sqlalchemy import func, select

from benchmarks import report, shop
from benchmarks.load.judging import Found, Memory, verdict
from benchmarks.load.processes import Running, stripe, web, worker
from benchmarks.scenarios import ADDRESS
from benchmarks.server import ROOT
from bookstore import money
from bookstore.config import Settings
from bookstore.extensions import db
from bookstore.gateways.embedded_redis import spawn
from bookstore.models import Category, Order
from bookstore.services import doctor
from tests.fakes.stripe import SECRET_KEY, WEBHOOK_SECRET

SECONDS_TO_SETTLE = 60
SAMPLE_SECONDS = 2.0


def main() -> int:
    """Run it, print what was found, return the exit status: 1 when something is not as it must."""
    options = _options()
    about = report.machine()
    print(f"{about['at']}, commit {about['commit']}, {about['cpu']}, {about['cores']} cores")
    changes = {
        "web_workers": 1,
        "stripe_secret_key": SECRET_KEY,
        "stripe_webhook_secret": WEBHOOK_SECRET,
        "stripe_publishable_key": "pk_test_none",
    }
    with stripe() as stripe_url, contextlib.ExitStack() as stack:
        place = stack.enter_context(
            shop.opened(
                options.database,
                options.books,
                None,
                options.users,
                stripe_api_base=stripe_url,
                **changes,
            )
        )
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=128))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        requests.post(
            f"{stripe_url}/_test/endpoint",
            json={"url": f"{url}/api/v2/payments/stripe/events"},
            timeout=10,
        ).raise_for_status()
        log = stack.enter_context((place.folder / "shop.log").open("ab"))
        members = [
            *(stack.enter_context(web(f"web {n}", place.settings, listener, log)) for n in (1, 2)),
            stack.enter_context(worker(place.settings, log)),
            stack.enter_context(worker(place.settings, log, "--scheduler")),
        ]
        found, memory = _load(options, place, url, stripe_url, members)
        told, wrong = verdict(found, memory, options.seconds)
        wrong += _books(place.settings, stripe_url, found)
        print(f"\n{place.software}, {place.stock}, {options.users} readers\n\n{told}")
        for line in wrong:
            print(f"NOT AS IT MUST BE: {line}")
        if wrong:
            kept = Path(tempfile.gettempdir()) / "bookstore-load.log"
            kept.write_bytes((place.folder / "shop.log").read_bytes())
            print(f"The shop's log is in {kept}")
    return 1 if wrong else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    add = parser.add_argument
    add("--database", choices=("sqlite", "postgresql"), default="postgresql")
    add("--users", type=int, default=50, help="readers at once (50)")
    add("--books", type=int, default=10_000, help="how many the shop has (10000)")
    add("--seconds", type=int, default=180, help="before processes are replaced (180)")
    add("--after", type=int, default=20, help="behind that (20)")
    return parser.parse_args()


def _load(
    options: argparse.Namespace,
    place: shop.Shop,
    url: str,
    stripe_url: str,
    members: list[Running],
) -> tuple[Found, Memory]:
    given, noted = place.folder / "given.json", place.folder / "noted.jsonl"
    given.write_text(
        json.dumps(
            {
                "tokens": [buyer.token for buyer in place.buyers],
                "books": [(book_id, title) for book_id, _, title in place.books[: shop.IN_CARTS]],
                "categories": list(db.session.scalars(select(Category.slug))),
                "address": ADDRESS,
            }
        )
    )
    db.session.remove()
    locust = [
        *(sys.executable, "-m", "locust", "-f", "benchmarks/load/users.py", "--headless"),
        *("--host", url, "--users", str(options.users), "--spawn-rate", "10"),
        *("--stop-timeout", "30", "--only-summary", "-L", "WARNING"),
    ]
    environ = {"LOAD_SHOP": str(given), "LOAD_FOUND": str(noted), "LOAD_STRIPE": stripe_url}
    with (place.folder / "locust.log").open("wb") as log:
        process = spawn(
            locust, signal.SIGTERM, cwd=ROOT, env=os.environ | environ, stdout=log, stderr=log
        )
    found, memory = Found(noted), Memory()
    try:
        _watch(process, members, found, memory, options)
    finally:
        if process.poll() is None:
            process.kill()
    process.wait()
    found.read()
    if not found.requests:
        raise RuntimeError((place.folder / "locust.log").read_text()[-2000:])
    return found, memory


def _watch(
    process: "subprocess.Popen[bytes]",
    members: list[Running],
    found: Found,
    memory: Memory,
    options: argparse.Namespace,
) -> None:
    """Look on for as long as there are readers; replace the processes when it is time."""
    while not found.requests and process.poll() is None:
        time.sleep(0.1)
        found.read()
    started = found.started = time.time()
    told_at = 0.0
    while process.poll() is None:
        passed = time.time() - started
        if found.replaced_at:
            if time.time() - found.replaced_until >= options.after:
                process.send_signal(signal.SIGTERM)
        elif passed >= options.seconds:
            found.replaced_at = time.time()
            print(f"{passed:4.0f} s  replacing each process by another")
            for member in members:
                print(f"        {member.name}: stopped in {member.replace():.1f} s")
            found.replaced_until = time.time()
        if not found.replaced_at:
            memory.note(passed, {member.name: member.memory() for member in members})
        if passed - told_at >= 15:
            told_at = passed
            found.read()
            print(f"{passed:4.0f} s  {found.line()}  {memory.line()}", flush=True)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(SAMPLE_SECONDS)


def _books(settings: Settings, stripe_url: str, found: Found) -> list[str]:
    """Return what does not balance, once all that is under way has had its time."""
    until = time.monotonic() + SECONDS_TO_SETTLE
    while True:
        wrong = list(doctor.examine())
        orders = db.session.scalar(select(func.count(Order.id))) or 0
        paid = db.session.scalar(
            select(func.coalesce(func.sum(Order.total_amount), 0)).where(
                Order.payment_status == "paid"
            )
        )
        # What comes next takes time, and an open transaction that does nothing is ended.
        db.session.remove()
        holdings = requests.post(f"{stripe_url}/_test/holdings", timeout=30).json()
        if orders != found.count("order"):
            wrong.append(f"{orders} orders in the shop, {found.count('order')} were confirmed")
        if paid != sum(holdings.values()):
            wrong.append(f"orders paid {paid}, Stripe has {sum(holdings.values())}")
        if not wrong or time.monotonic() > until:
            amount = f"{money.to_text(int(paid or 0), settings.currency)} {settings.currency}"
            print(f"{orders} orders, {amount} paid; the doctor finds {len(wrong)} faults")
            return wrong
        time.sleep(1)


if __name__ == "__main__":
    sys.exit(main())
