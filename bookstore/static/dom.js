// What the shop's pages need of the document. Text is put in as text, never as HTML.
export const at = (id) => document.getElementById(id);

// Make an element: its properties, then what is in it (elements or text).
export function make(tag, properties = {}, ...inside) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...inside.filter((one) => one !== null && one !== undefined));
  return element;
}

export function complain(text) {
  at("problem").textContent = text;
  at("problem").hidden = !text;
  if (text) at("problem").scrollIntoView({ block: "nearest" });
}

export function tell(text) {
  at("done").textContent = text;
}

export function money(amount, currency) {
  return `${amount} ${currency.toUpperCase()}`;
}

export function isZero(amount) {
  return !/[1-9]/.test(amount);
}

// Fill a list of sums with [name, amount, class] each.
export function showSums(list, rows) {
  list.replaceChildren(...rows.map(([name, amount, kind = ""]) => (
    make("div", { className: kind }, make("dt", {}, name), make("dd", {}, amount))
  )));
}

// What an order or a quote costs, for showSums.
export function sumsOf(priced, total, way) {
  const shown = (amount) => money(amount, priced.currency);
  const freed = priced.discounts.find((one) => one.kind === "free_shipping");
  return [
    ["Books", shown(priced.subtotal)],
    ...priced.discounts.filter((one) => one !== freed)
      .map((one) => [`Coupon ${one.code}`, `−${shown(one.amount)}`]),
    [[way || "Shipping", freed && `free by coupon ${freed.code}`].filter(Boolean).join(", "), shown(priced.shipping)],
    ...priced.tax_lines.filter((one) => !one.inclusive)
      .map((one) => [`Tax ${one.percent} %`, shown(one.tax)]),
    ["Total", shown(total), "total"],
    ...priced.tax_lines.filter((one) => one.inclusive && !isZero(one.tax))
      .map((one) => [`of which tax ${one.percent} %`, shown(one.tax), "within"]),
  ];
}

// An Idempotency-Key; crypto.randomUUID is not there by plain HTTP.
export function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function clearWrong(form) {
  for (const note of form.querySelectorAll(".wrong")) note.remove();
  for (const field of form.querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid");
    field.removeAttribute("aria-describedby");
  }
}

// Say beside a field what is wrong with it.
export function markWrong(field, text) {
  const note = make("small", { className: "wrong", id: `${field.id}-wrong` }, text);
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", note.id);
  const last = field.form.classList.contains("inline") ? field.nextElementSibling : field;
  last.after(note);
}

// Mark the fields that a refusal names, and go to the first; whether it named any.
export function markAll(form, errors, prefix = "") {
  const fields = Object.entries(errors || {})
    .map(([name, texts]) => [form.elements.namedItem(name.replace(prefix, "")), texts])
    .filter(([field]) => field);
  for (const [field, texts] of fields) markWrong(field, texts.join(" "));
  fields[0]?.[0].focus();
  return fields.length > 0;
}

const TAKEN = { username_taken: "username", email_taken: "email" };

// As markAll, for whatever a refusal says of the form; whether it was about a field.
export function markRefusal(form, error, prefix = "") {
  const taken = TAKEN[error.code];
  return markAll(form, taken ? { [taken]: [error.message] } : error.problem?.errors, prefix);
}

// Run work when a form is sent: one at a time, its button resting meanwhile.
export function onSubmit(form, work, failed) {
  let busy = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = true;
    const button = form.querySelector("button:not([type=button])");
    const hadFocus = document.activeElement === button;
    button.disabled = true;
    complain("");
    clearWrong(form);
    try {
      await work();
    } catch (error) {
      failed(error);
    } finally {
      busy = false;
      button.disabled = false;
      // A button that rests loses it; whoever goes on by keys goes on from there.
      if (hadFocus && document.activeElement === document.body) button.focus({ preventScroll: true });
    }
  });
}
