"""What RQ runs: each takes ids, re-reads, calls one service, and is safe to run twice."""
