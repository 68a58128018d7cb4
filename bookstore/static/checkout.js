// The checkout: cart, address, delivery, payment, and on to the order's tracker. What was entered
// and which order it became stays in this tab, so that whoever reloads or comes back goes on where
// they were, and never orders twice.
import { Refused, call, logIn, logOut, login, setCopies } from "./client.js";
import { showCart } from "./checkout-cart.js";
import { NoDelivery, askQuote } from "./checkout-delivery.js";
import { startPaying } from "./checkout-payment.js";
import { countries, countryName } from "./countries.js";
import { at, complain, make, markAll, markRefusal, markWrong, money, newKey, onSubmit, tell } from "./dom.js";

const SECTIONS = ["cart", "account", "address", "delivery", "payment"];
const FIELDS = ["name", "line1", "line2", "city", "region", "postal_code", "country"];

// {address, method, attempt: {key, body}, order}
let kept = JSON.parse(sessionStorage.getItem("checkout") || "{}");

let quote = null; // the last one shown

function keep(changes) {
  kept = { ...kept, ...changes };
  sessionStorage.setItem("checkout", JSON.stringify(kept));
}

// -- going from step to step ----------------------------------------------------------------
function show(section, { focus = true } = {}) {
  for (const id of SECTIONS) at(id).hidden = id !== section;
  const step = section === "account" ? "address" : section;
  const steps = [...at("steps").children];
  const place = steps.findIndex((item) => item.dataset.step === step);
  steps.forEach((item, i) => {
    item.classList.toggle("done", i < place);
    if (i === place) item.setAttribute("aria-current", "step");
    else item.removeAttribute("aria-current");
  });
  document.title = `${steps[place].textContent} · Checkout`;
  at("logout").hidden = !login();
  complain("");
  if (focus) at(section).querySelector("h2").focus();
}

function failed(error) {
  if (error instanceof Refused && error.status === 401) {
    logOut({ tell: false });
    show("account");
    complain("Please log in again.");
  } else if (error instanceof Refused) {
    const texts = Object.values(error.problem.errors || {}).flat();
    complain(texts.length ? texts.join(" ") : error.message);
  } else {
    complain("The shop cannot be reached. Please try again.");
  }
}

async function toCart(options) {
  show("cart", options);
  tell("");
  const cart = await showCart();
  at("unpaid").hidden = true;
  if (!cart.items.length && login()) await offerUnpaid();
}

// An order whose answer got lost, or that was left unpaid: better paid than made once more.
async function offerUnpaid() {
  const { data } = await call("GET", "/orders?status=pending&limit=5");
  const found = data.find((one) => ["unpaid", "failed"].includes(one.payment_status));
  if (!found) return;
  at("unpaid").querySelector("span").textContent = (
    `Your order ${found.number} of ${money(found.total_amount, found.currency)} is not paid yet.`
  );
  at("unpaid").querySelector("button").onclick = () => toPayment(found).catch(failed);
  at("unpaid").hidden = false;
}

async function toAddress() {
  if (!login()) {
    show("account");
    return;
  }
  show("address");
  if (!kept.address) {
    const { data } = await call("GET", "/orders?limit=1");
    if (data.length) fill(data[0].shipping_address);
  }
}

function fill(address) {
  for (const name of FIELDS) at(name).value = address[name] || "";
}

async function toDelivery() {
  const cart = await showCart();
  await price();
  at("bought").replaceChildren(...cart.items.map((item) => make(
    "li", {}, make("span", {}, `${item.quantity} × ${item.book.title}`), make("span", {}, item.line_total),
  )));
  show("delivery");
  const { name, city, country } = kept.address;
  at("to").textContent = `${name}, ${city}, ${countryName(country)}`;
}

async function price() {
  quote = await askQuote(kept.address, kept.method);
  keep({ method: quote.shipping_method });
}

// -- the order ----------------------------------------------------------------------------------
async function place() {
  const body = {
    shipping_address: kept.address, shipping_method: quote.shipping_method, expected_total: quote.total,
  };
  const text = JSON.stringify(body);
  // The same order asked for again has the same key, whatever became of the first answer.
  if (kept.attempt?.body !== text) keep({ attempt: { key: newKey(), body: text } });
  let order;
  try {
    order = await call("POST", "/orders", body, { "Idempotency-Key": kept.attempt.key });
  } catch (error) {
    // A refusal would be replayed; after anything else nobody knows whether there is an order.
    const final = error instanceof Refused && error.status < 500 && error.status !== 401
      && error.code !== "idempotency_in_progress";
    if (!final) throw error;
    keep({ attempt: undefined });
    await refused(error);
    return;
  }
  keep({ attempt: undefined, order: order.id });
  setCopies(0);
  await toPayment(order);
}

async function refused(error) {
  if (error.code === "total_changed") {
    const { expected_total: before, total_amount: now } = error.problem;
    await price();
    complain(
      `The total has changed from ${money(before, quote.currency)} to ${money(now, quote.currency)}. `
      + "Nothing was ordered. Please look again.",
    );
  } else if (error.code === "out_of_stock") {
    const left = Object.fromEntries(error.problem.items.map((one) => [one.book_id, one.available]));
    await toCart();
    for (const row of at("lines").children) {
      const available = left[row.dataset.book];
      if (available !== undefined) {
        row.querySelector(".what").append(make("small", { className: "changed" }, available ? `Only ${available} left` : "Sold out"));
      }
    }
    complain("Not all of these books are there any more. Nothing was ordered.");
  } else if (error.code === "cart_empty") {
    await toCart();
  } else if (error.code === "coupon_invalid") {
    await toCart(); // which says of each coupon whether it applies
    throw error;
  } else if (Object.keys(error.problem.errors || {}).some((name) => name.startsWith("shipping_address."))) {
    show("address");
    markAll(at("where"), error.problem.errors, "shipping_address.");
  } else {
    throw error;
  }
}

async function toPayment(order) {
  keep({ order: order.id });
  history.replaceState(null, "", `/checkout?order=${order.id}`);
  if (order.status === "cancelled") {
    forgetOrder();
    await toCart();
    complain(`Order ${order.number} was cancelled. What was paid for it, if anything, is given back.`);
  } else if (!["unpaid", "failed"].includes(order.payment_status)) {
    toTracker(order);
  } else {
    show("payment");
    tell(`Your order ${order.number} is placed. Now it wants to be paid.`);
    await startPaying(order, { paid: () => toTracker(order), resume, failed });
  }
}

function toTracker(order) {
  forgetOrder();
  location.assign(`/track/${order.number}`);
}

function forgetOrder() {
  keep({ order: undefined });
  history.replaceState(null, "", "/checkout");
}

// Go on with an order that was placed before.
async function resume(id, { status } = {}) {
  if (!login()) {
    show("account");
    return;
  }
  let order;
  try {
    order = await call("GET", `/orders/${id}`);
  } catch (error) {
    if (error.status !== 404) throw error;
    forgetOrder();
    await toCart();
    complain("There is no such order of yours.");
    return;
  }
  if (status === "succeeded") toTracker(order); // the event that says so may take a moment
  else await toPayment(order);
  if (status === "failed" && !at("payment").hidden) complain("The payment was not confirmed. Try again, or use another card.");
}

async function start() {
  const asked = new URLSearchParams(location.search);
  const id = asked.get("order") || kept.order;
  if (!/^[1-9]\d{0,17}$/.test(id || "")) return toCart({ focus: false });
  // What a bank adds to the address is nobody else's business.
  history.replaceState(null, "", `/checkout?order=${id}`);
  keep({ order: Number(id) });
  return resume(id, { status: asked.get("redirect_status") });
}

// -- what is pressed -----------------------------------------------------------------------------
async function enter(username, password) {
  const before = at("lines").children.length;
  await logIn(username, password);
  at("password").value = at("new-password").value = "";
  if (kept.order) {
    await resume(kept.order);
    return;
  }
  const { items } = await showCart();
  if (items.length === before && before > 0) {
    await toAddress();
  } else {
    await toCart();
    if (before > 0) tell("What was in your cart before is here too.");
  }
}

onSubmit(at("login"), () => enter(at("username").value, at("password").value), (error) => complain(error instanceof Refused ? error.message : "The shop cannot be reached. Please try again."));

onSubmit(at("register"), async () => {
  const account = Object.fromEntries(new FormData(at("register")));
  await call("POST", "/auth/register", account);
  await enter(account.username, account.password);
}, (error) => {
  if (!markRefusal(at("register"), error)) failed(error);
});

onSubmit(at("where"), async () => {
  const address = Object.fromEntries(new FormData(at("where")));
  keep({ address });
  await toDelivery();
}, (error) => {
  if (error instanceof NoDelivery) {
    markWrong(at("country"), `Nothing is sent to ${countryName(kept.address.country)}, sorry.`);
    at("country").focus();
  } else if (error.code === "cart_empty") toCart().catch(failed);
  else if (!markAll(at("where"), error.problem?.errors, "shipping_address.")) failed(error);
});

at("methods").addEventListener("change", (event) => {
  keep({ method: event.target.value });
  price().catch(failed);
});
onSubmit(at("order"), place, failed);

at("to-address").addEventListener("click", () => toAddress().catch(failed));
for (const button of document.querySelectorAll("[data-go]")) {
  const go = button.dataset.go === "cart" ? toCart : toAddress;
  button.addEventListener("click", () => go().catch(failed));
}
at("logout").addEventListener("click", () => {
  logOut();
  sessionStorage.removeItem("checkout");
  kept = {};
  history.replaceState(null, "", "/checkout");
  at("where").reset();
  toCart().catch(failed);
});
// Back by the browser's button: the page is as it was left, the order may have moved on.
window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

at("country").append(...countries().map(([code, name]) => make("option", { value: code }, name)));
if (kept.address) fill(kept.address);
start().catch(failed);
