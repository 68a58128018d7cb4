"""``python -m tests.fakes.stripe --port 12111``: the server as a process of its own."""

import argparse
import signal
import threading

from tests.fakes.stripe import SECRET_KEY, WEBHOOK_SECRET, FakeStripe


def main() -> None:
    """Serve until told to stop; the first line on stdout is the address."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--secret-key", default=SECRET_KEY)
    parser.add_argument("--webhook-secret", default=WEBHOOK_SECRET)
    parser.add_argument("--endpoint", help="where events go")
    parser.add_argument("--at-once", action="store_true", help="send events side by side")
    options = parser.parse_args()
    stopped = threading.Event()
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, lambda *_: stopped.set())
    with FakeStripe(options.webhook_secret, options.secret_key, options.port) as fake:
        fake.endpoint, fake.webhooks.at_once = options.endpoint, options.at_once
        print(fake.url, flush=True)
        stopped.wait()


main()
