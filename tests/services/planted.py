"""Rows that are wrong, each with what the doctor says of it: (statement, part of a line).

Names in braces are ids of the orders in ``test_doctor``, and the number and a book of the paid one.
"""

PLANTED = [
    ("UPDATE books SET stock = stock + 1 WHERE id = {book}", "book {book}: stock 9, its ledger"),
    (
        "UPDATE books SET sold = sold + 1 WHERE id = {book}",
        "book {book}: 3 counted as sold, orders",
    ),
    (
        "UPDATE books SET rating_sum = 4, rating_count = 1 WHERE id = {book}",
        "book {book}: 1 ratings of 4 stars counted, its reviews are 0 of 0",
    ),
    (
        "UPDATE sales_changes SET orders = orders + 1 WHERE status = 'cancelled'",
        "cancelled: off by -",
    ),
    (
        "UPDATE sales_changes SET copies = copies + 1 WHERE book_id = {book}",
        "off by -1 copies, 0.00 USD; flask reports recount puts it right",
    ),
    (
        "UPDATE stock_movements SET delta = -1 WHERE order_id = {id} AND book_id = {book}",
        "order {number}: 2 copies of book {book}, the ledger gave it 1",
    ),
    (
        "DELETE FROM stock_movements WHERE order_id = {id} AND book_id = {book}",
        "order {number}: 2 copies of book {book}, the ledger gave it 0",
    ),
    (
        "UPDATE orders SET stock_returned = false WHERE id = {cancelled}",
        "cancelled, and its copies are not back on sale",
    ),
    (
        "UPDATE order_items SET price = price + 1 WHERE order_id = {id} AND book_id = {book}",
        "order {number}: subtotal 40.98 USD, lines 41.00 USD",
    ),
    (
        "UPDATE order_items SET discount = discount + 1 WHERE order_id = {id} AND book_id = {book}",
        "order {number}: discount 4.10 USD, lines' discounts 4.11 USD",
    ),
    (
        "UPDATE order_items SET tax = tax + 9999 WHERE order_id = {id} AND book_id = {book}",
        "its lines have 99.99 USD",
    ),
    (
        "UPDATE order_items SET tax = tax + 1 WHERE order_id = {id} AND book_id = {book}",
        "order {number}: 0 % tax is 0.00 USD on 36.88 USD, its lines have 0.01 USD on 36.88 USD",
    ),
    (
        "UPDATE order_items SET tax_percent = 99000 WHERE order_id = {id} AND book_id = {book}",
        "order {number}: 0 % tax is 0.00 USD on 36.88 USD",
    ),
    ("UPDATE orders SET tax_lines = '[]' WHERE id = {id}", "order {number}: 0 % tax is"),
    ("UPDATE orders SET tax_lines = '{{}}' WHERE id = {id}", "order {number}: 0 % tax is"),
    ("UPDATE orders SET tax_lines = '[7]' WHERE id = {id}", "taxes of orders: what is written of"),
    (
        """UPDATE orders SET discounts = '{{"a": 1}}' WHERE id = {id}""",
        "coupons of orders: what is written of {number} cannot be read",
    ),
    (
        "UPDATE payments SET amount = amount + 1 WHERE order_id = {declined}",
        "costs 24.98 USD, its payment",
    ),
    ("UPDATE orders SET tax_included = tax_included + 1 WHERE id = {id}", "by its rates"),
    # The total has to be the sum of its parts: the database sees to that.
    (
        "UPDATE orders SET discount = discount + 1, total_amount = total_amount - 1,"
        " payment_status = 'paid' WHERE id = {id}",
        "order {number}: discount 4.11 USD, its coupons 4.10 USD",
    ),
    (
        "UPDATE coupon_redemptions SET amount = amount + 1 WHERE order_id = {id}",
        "order {number}: 2 coupons for 9.09 USD, 2 redemptions of 9.11 USD",
    ),
    ("DELETE FROM coupon_redemptions WHERE order_id = {id}", "0 redemptions of 0.00 USD"),
    (
        "UPDATE coupon_redemptions SET released_at = created_at WHERE order_id = {id}",
        "order {number}: processing, and 2 of 2 coupons released",
    ),
    (
        "UPDATE coupons SET used = used + 1 WHERE code = 'TENTH'",
        "coupon TENTH: 2 counted as used, 1 redeemed",
    ),
    (
        "UPDATE payments SET amount_refunded = 1 WHERE order_id = {id}",
        "0.01 USD counted as given back, its refunds are",
    ),
    ("DELETE FROM refunds WHERE order_id = {half}", "5.00 USD counted as given back, its refunds"),
    (
        "UPDATE payments SET status = 'processing' WHERE order_id = {id}",
        "is processing: 36.88 USD came in",
    ),
    (
        "UPDATE payments SET amount_received = 3687 WHERE order_id = {id}",
        "order {number} (processing) is paid: it costs 36.88 USD, 36.87 USD came in",
    ),
    (
        "UPDATE payments SET currency = 'eur' WHERE order_id = {id}",
        "order {number} (processing) is paid",
    ),
    (
        "UPDATE orders SET payment_status = 'unpaid' WHERE id = {id}",
        "order {number} (processing) is unpaid: it costs 36.88 USD, 36.88 USD came in",
    ),
    ("UPDATE orders SET payment_status = 'paid' WHERE id = {unpaid}", "is paid: it costs 24.98"),
    (
        "UPDATE orders SET payment_status = 'processing' WHERE id = {unpaid}",
        "(pending) is processing: it costs 24.98 USD, 0.00 USD came in",
    ),
    (
        "UPDATE payments SET amount_received = 9999 WHERE order_id = {id}",
        "order {number} (processing) is paid: it costs 36.88 USD, 99.99 USD came in",
    ),
    (
        "UPDATE payments SET amount_withdrawn = 100 WHERE order_id = {id}",
        "36.88 USD came in, 0.00 USD went back, a bank took 1.00 USD",
    ),
    ("UPDATE orders SET payment_status = 'paid' WHERE id = {half}", "5.00 USD went back"),
    (
        "UPDATE orders SET payment_status = 'refunded' WHERE id = {half}",
        "is refunded: it costs 24.98 USD, 24.98 USD came in, 5.00 USD went back",
    ),
    (
        "UPDATE refunds SET status = 'failed' WHERE order_id = {back}",
        "its refunds are 0.00 USD",
    ),
    # With Stripe's own list.
    (
        "UPDATE payments SET intent_id = 'pi_other' WHERE order_id = {id}",
        "we have no such",
    ),
    (
        "UPDATE refunds SET refund_id = 're_other' WHERE order_id = {half}",
        "(re_other) is not at Stripe",
    ),
    (
        "UPDATE payments SET amount_received = amount_received + 1 WHERE order_id = {id}",
        "36.89 USD here, 36.88 USD at Stripe",
    ),
]
