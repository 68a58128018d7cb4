// The shop's API, for its own pages: who is logged in in this tab, and the cart of who is not yet.
const api = "/api/v2";

let tokens = JSON.parse(sessionStorage.getItem("tokens") || "null");

// A refusal of the shop's: a problem document, of which `code` says which one.
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail || `The shop answered ${status}.`);
    this.status = status;
    this.code = problem.code;
    this.problem = problem;
  }
}

// The tokens of this tab's login; null while nobody is logged in.
export function login() {
  return tokens;
}

// How many copies are in the cart, as far as this tab has heard.
export function copies() {
  return Number(sessionStorage.getItem("copies") || 0);
}

export function setCopies(count) {
  if (count) sessionStorage.setItem("copies", count);
  else sessionStorage.removeItem("copies");
  window.dispatchEvent(new Event("visitor"));
}

function keep(found) {
  tokens = found;
  if (found) sessionStorage.setItem("tokens", JSON.stringify(found));
  else sessionStorage.removeItem("tokens");
  window.dispatchEvent(new Event("visitor"));
}

async function send(method, path, body, headers) {
  const sent = { ...headers };
  if (body !== undefined) sent["Content-Type"] = "application/json";
  const answer = await fetch(api + path, {
    method, headers: sent, cache: "no-store", body: body === undefined ? undefined : JSON.stringify(body),
  });
  const found = answer.status === 204 ? null : await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Refused(answer.status, found || {});
  const cart = answer.headers.get("X-Cart-Token");
  if (cart) sessionStorage.setItem("cart", cart);
  if (found?.total_items !== undefined) setCopies(found.total_items);
  return found;
}

function credentials() {
  if (tokens) return { Authorization: `Bearer ${tokens.access}` };
  const cart = sessionStorage.getItem("cart");
  return cart ? { "X-Cart-Token": cart } : {};
}

// One at a time: a refresh token that comes twice is taken for stolen, and ends the login.
let refreshing = null;

function refresh() {
  const old = tokens;
  refreshing ??= send("POST", "/auth/token/refresh", { refresh: old.refresh })
    .then((found) => { if (tokens === old) keep(found); })
    .finally(() => { refreshing = null; });
  return refreshing;
}

// Ask for something as whoever is logged in, or as a guest with a cart.
export async function call(method, path, body, headers = {}) {
  const used = tokens;
  try {
    return await send(method, path, body, { ...headers, ...credentials() });
  } catch (error) {
    if (error.status !== 401 || !used) throw error;
    if (tokens === used) await refresh();
    if (!tokens) throw error; // logged out meanwhile
    return send(method, path, body, { ...headers, ...credentials() });
  }
}

// Log in, with the code of a second factor where there is one; a guest's cart becomes part of the
// account's.
export async function logIn(username, password, code) {
  const cart = sessionStorage.getItem("cart");
  keep(await send("POST", "/auth/token", { username, password, code }, cart ? { "X-Cart-Token": cart } : {}));
  sessionStorage.removeItem("cart");
  // What was in the account's before counts too; nobody is kept out for want of that.
  await call("GET", "/cart").catch(() => {});
}

// Forget the login, and have the shop forget it too unless it has ended already.
export function logOut({ tell = true } = {}) {
  const old = tokens;
  keep(null);
  setCopies(0);
  if (old && tell) {
    send("POST", "/auth/logout", { refresh: old.refresh }, { Authorization: `Bearer ${old.access}` })
      .catch(() => {});
  }
}
