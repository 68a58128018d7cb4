"""The worker: ``python worker.py [QUEUE …]``, and ``python worker.py --scheduler``."""

import sys

from bookstore.worker import main

if __name__ == "__main__":
    sys.exit(main())
