"""The shop behind PgBouncer in transaction mode."""
