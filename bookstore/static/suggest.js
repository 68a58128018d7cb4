// Titles while one types, in the search box: a combobox with a list, as ARIA's authoring practices
// have it. Without it, or without an answer, the box still searches.
import { call } from "./client.js";
import { at, make } from "./dom.js";

const box = at("q");
const list = at("suggestions");
const PATIENCE = 250; // ms without a key; each question counts against the visitor's limit

let timer = null;
let asked = 0; // an answer that is not to the last question is old
let chosen = -1;

function close() {
  clearTimeout(timer);
  asked += 1;
  list.hidden = true;
  chosen = -1;
  box.setAttribute("aria-expanded", "false");
  box.removeAttribute("aria-activedescendant");
}

function choose(place) {
  const options = [...list.children];
  chosen = (place + options.length) % options.length;
  options.forEach((one, i) => one.setAttribute("aria-selected", String(i === chosen)));
  box.setAttribute("aria-activedescendant", options[chosen].id);
  options[chosen].scrollIntoView({ block: "nearest" });
}

async function suggest() {
  const text = box.value.trim();
  close();
  if (text.length < 2) return;
  const mine = asked;
  const { data } = await call("GET", `/books/suggest?q=${encodeURIComponent(text.slice(0, 100))}`);
  if (mine !== asked || !data.length || document.activeElement !== box) return;
  list.replaceChildren(...data.map((book, i) => {
    const option = make("li", { id: `suggestion-${i}`, role: "option" },
      make("span", {}, book.title), make("small", {}, book.author_name));
    option.setAttribute("aria-selected", "false");
    option.dataset.book = book.id;
    return option;
  }));
  list.hidden = false;
  box.setAttribute("aria-expanded", "true");
}

box.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(() => suggest().catch(() => {}), PATIENCE);
});
box.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !list.hidden) close();
  else if (list.hidden) return;
  else if (event.key === "ArrowDown") choose(chosen + 1);
  else if (event.key === "ArrowUp") choose(chosen < 0 ? -1 : chosen - 1);
  else if (event.key === "Enter" && chosen >= 0) location.assign(`/books/${list.children[chosen].dataset.book}`);
  else return;
  event.preventDefault();
});
box.addEventListener("blur", close);
// Before the box loses the focus, which would take the list away under the pointer.
list.addEventListener("pointerdown", (event) => event.preventDefault());
list.addEventListener("click", (event) => {
  const option = event.target.closest("[role=option]");
  if (option) location.assign(`/books/${option.dataset.book}`);
});
