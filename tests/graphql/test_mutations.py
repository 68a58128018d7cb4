"""What can be done: the same services, the same refusals by the same codes."""

from flask import Flask

from tests.clients import ok
from tests.factories import new_book, new_coupon
from tests.graphql.conftest import ADD, CAMEL, PLACE, Graph

CREATE = """
mutation {
  createBook(
    title: "New Book"
    authorId: 1
    isbn: "1234567890123"
    price: 29.99
  ) {
    book {
      id
      title
    }
  }
}
"""


def test_the_mutation_of_the_tutorial(shop: Flask, people: tuple[Graph, Graph]) -> None:
    reader, clerk = people
    author = ok(clerk.client.post("/authors", {"last_name": "Le Guin"}), 201)["id"]
    query = CREATE.replace("authorId: 1", f"authorId: {author}")
    reader.refused(query, "forbidden")
    book = clerk.ask(query)["createBook"]["book"]
    assert book["title"] == "New Book"
    shown = ok(clerk.client.get(f"/books/{book['id']}"))
    assert (shown["price"], shown["isbn"]) == ("29.99", "1234567890123")
    assert clerk.refused(query, "isbn_taken")["path"] == ["createBook"]


def test_a_price_is_what_the_client_wrote(shop: Flask, clerk: Graph) -> None:
    author = ok(clerk.client.post("/authors", {"last_name": "Le Guin"}), 201)["id"]
    query = """mutation($p: Money!, $a: Int!) {
        createBook(title: "B", authorId: $a, price: $p) { book { price } } }"""
    for price, shown in (("0.29", "0.29"), (0.29, "0.29"), (1.1, "1.10"), (3, "3.00")):
        assert clerk.ask(query, p=price, a=author)["createBook"]["book"]["price"] == shown
    for price in ("1.999", "-1", "1e3", "NaN", ""):
        error = clerk.refused(query, "validation_failed", p=price, a=author)
        assert list(error["extensions"]["errors"]) == ["price"]
    for price in (True, [1], {"amount": 1}):
        clerk.refused(query, "graphql_invalid", p=price, a=author)


def test_from_an_empty_cart_to_a_delivered_order(shop: Flask, people: tuple[Graph, Graph]) -> None:
    reader, clerk = people
    book_id = new_book(shop, title="The Dispossessed", price=3000, stock=5)
    new_coupon(shop, "TEN")
    wish = """mutation($b: Int!) { addToWishlist(bookId: $b, notes: "soon") {
        wishlist { items { notes book { title } } } } }"""
    assert reader.ask(wish, b=book_id)["addToWishlist"]["wishlist"]["items"] == [
        {"notes": "soon", "book": {"title": "The Dispossessed"}}
    ]
    reader.refused(wish, "already_in_wishlist", b=book_id)
    moved = reader.ask(
        "mutation($b: Int!) { moveToCart(bookId: $b) { cart { totalItems } } }", b=book_id
    )
    assert moved["moveToCart"]["cart"]["totalItems"] == 1
    assert reader.ask(ADD, book=book_id)["addToCart"]["cart"]["totalItems"] == 2
    coupon = reader.ask(
        'mutation { putCoupon(code: "ten") { cart { discount coupon { code applies } } } }'
    )
    assert coupon["putCoupon"]["cart"] == {
        "discount": "6.00",
        "coupon": {"code": "TEN", "applies": True},
    }
    reader.refused(PLACE, "total_changed", address=CAMEL, total="1.00")
    order = reader.ask(PLACE, address=CAMEL)["placeOrder"]["order"]
    assert order["items"] == [
        {
            "title": "The Dispossessed",
            "quantity": 2,
            "price": "30.00",
            "lineTotal": "60.00",
            "book": {"title": "The Dispossessed"},
        }
    ]
    assert order["shippingAddress"] == {"name": "Ann Reader", "country": "GB"}
    assert ok(reader.client.get(f"/orders/{order['id']}"))["total_amount"] == order["totalAmount"]
    reader.refused(PLACE, "cart_empty", address=CAMEL)
    pay = "mutation($o: Int!) { createPaymentIntent(orderId: $o) { clientSecret amount currency } }"
    intent = reader.ask(pay, o=order["id"])["createPaymentIntent"]
    assert (intent["amount"], intent["currency"]) == (order["totalAmount"], order["currency"])
    move = """mutation($o: Int!, $s: String!, $t: String) {
        advanceOrder(id: $o, status: $s, trackingNumber: $t) {
            order { status trackingNumber } } }"""
    reader.refused(move, "forbidden", o=order["id"], s="processing")
    clerk.refused(move, "invalid_transition", o=order["id"], s="delivered")
    for status in ("processing", "shipped", "delivered"):
        moved = clerk.ask(move, o=order["id"], s=status, t="T1")["advanceOrder"]["order"]
        assert moved == {"status": status, "trackingNumber": "T1"}
    cancel = "mutation($o: Int!) { cancelOrder(id: $o) { order { status } } }"
    reader.refused(cancel, "invalid_transition", o=order["id"])


def test_an_order_is_cancelled(shop: Flask, reader: Graph) -> None:
    reader.ask(ADD, book=new_book(shop))
    order_id = reader.ask(PLACE, address=CAMEL)["placeOrder"]["order"]["id"]
    cancel = 'mutation($o: Int!) { cancelOrder(id: $o, note: "late") { order { status } } }'
    assert reader.ask(cancel, o=order_id)["cancelOrder"]["order"]["status"] == "cancelled"


def test_out_of_stock_names_the_books(shop: Flask, reader: Graph) -> None:
    book_id = new_book(shop, stock=1)
    reader.ask(ADD, book=book_id)
    level = """mutation($b: Int!, $n: Int!) {
        setCartQuantity(bookId: $b, quantity: $n) { cart { totalItems } } }"""
    error = reader.refused(level, "validation_failed", b=book_id, n=1000)
    assert error["extensions"]["errors"] == {
        "quantity": ["Must be greater than or equal to 1 and less than or equal to 999."]
    }
    reader.ask(level, b=book_id, n=3)
    error = reader.refused(PLACE, "out_of_stock", address=CAMEL)
    assert [item["book_id"] for item in error["extensions"]["items"]] == [book_id]
    assert error["message"]
    bad = {**CAMEL, "country": "XX", "line1": ""}
    error = reader.refused(PLACE, "validation_failed", address=bad)
    assert set(error["extensions"]["errors"]) == {
        "shippingAddress.country",
        "shippingAddress.line1",
    }


def test_carts_are_emptied_and_wishlists_changed(shop: Flask, reader: Graph) -> None:
    book_id = new_book(shop)
    for do in ("removeFromCart(bookId: $b)", "clearCart", "removeCoupons"):
        reader.ask(ADD, book=book_id)
        declared = "($b: Int!)" if "$b" in do else ""
        query = f"mutation{declared} {{ done: {do} {{ cart {{ items {{ quantity }} }} }} }}"
        left = reader.ask(query, b=book_id)["done"]["cart"]["items"]
        assert left == ([{"quantity": 1}] if do == "removeCoupons" else [])
    reader.ask(
        "mutation($b: Int!) { addToWishlist(bookId: $b) { wishlist { items { notes } } } }",
        b=book_id,
    )
    for do, left in (
        ('setWishlistNotes(bookId: $b, notes: "x")', [{"notes": "x"}]),
        ("removeFromWishlist(bookId: $b)", []),
    ):
        query = f"mutation($b: Int!) {{ done: {do} {{ wishlist {{ items {{ notes }} }} }} }}"
        assert reader.ask(query, b=book_id)["done"]["wishlist"]["items"] == left
        if not left:
            reader.refused(query, "not_found", b=book_id)


def test_a_review_is_posted_changed_and_removed(shop: Flask, reader: Graph) -> None:
    book_id = new_book(shop)
    post = """mutation($b: Int!, $r: Int!) { postReview(bookId: $b, rating: $r, title: "T") {
        review { id rating title user { username } book { reviewCount averageRating } } } }"""
    reader.refused(post, "validation_failed", b=book_id, r=6)
    review = reader.ask(post, b=book_id, r=4)["postReview"]["review"]
    assert review["book"] == {"reviewCount": 1, "averageRating": 4.0}
    reader.refused(post, "already_reviewed", b=book_id, r=5)
    change = """mutation($i: Int!) { updateReview(id: $i, rating: 2) {
        review { rating title book { averageRating } } } }"""
    changed = reader.ask(change, i=review["id"])["updateReview"]["review"]
    assert changed == {"rating": 2, "title": "T", "book": {"averageRating": 2.0}}
    gone = "mutation($i: Int!) { deleteReview(id: $i) { deletedId } }"
    assert reader.ask(gone, i=review["id"])["deleteReview"]["deletedId"] == review["id"]
    reader.refused(change, "not_found", i=review["id"])


def test_a_guests_cart_is_opened_once_a_request(shop: Flask, guest: Graph) -> None:
    first, second = new_book(shop), new_book(shop)
    query = """mutation($a: Int!, $b: Int!) {
        one: addToCart(bookId: $a) { cartToken }
        two: addToCart(bookId: $b) { cartToken cart { totalItems } } }"""
    answer = guest.send(query, variables={"a": first, "b": second})
    data = ok(answer)["data"]
    assert data["two"] == {"cartToken": None, "cart": {"totalItems": 2}}
    token = data["one"]["cartToken"]
    assert answer.headers["X-Cart-Token"] == token
    found = guest.send("{ cart { totalItems } }", headers={"X-Cart-Token": token})
    assert ok(found)["data"]["cart"]["totalItems"] == 2


def test_one_of_two_goes_wrong(shop: Flask, reader: Graph) -> None:
    book_id = new_book(shop)
    query = """mutation($b: Int!) {
        one: addToCart(bookId: $b) { cart { totalItems } }
        two: addToCart(bookId: 999999) { cart { totalItems } } }"""
    answer = ok(reader.send(query, variables={"b": book_id}))
    assert answer["data"] is None  # a payload is never null, so neither is what holds it
    (error,) = answer["errors"]
    assert (error["path"], error["extensions"]["code"]) == (["two"], "not_found")
    assert reader.ask("{ cart { totalItems } }")["cart"]["totalItems"] == 1
