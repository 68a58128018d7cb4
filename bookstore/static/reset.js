// A new password: with a token behind the # it is chosen, without one a link is asked for.
"use strict";

(() => {
  const at = (id) => document.getElementById(id);
  let token = location.hash.slice(1);
  // A token should not stay in the history of a browser that others use too.
  if (token) history.replaceState(null, "", location.pathname);

  function show(form) {
    for (const id of ["ask", "choose"]) at(id).hidden = id !== form;
    at("problem").hidden = true;
    if (form) at(form).querySelector("input").focus();
  }

  async function send(path, body) {
    let answer;
    try {
      answer = await fetch(`/api/v2/auth/password-reset${path}`, {
        method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
      });
    } catch {
      throw new Error("The shop cannot be reached. Please try again.");
    }
    if (answer.ok) return;
    const told = await answer.json().catch(() => ({}));
    const errors = Object.values(told.errors || {}).flat();
    const refused = new Error(errors.join(" ") || told.detail || `The shop answered ${answer.status}.`);
    refused.code = told.code;
    throw refused;
  }

  function on(form, work) {
    at(form).addEventListener("submit", async (event) => {
      event.preventDefault();
      const button = at(form).querySelector("button");
      button.disabled = true;
      at("problem").hidden = true;
      try {
        await work();
      } catch (error) {
        if (error.code === "reset_token_invalid") {
          token = "";
          show("ask");
        }
        at("problem").textContent = error.message;
        at("problem").hidden = false;
      } finally {
        button.disabled = false;
      }
    });
  }

  on("ask", async () => {
    await send("", { email: at("email").value });
    show(null);
    at("done").textContent = "Thank you. If there is an account, a mail is on its way.";
  });
  on("choose", async () => {
    await send("/confirm", { token, password: at("password").value });
    token = "";
    show(null);
    at("done").textContent = "Your new password is set. You can log in with it now.";
  });
  show(token ? "choose" : "ask");
})();
