// The delivery's step of the checkout: the ways to send it, and what it would cost.
import { call } from "./client.js";
import { at, make, money, showSums, sumsOf } from "./dom.js";

// The shop sends nothing there.
export class NoDelivery extends Error {}

let shown = null;
let asked = 0; // an answer that is not to the last question is old

// Ask what the cart would cost, show it, and return it. A way that does not go there gives way
// to the shop's first one that does.
export async function askQuote(address, method = "standard") {
  asked += 1;
  const mine = asked;
  at("place").disabled = true;
  try {
    const found = await ask(address, method);
    if (mine === asked) {
      shown = found;
      show();
    }
  } finally {
    if (mine === asked) at("place").disabled = false;
  }
  return shown;
}

async function ask(address, method) {
  const body = { shipping_address: address, shipping_method: method };
  try {
    return await call("POST", "/cart/quote", body);
  } catch (error) {
    if (!error.problem?.errors?.shipping_method) throw error;
    const { data } = await call("GET", `/shipping-methods?country=${address.country}`);
    const other = data.find((one) => one.code !== method);
    if (!other) throw new NoDelivery();
    return call("POST", "/cart/quote", { ...body, shipping_method: other.code });
  }
}

function show() {
  at("methods").replaceChildren(...shown.shipping_methods.map((way) => make(
    "label", { className: "method" },
    make("input", { type: "radio", name: "method", value: way.code, checked: way.code === shown.shipping_method }),
    make("span", {}, way.name),
    make("span", {}, money(way.price, shown.currency)),
    make("small", {}, arrival(way.delivery)),
  )));
  const way = shown.shipping_methods.find((one) => one.code === shown.shipping_method);
  showSums(at("quote"), sumsOf(shown, shown.total, way.name));
  at("place").textContent = `Place the order: ${money(shown.total, shown.currency)}`;
}

function arrival({ min_date: first, max_date: last }) {
  const dates = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short", timeZone: "UTC" });
  return `Arrives ${dates.formatRange(new Date(first), new Date(last))}`;
}
