// Writing a review, on the page of a book: one a reader and book, by the API.
import { Refused, call, logOut, login } from "./client.js";
import { at, make, markRefusal, newKey, onSubmit, tell } from "./dom.js";

const form = at("review");
const id = document.body.dataset.book;
const DRAFT = `review of ${id}`;

let key = newKey(); // of what is typed now: sent twice, it is one review
let isWritten = false;

function show() {
  form.hidden = isWritten || !login();
  at("before-review").hidden = isWritten || login() !== null;
}

function complain(text) {
  at("review-problem").textContent = text;
  at("review-problem").hidden = !text;
}

function typed() {
  const { rating, ...texts } = Object.fromEntries(new FormData(form));
  return { rating: Number(rating), ...texts };
}

// As the server has it in the list.
function entry(review) {
  return make(
    "li", {},
    make("h3", {}, `${review.rating} of 5${review.title && `: ${review.title}`}`),
    make("p", { className: "fine" }, `${review.user}, `, make("time", { dateTime: review.created_at }, review.created_at.slice(0, 10))),
    review.comment ? make("p", { className: "comment" }, review.comment) : null,
  );
}

async function showRating() {
  const book = await call("GET", `/books/${id}`);
  const count = `${book.review_count} review${book.review_count === 1 ? "" : "s"}`;
  at("rated").replaceChildren(make("span", { ariaHidden: "true" }, "★"), ` ${book.average_rating} of 5 (${count})`);
}

async function send() {
  complain("");
  const review = await call("POST", `/books/${id}/reviews`, typed(), { "Idempotency-Key": key });
  sessionStorage.removeItem(DRAFT);
  isWritten = true;
  at("no-reviews")?.remove();
  at("reviews").prepend(entry(review));
  show();
  tell("Your review is there. Thank you.");
  // The form that had the focus is gone.
  at("said").focus();
  showRating().catch(() => {});
}

function refused(error) {
  if (error.status === 401) {
    // What was typed is there again when they come back.
    sessionStorage.setItem(DRAFT, JSON.stringify(typed()));
    logOut({ tell: false });
    location.assign(at("before-review").querySelector("a").href);
    return;
  }
  if (!(error instanceof Refused)) complain("The shop cannot be reached. Please try again.");
  else if (!markRefusal(form, error)) complain(error.message);
}

for (const [name, value] of Object.entries(JSON.parse(sessionStorage.getItem(DRAFT) || "{}"))) {
  form.elements.namedItem(name).value = value || "";
}
form.addEventListener("input", () => { key = newKey(); });
onSubmit(form, send, refused);
window.addEventListener("visitor", show);
window.addEventListener("pageshow", show);
show();
