// What somebody has ordered, the newest first; each leads to its tracker.
import { Refused, call, logOut, login } from "./client.js";
import { at, complain, make, money } from "./dom.js";

const words = {
  pending: "Received", processing: "Being packed", shipped: "On its way", delivered: "Delivered", cancelled: "Cancelled",
};
const dates = new Intl.DateTimeFormat(undefined, { dateStyle: "medium" });

let cursor = "";
let busy = false;

function line(order) {
  const when = make("time", { dateTime: order.created_at }, dates.format(new Date(order.created_at)));
  return make(
    "li", {},
    make("span", {}, make("a", { href: `/track/${order.number}`, className: "number" }, order.number), " · ", when,
      " · ", words[order.status] || order.status),
    make("span", {}, money(order.total_amount, order.currency)),
  );
}

function toLogin() {
  location.replace("/login?next=/orders");
}

async function show() {
  if (busy) return; // the same orders once, however often it is pressed
  busy = true;
  complain("");
  try {
    const found = await call("GET", `/orders?limit=20${cursor && `&cursor=${encodeURIComponent(cursor)}`}`);
    at("orders").append(...found.data.map(line));
    cursor = found.next_cursor || "";
    at("more").hidden = !cursor;
    at("none").hidden = at("orders").children.length > 0;
  } catch (error) {
    if (error.status === 401) {
      logOut({ tell: false });
      toLogin();
    } else complain(error instanceof Refused ? error.message : "The shop cannot be reached. Please try again.");
  } finally {
    busy = false;
  }
}

at("more").addEventListener("click", show);
if (login()) show();
else toLogin();
