// The payment's step of the checkout: by Stripe's card form, or by a form for test cards.
// Whether an order is paid is told to the shop by Stripe; the browser only shows it.
import { call } from "./client.js";
import { at, complain, money, onSubmit, showSums, sumsOf, tell } from "./dom.js";

const WORDS = {
  insufficient_funds: "There is too little money on this card.",
  expired_card: "This card has expired.",
  incorrect_cvc: "The card's security code is wrong.",
  incorrect_number: "That is not a card number.",
  processing_error: "The bank could not be asked. Please try again.",
  test_mode_live_card: "This shop takes test cards only. Yours was not charged.",
  authentication_required: "The bank wants to ask you first, and could not.",
};
const paysBy = document.body.dataset.paysBy;

let order = null;
let intent = null; // what the shop said of paying it: client_secret, amount, …
let then = null; // where to go on: paid(), resume(id), failed(error)
let stripe = null;
let elements = null;

// Show what is to be paid, and how; the order is the buyer's own and not paid yet.
export async function startPaying(placed, next) {
  [order, then, intent] = [placed, next, null];
  at("number").textContent = order.number;
  showSums(at("ordered"), sumsOf(order, order.total_amount));
  if (paysBy === "nothing") return;
  at("pay-now").textContent = `Pay ${money(order.total_amount, order.currency)}`;
  await open();
}

async function open() {
  if (intent) return;
  intent = await call("POST", `/orders/${order.id}/payment-intent`);
  if (paysBy !== "stripe") return;
  if (!window.Stripe) {
    intent = null;
    throw new Error("Stripe's card form cannot be loaded.");
  }
  stripe = window.Stripe(intent.publishable_key);
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  elements = stripe.elements({ clientSecret: intent.client_secret, appearance: { theme: dark ? "night" : "stripe" } });
  elements.create("payment").mount("#elements");
}

async function payByStripe() {
  const { error } = await stripe.confirmPayment({
    elements, confirmParams: { return_url: `${location.origin}/checkout?order=${order.id}` },
  });
  if (error) complain(error.message); // otherwise the browser is on its way
}

async function payByTestCard() {
  const found = await call("POST", "/payments/test/confirm", {
    client_secret: intent.client_secret,
    card_number: at("card").value.trim(),
    return_url: `/checkout?order=${order.id}`,
  });
  if (found.status === "succeeded") {
    then.paid();
  } else if (found.status === "requires_action") {
    location.assign(found.next_action.url);
  } else {
    tell("");
    complain(`${WORDS[found.decline_code] || "The card was declined."} Nothing was charged. You can try another card.`);
    at("card").select();
  }
}

onSubmit(at("pay"), async () => {
  await open();
  await (paysBy === "stripe" ? payByStripe() : payByTestCard());
}, (error) => {
  // Paid, cancelled or out of time meanwhile: the order knows.
  if (["already_paid", "order_not_payable"].includes(error.code)) then.resume(order.id).catch(then.failed);
  else then.failed(error);
});

for (const button of document.querySelectorAll("[data-card]")) {
  button.addEventListener("click", () => {
    at("card").value = button.dataset.card;
    at("card").focus();
  });
}
