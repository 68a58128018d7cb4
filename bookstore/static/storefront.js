// The first page and the pages of books: books go into the cart and onto the wishlist from there.
import { Refused, call, login } from "./client.js";
import { at, complain, make, money } from "./dom.js";
import "./suggest.js";

// A cover that cannot be had gives way to the title's first letter.
function mend(picture) {
  const blank = () => picture.replaceWith(make("span", { className: "cover", ariaHidden: "true" }, picture.dataset.letter));
  if (picture.complete && !picture.naturalWidth) blank();
  else picture.addEventListener("error", blank);
}

function say(text, link, words) {
  at("done").replaceChildren(text, make("a", { href: link }, words));
}

async function add({ dataset: { add: id, title } }) {
  await call("POST", "/cart/items", { book_id: Number(id) });
  say(`“${title}” is in your cart. `, "/checkout", "Go to the cart");
}

async function wish({ dataset: { wish: id, title } }) {
  if (!login()) {
    location.assign(`/login?next=${encodeURIComponent(location.pathname)}`);
    return;
  }
  try {
    await call("POST", "/wishlist/items", { book_id: Number(id) });
  } catch (error) {
    if (error.code !== "already_in_wishlist") throw error;
  }
  at("done").textContent = `“${title}” is on your wishlist.`;
}

// One press is one copy, however long the answer takes.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-add], button[data-wish]");
  if (!button || button.disabled) return;
  button.disabled = true;
  complain("");
  at("done").textContent = "";
  try {
    await ("add" in button.dataset ? add(button) : wish(button));
  } catch (error) {
    complain(error instanceof Refused ? error.message : "The shop cannot be reached. Please try again.");
  } finally {
    button.disabled = false;
    button.focus({ preventScroll: true });
  }
});

// Nothing is missed where there is no such list.
async function showAlso(id) {
  const { data } = await call("GET", `/books/${id}/recommendations`);
  at("also-books").replaceChildren(...data.map((book) => make(
    "li", {},
    book.cover
      ? make("img", { className: "cover", src: book.cover.thumbnail_url, alt: "" })
      : make("span", { className: "cover", ariaHidden: "true" }, book.title.slice(0, 1)),
    make("div", { className: "what" },
      make("h3", {}, make("a", { href: `/books/${book.id}` }, book.title)),
      make("p", {}, book.author?.full_name),
      make("p", {}, make("strong", { className: "price" }, money(book.price, book.currency)))),
  )));
  for (const picture of at("also-books").querySelectorAll("img")) {
    picture.dataset.letter = picture.closest("li").querySelector("a").textContent.slice(0, 1);
    mend(picture);
  }
  at("also").hidden = !data.length;
}

for (const picture of document.querySelectorAll("img.cover")) mend(picture);
if (document.body.dataset.book) showAlso(document.body.dataset.book).catch(() => {});
