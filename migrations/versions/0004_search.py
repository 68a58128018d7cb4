"""the search finds its words

By hand, since no model describes it: what the databases keep beside book_search and
search_terms to look words up fast. Texts arrive folded, their words split by single spaces.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# detail=none: words only, no positions or columns, as nothing asks for them. The ascii
# tokenizer splits at the spaces and takes every other letter as it comes. No triggers: where
# the schema is not trusted (extensions.py), SQLite lets none write to a virtual table, so
# services/search_index.py writes these together with their tables.
SQLITE_UP = (
    """
    CREATE VIRTUAL TABLE book_search_fts USING fts5(
        words, tokenize='ascii', detail=none, columnsize=0, prefix='1 2 3'
    )
    """,
    "CREATE VIRTUAL TABLE search_terms_fts USING fts5(padded, tokenize='trigram', columnsize=0)",
)

SQLITE_DOWN = (
    "DROP TABLE search_terms_fts",
    "DROP TABLE book_search_fts",
)

# Not to_tsvector: its parser would cut some of the folded words anew, and differently.
POSTGRESQL_UP = (
    "CREATE EXTENSION IF NOT EXISTS pg_trgm",
    """
    ALTER TABLE book_search ADD COLUMN vector tsvector GENERATED ALWAYS AS (
        array_to_tsvector(array_remove(
            string_to_array(title || ' ' || more || ' ' || people || ' ' || codes, ' '), ''
        ))
    ) STORED
    """,
    # fastupdate off: a list of pending entries would be read whole by every search.
    """
    CREATE INDEX ix_hand_book_search_vector ON book_search
        USING gin (vector) WITH (fastupdate = off)
    """,
    'ALTER TABLE search_terms ALTER COLUMN term TYPE varchar(64) COLLATE "C"',
    """
    CREATE INDEX ix_hand_search_terms_term ON search_terms
        USING gin (term gin_trgm_ops) WITH (fastupdate = off)
    """,
)

# The extension stays: somebody else may use it.
POSTGRESQL_DOWN = (
    "DROP INDEX ix_hand_search_terms_term",
    'ALTER TABLE search_terms ALTER COLUMN term TYPE varchar(64) COLLATE "default"',
    "DROP INDEX ix_hand_book_search_vector",
    "ALTER TABLE book_search DROP COLUMN vector",
)


def upgrade() -> None:
    # A shop that has just run 0003 holds nothing to index yet.
    op.add_column(
        "book_search", sa.Column("full_title", sa.Text(), server_default="", nullable=False)
    )
    for statement in SQLITE_UP if sqlite() else POSTGRESQL_UP:
        op.execute(statement)


def downgrade() -> None:
    for statement in SQLITE_DOWN if sqlite() else POSTGRESQL_DOWN:
        op.execute(statement)
    op.drop_column("book_search", "full_title")


def sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"
