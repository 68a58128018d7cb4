// The header of each page: how many copies are in the cart, and whether somebody is logged in.
import { copies, logOut, login } from "./client.js";
import { at } from "./dom.js";

const leave = at("leave");

// Where to go on after logging in: here, unless this is where one logs in.
function back() {
  const asked = new URLSearchParams(location.search).get("next");
  const here = ["/login", "/register"].includes(location.pathname) ? asked : location.pathname + location.search;
  return here && here !== "/" ? `?next=${encodeURIComponent(here)}` : "";
}

function show() {
  const known = login() !== null;
  const count = copies();
  at("copies").textContent = count ? ` (${count})` : "";
  at("mine").hidden = leave.hidden = !known;
  at("enter").hidden = known;
  at("enter").querySelector("a").href = `/login${back()}`;
}

// Pages that have more to forget have a button of their own.
if (at("logout")) leave.remove();
else {
  leave.querySelector("button").addEventListener("click", () => {
    logOut();
    location.assign("/");
  });
}
window.addEventListener("visitor", show);
window.addEventListener("pageshow", show);
show();
