// The cart's step of the checkout: its lines, books to add, coupons.
import { call } from "./client.js";
import { at, complain, isZero, make, markWrong, money, onSubmit, showSums } from "./dom.js";

let cart = null;

// Read the cart and show it; returns it.
export async function showCart() {
  draw(await call("GET", "/cart"));
  return cart;
}

function draw(found) {
  cart = found;
  const shown = (amount) => money(amount, cart.currency);
  at("empty").hidden = cart.items.length > 0;
  at("filled").hidden = cart.items.length === 0;
  at("lines").replaceChildren(...cart.items.map(line));
  at("coupons").replaceChildren(...cart.coupons.map((one) => make(
    "li", {},
    make("span", {}, one.code, one.applies && !isZero(one.discount) ? `: −${shown(one.discount)}` : "",
      one.applies && one.kind === "free_shipping" ? ": free shipping" : ""),
    make("button", { type: "button", className: "quiet", onclick: () => change(() => call("DELETE", "/cart/coupon")) },
      cart.coupons.length > 1 ? "Take all off" : "Take it off"),
    one.applies ? null : make("span", { className: "why" }, one.detail || one.reason),
  )));
  showSums(at("cart-sums"), [
    ["Books", shown(cart.subtotal)],
    ...(isZero(cart.discount) ? [] : [["Discount", `−${shown(cart.discount)}`]]),
    ["Before delivery", shown(left()), "total"],
  ]);
}

// Decimal strings are taken apart as whole numbers: a float is no amount.
function left() {
  const places = cart.subtotal.split(".")[1]?.length || 0;
  const minor = (amount) => BigInt(amount.replace(".", ""));
  const text = String(minor(cart.subtotal) - minor(cart.discount)).padStart(places + 1, "0");
  return places ? `${text.slice(0, -places)}.${text.slice(-places)}` : text;
}

function cover(book) {
  const blank = () => make("span", { className: "cover", ariaHidden: "true" }, book.title.slice(0, 1));
  if (!book.cover) return blank();
  const picture = make("img", { className: "cover", src: book.cover.thumbnail_url, alt: "", loading: "lazy" });
  picture.addEventListener("error", () => picture.replaceWith(blank()));
  return picture;
}

function line(item) {
  const { book } = item;
  const changed = item.price_changed_from;
  const quantity = make("input", {
    type: "number", min: 1, max: 999, value: item.quantity, required: true, ariaLabel: `Copies of ${book.title}`,
  });
  quantity.addEventListener("change", () => {
    if (quantity.reportValidity()) {
      change(() => call("PATCH", `/cart/items/${book.id}`, { quantity: quantity.valueAsNumber }));
    }
  });
  const row = make(
    "li", {},
    cover(book),
    make("span", { className: "what" }, book.title,
      make("small", {}, [book.author?.full_name, money(item.unit_price, cart.currency)].filter(Boolean).join(" · ")),
      changed ? make("small", { className: "changed" }, `It was ${money(changed, cart.currency)} when you put it in`) : null),
    make("span", { className: "amount" }, money(item.line_total, cart.currency)),
    make("span", { className: "controls" }, quantity, make("button", {
      type: "button", className: "quiet", ariaLabel: `Remove ${book.title}`,
      onclick: () => change(() => call("DELETE", `/cart/items/${book.id}`)),
    }, "Remove")),
  );
  row.dataset.book = book.id;
  return row;
}

// One change at a time; the cart is shown as the shop has it, whatever came of it.
let turn = Promise.resolve();

function change(work) {
  turn = turn.then(async () => {
    complain("");
    try {
      draw(await work());
    } catch (error) {
      await showCart().catch(() => {});
      complain(error.problem ? error.message : "The shop cannot be reached. Please try again.");
    }
  });
  return turn;
}

onSubmit(at("coupon"), async () => {
  draw(await call("PUT", "/cart/coupon", { code: at("code").value }));
  at("code").value = "";
}, (error) => {
  const texts = Object.values(error.problem?.errors || {}).flat();
  markWrong(at("code"), texts.join(" ") || error.problem?.detail || "The shop cannot be reached. Please try again.");
  at("code").focus();
});

onSubmit(at("find"), async () => {
  const wanted = encodeURIComponent(at("wanted").value);
  const { data } = await call("GET", `/books?q=${wanted}&limit=5`);
  at("found").replaceChildren(...data.map((book) => make(
    "li", {},
    cover(book),
    make("span", { className: "what" }, book.title, make("small", {}, `${book.author?.full_name || ""} · ${money(book.price, book.currency)}`)),
    book.stock_state === "in_stock" || book.stock_state === "low_stock"
      ? make("button", { type: "button", className: "second", ariaLabel: `Add ${book.title}`, onclick: () => add(book) }, "Add")
      : make("span", {}, "not available"),
  )));
  if (!data.length) at("found").append(make("li", {}, make("span"), "No book is like that."));
}, (error) => complain(error.problem ? error.message : "The shop cannot be reached. Please try again."));

async function add(book) {
  await change(() => call("POST", "/cart/items", { book_id: book.id }));
  at("found").replaceChildren();
  at("wanted").value = "";
  at("cart-title").focus();
}
