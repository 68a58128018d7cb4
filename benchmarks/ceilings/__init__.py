"""The same work without a framework: what the shop's requests are held against.

A bare Flask view, under the same gunicorn and on the same database, that reads the same rows by
psycopg or sqlite3 and encodes them with orjson, or sends the statements that the shop sends.
"""
