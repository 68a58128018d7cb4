// Logging in and making an account. A guest's cart comes along, and then it goes on to where they
// were.
import { Refused, call, logIn, login } from "./client.js";
import { at, complain, markRefusal, markWrong, onSubmit } from "./dom.js";

const asked = new URLSearchParams(location.search).get("next");

// Nobody is led to another site by a link to this page.
function next() {
  try {
    const found = new URL(asked || "/", location.origin);
    return found.origin === location.origin ? found.href : "/";
  } catch {
    return "/";
  }
}

async function enter(code) {
  await logIn(at("username").value, at("password").value, code);
  location.assign(next());
}

function failed(error) {
  complain(error instanceof Refused ? error.message : "The shop cannot be reached. Please try again.");
}

if (at("login")) {
  onSubmit(at("login"), () => enter(at("code").value.trim() || undefined), (error) => {
    if (["totp_required", "totp_invalid"].includes(error.code)) {
      at("second").hidden = false;
      at("code").required = true;
      if (error.code === "totp_invalid") markWrong(at("code"), error.message);
      at("code").focus();
    } else failed(error);
  });
} else {
  onSubmit(at("register"), async () => {
    await call("POST", "/auth/register", Object.fromEntries(new FormData(at("register"))));
    await enter();
  }, (error) => {
    if (!markRefusal(at("register"), error)) failed(error);
  });
}

if (asked) at("other").search = `?next=${encodeURIComponent(asked)}`;
if (login()) location.replace(next());
