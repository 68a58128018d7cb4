"""The statements of the raw views, one a view, on both databases.

What hangs on a book comes as JSON text that goes into the answer as it is.
"""

_AUTHORS = {
    "postgresql": """
        (SELECT json_agg(json_build_object(
            'id', w.id, 'full_name', trim(w.first_name || ' ' || w.last_name)
         ) ORDER BY o.position)::text
         FROM book_authors o JOIN authors w ON w.id = o.author_id WHERE o.book_id = b.id)""",
    "sqlite": """
        (SELECT json_group_array(json_object('id', id, 'full_name', name)) FROM (
            SELECT w.id, trim(w.first_name || ' ' || w.last_name) AS name
            FROM book_authors o JOIN authors w ON w.id = o.author_id
            WHERE o.book_id = b.id ORDER BY o.position))""",
}
_CATEGORIES = {
    "postgresql": """
        (SELECT json_agg(json_build_object('id', c.id, 'name', c.name, 'slug', c.slug)
            ORDER BY c.slug)::text
         FROM book_categories o JOIN categories c ON c.id = o.category_id
         WHERE o.book_id = b.id)""",
    "sqlite": """
        (SELECT json_group_array(json_object('id', id, 'name', name, 'slug', slug)) FROM (
            SELECT c.id, c.name, c.slug
            FROM book_categories o JOIN categories c ON c.id = o.category_id
            WHERE o.book_id = b.id ORDER BY c.slug))""",
}
_BOOKS = """
    SELECT b.id, b.title, b.subtitle, b.isbn, b.description, b.pages, b.language, b.status,
        b.price, b.stock, b.publication_date, b.weight, b.tax_category, b.rating_sum,
        b.rating_count, b.cover_url, b.created_at, b.updated_at,
        a.id, a.first_name, a.last_name, p.id, p.name, {authors}, {categories}
    FROM {tables} JOIN authors a ON a.id = b.author_id
        LEFT JOIN publishers p ON p.id = b.publisher_id
"""
_LIST = "{books} WHERE b.price <= {dearest} ORDER BY b.created_at DESC, b.id DESC LIMIT 21"
_DETAIL = "{books} WHERE b.id = {id}"

# How services/search.py scores a query of two words of which none is mistyped.
_FOUND = {
    "postgresql": "book_search WHERE vector @@ CAST({match} AS tsquery)",
    "sqlite": "book_search_fts f JOIN book_search ON book_id = f.rowid "
    "WHERE book_search_fts MATCH {match}",
}
_SEARCH = """
    {books} JOIN (
        SELECT book_id, (first + last) * 10 / 2 + 4 * CASE
                WHEN in_title >= title_words THEN 100
                WHEN by_first AND by_last THEN 60
                ELSE in_title * 100 / title_words END
            + CASE WHEN full_title = {phrase} THEN 1500 ELSE 0 END
            + CASE WHEN {position}(codes, {code}) > 0 THEN 100000000 ELSE 0 END
            + boost AS score
        FROM (
            SELECT book_id, title_words, full_title, codes, boost,
                CASE WHEN {position}(title, {first}) > 0 THEN 100
                    WHEN {position}(people, {first}) > 0 THEN 95
                    WHEN {position}(more, {first}) > 0 THEN 60 ELSE 30 END AS first,
                CASE WHEN {position}(title, {last}) > 0 THEN 100
                    WHEN {position}(people, {last}) > 0 THEN 95
                    WHEN {position}(title, {begin}) > 0 THEN 85
                    WHEN {position}(people, {begin}) > 0 THEN 75
                    WHEN {position}(more, {last}) > 0 THEN 60
                    WHEN {position}(more, {begin}) > 0 THEN 50 ELSE 30 END AS last,
                CASE WHEN {position}(title, {first}) > 0 THEN 1 ELSE 0 END
                    + CASE WHEN {position}(title, {begin}) > 0 THEN 1 ELSE 0 END AS in_title,
                {position}(people, {first}) > 0 AS by_first,
                {position}(people, {begin}) > 0 AS by_last
            FROM (
                SELECT book_id, title_words, full_title, boost, ' ' || title || ' ' AS title,
                    ' ' || people || ' ' AS people, ' ' || more || ' ' AS more,
                    ' ' || codes || ' ' AS codes
                FROM {found}
            ) AS padded
        ) AS placed
    ) AS hits ON hits.book_id = b.id
    ORDER BY hits.score DESC, b.id DESC LIMIT 21
"""
_USER = """
    SELECT u.id, u.username, u.is_staff, u.is_premium
    FROM users u JOIN login_sessions s ON s.user_id = u.id
    WHERE u.id = {id} AND u.is_active AND s.id = {session} AND s.revoked_at IS NULL
"""
_CART = """
    SELECT b.id, b.title, b.isbn, b.price, b.status, b.stock, b.cover_url,
        a.id, a.first_name, a.last_name, i.quantity, i.seen_price,
        EXISTS (SELECT 1 FROM cart_coupons k WHERE k.cart_id = c.id)
    FROM shopping_carts c LEFT JOIN cart_items i ON i.cart_id = c.id
        LEFT JOIN books b ON b.id = i.book_id LEFT JOIN authors a ON a.id = b.author_id
    WHERE c.user_id = {id} ORDER BY i.id
"""


def statements(database: str) -> dict[str, str]:
    """Return the statements by view: list, detail, search, user, cart.

    Args:
        database: sqlite or postgresql.
    """
    names = ["dearest", "id", "match", "phrase", "code", "first", "last", "begin", "session"]
    mark = {name: f":{name}" if database == "sqlite" else f"%({name})s" for name in names}
    parts = {
        "authors": _AUTHORS[database],
        "categories": _CATEGORIES[database],
        "position": "instr" if database == "sqlite" else "strpos",
        "found": _FOUND[database].format(**mark),
        "tables": "books b",
    }
    books = _BOOKS.format(**parts)
    texts = {"list": _LIST, "detail": _DETAIL, "search": _SEARCH, "user": _USER, "cart": _CART}
    return {name: text.format(books=books, **parts, **mark) for name, text in texts.items()}
