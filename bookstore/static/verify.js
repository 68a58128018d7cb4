// Verifies an address by the token behind the #. By a button: programs that look through people's
// mail open links too.
"use strict";

(() => {
  const at = (id) => document.getElementById(id);
  const token = location.hash.slice(1);
  // A token should not stay in the history of a browser that others use too.
  if (token) history.replaceState(null, "", location.pathname);

  function complain(text) {
    at("problem").textContent = text;
    at("problem").hidden = false;
  }

  async function verify() {
    let answer;
    try {
      answer = await fetch("/api/v2/auth/verify-email", {
        method: "POST", headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ token }),
      });
    } catch {
      return complain("The shop cannot be reached. Please try again.");
    }
    if (answer.ok) {
      at("verify").hidden = true;
      at("done").textContent = "Thank you. Your address is verified.";
      return;
    }
    const told = await answer.json().catch(() => ({}));
    const errors = Object.values(told.errors || {}).flat();
    complain(errors.join(" ") || told.detail || `The shop answered ${answer.status}.`);
  }

  at("verify").addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = at("verify").querySelector("button");
    button.disabled = true;
    at("problem").hidden = true;
    await verify();
    button.disabled = false;
  });

  if (token) {
    at("verify").hidden = false;
    at("verify").querySelector("button").focus();
  } else {
    complain("This page is opened by the link in a mail of ours.");
  }
})();
