// The order tracker. It logs in, reads the order, follows it over a WebSocket, and starts over
// whenever the connection breaks. The server sends the whole small state with a version that
// grows; older states are dropped, so nothing is missed and nothing goes backwards.
import { Refused, call, logIn, logOut as forget, login } from "./client.js";

(() => {
  const number = document.body.dataset.number;
  const at = (id) => document.getElementById(id);
  const words = {
    pending: "We have your order.",
    processing: "We are packing your books.",
    shipped: "Your books are on their way.",
    delivered: "Your books have arrived.",
    cancelled: "This order was cancelled.",
  };
  const steps = ["pending", "processing", "shipped", "delivered"];
  const longestWait = 30_000;

  let order = null;
  let socket = null;
  let failures = 0;
  let timer = null;
  let heard = 0; // messages that came
  let asking = null; // the run that is getting a ticket
  let running = 0; // grows with each log-in and log-out; whoever finds it changed stops

  // -- what is shown ------------------------------------------------------------------------
  function complain(text) {
    at("problem").textContent = text;
    at("problem").hidden = !text;
  }

  function connection(state, text) {
    at("connection").dataset.state = state;
    if (at("connection").textContent !== text) at("connection").textContent = text;
  }

  function row(left, right, instant) {
    const item = document.createElement("li");
    const a = document.createElement("span");
    a.textContent = left;
    const b = document.createElement(instant ? "time" : "span");
    b.textContent = right;
    if (instant) b.dateTime = instant;
    item.append(a, b);
    return item;
  }

  function when(instant) {
    return new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" })
      .format(new Date(instant));
  }

  function show(state) {
    order = { ...order, ...state };
    const reached = steps.indexOf(order.status);
    at("order").classList.toggle("cancelled", order.status === "cancelled");
    const isBack = order.payment_status === "refunded" && reached >= 0 && reached < 2;
    at("status").textContent = isBack
      ? "Your money has gone back, so nothing will be sent."
      : words[order.status] || order.status;
    for (const item of at("steps").children) {
      const place = steps.indexOf(item.dataset.status);
      item.classList.toggle("done", place <= reached);
      if (place === reached) item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
    }
    at("unpaid").hidden = order.status !== "pending" || !["unpaid", "failed"].includes(order.payment_status);
    at("pay").href = `/checkout?order=${order.id}`;
    at("tracking").hidden = !order.tracking_number;
    at("tracking").querySelector("dd").textContent = order.tracking_number || "";
    if (order.total_amount) {
      at("total").textContent = `${order.total_amount} ${order.currency.toUpperCase()}`;
    }
    document.title = `${order.status} · Order ${number}`;
    at("order").dataset.version = order.version;
  }

  async function showHistory() {
    const { data } = await call("GET", `/orders/${order.id}/events`);
    // A line that moves nothing, such as a refund, is its note.
    const told = ({ from, to, note }) => (
      from === to && note ? note[0].toUpperCase() + note.slice(1) : words[to] + (note ? ` (${note})` : "")
    );
    at("history").replaceChildren(
      ...data.map((entry) => row(told(entry), when(entry.at), entry.at)),
    );
  }

  // -- following ----------------------------------------------------------------------------
  function newer(state) {
    return state && (order === null || order.version === undefined || state.version > order.version);
  }

  // A connection can be gone without a word (another network, a long sleep), and pings are the
  // browser's own. So ask for the state now and then; the answer comes even if nothing is new.
  function probe(run, patience) {
    const asked = socket, before = heard;
    if (run !== running || !asked || asked.readyState !== WebSocket.OPEN) return;
    asked.send(JSON.stringify({ type: "sync", versions: { [order.id]: 0 } }));
    setTimeout(() => {
      if (socket !== asked || heard !== before || run !== running) return;
      asked.onclose = asked.onmessage = null;
      asked.close();
      again(run);
    }, patience);
  }

  function received(text) {
    heard += 1;
    const message = JSON.parse(text);
    const state = message.order || message.update;
    if (newer(state)) {
      const { order_id: _same, ...rest } = state;
      show(rest);
      showHistory().catch(() => {});
    }
    failures = 0;
    connection("live", `Live. Last word at ${when(new Date())}.`);
  }

  async function follow(run) {
    if (socket || asking === run || run !== running) return;
    clearTimeout(timer);
    asking = run;
    connection("connecting", "Connecting …");
    try {
      const { ticket } = await call("POST", "/ws/tickets");
      if (run !== running) return;
      const url = new URL(`/ws/orders/${order.id}/`, location.href);
      url.protocol = url.protocol.replace("http", "ws");
      url.searchParams.set("ticket", ticket);
      socket = new WebSocket(url);
      socket.onmessage = (event) => received(event.data);
      socket.onclose = (event) => { if (run === running) again(run, event.code); };
    } catch (error) {
      if (run === running) (error.status === 401 ? logOut("Please log in again.") : again(run));
    } finally {
      if (asking === run) asking = null;
    }
  }

  function again(run, code) {
    socket = null;
    failures += 1;
    // Full jitter: after a restart of the shop not everybody comes back at the same moment.
    const wait = code === 4401 ? 0 : Math.random() * Math.min(longestWait, 500 * 2 ** failures);
    connection("waiting", "Connection lost. Trying again …");
    timer = setTimeout(() => follow(run), wait);
  }

  async function start() {
    running += 1;
    const run = running;
    complain("");
    try {
      const { data } = await call("GET", `/orders?number=${encodeURIComponent(number)}`);
      if (run !== running) return;
      if (!data.length) return logOut("There is no such order of yours.");
      order = null;
      show(data[0]);
      const { items, discount, shipping, tax } = data[0];
      const sums = [["Discount", discount, "−"], ["Delivery", shipping, ""], ["Tax", tax, ""]];
      at("items").replaceChildren(
        ...items.map((item) => row(`${item.quantity} × ${item.title}`, item.line_total)),
        ...sums.filter(([, sum]) => Number(sum)).map(([what, sum, sign]) => row(what, sign + sum)),
      );
      at("login").hidden = true;
      at("order").hidden = false;
      showHistory().catch(() => {});
      follow(run);
    } catch (error) {
      if (error.status === 401) logOut("");
      else if (run === running) {
        complain(error instanceof Refused ? error.message : "The shop cannot be reached. Trying again …");
        timer = setTimeout(start, 5000);
      }
    }
  }

  function logOut(why, tell = false) {
    running += 1;
    clearTimeout(timer);
    if (socket) socket.close();
    socket = null;
    forget({ tell });
    at("order").hidden = true;
    at("login").hidden = false;
    complain(why);
    at("username").focus();
  }

  at("login").addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await logIn(at("username").value, at("password").value);
      at("password").value = "";
      await start();
      if (order) at("order").querySelector("h2").focus();
    } catch (error) {
      complain(error instanceof Refused ? error.message : "The shop cannot be reached.");
    }
  });
  at("logout").addEventListener("click", () => logOut("", true));
  at("invoice").addEventListener("click", async () => {
    // Opened at once, since a browser lets nothing be opened later on.
    const tab = window.open("about:blank");
    try {
      const { ticket } = await call("POST", "/ws/tickets");
      tab.location = `/api/v2/orders/${order.id}/invoice?ticket=${ticket}`;
    } catch {
      tab?.close();
      complain("The shop cannot be reached. Please try again.");
    }
  });
  // Back from sleep or from another network: do not wait for the timer.
  for (const name of ["online", "pageshow", "visibilitychange"]) {
    (name === "visibilitychange" ? document : window).addEventListener(name, () => {
      if (!login() || !order || document.visibilityState !== "visible") return;
      if (socket) probe(running, 3_000);
      else follow(running);
    });
  }
  setInterval(() => probe(running, 10_000), 30_000);

  if (login()) start();
  else logOut("");
})();
