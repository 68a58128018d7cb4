// What the console's pages do better with a script; all of them work without.

const sure = document.getElementById("sure");

// Where the menu is a line that scrolls, it shows where one is.
document.querySelector(".menu [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

// Forms that say so are asked about before they are sent.
document.addEventListener("submit", (event) => {
  const form = event.target;
  const what = event.submitter?.dataset.confirm ?? form.dataset.confirm;
  if (!what || !sure?.showModal || form.dataset.sure === "yes") return;
  event.preventDefault();
  const submitter = event.submitter;
  document.getElementById("sure-what").textContent = what;
  sure.returnValue = "no";
  sure.onclose = () => {
    if (sure.returnValue !== "yes") return submitter?.focus();
    form.dataset.sure = "yes";
    form.requestSubmit(submitter);
    delete form.dataset.sure;
  };
  sure.showModal();
});

// Parts of a page that say how often (in seconds) are asked for anew, while somebody looks.
const parts = [...document.querySelectorAll("[data-refresh][id]")];
if (parts.length) {
  const seconds = Math.max(5, Math.min(...parts.map((part) => Number(part.dataset.refresh))));
  const again = async () => {
    if (!document.hidden) {
      try {
        const headers = { Accept: "text/html", "Bookstore-Refresh": "1" };
        const answer = await fetch(location.href, { headers });
        if (answer.redirected) return; // logged out: the next click says so
        if (answer.ok) show(new DOMParser().parseFromString(await answer.text(), "text/html"));
      } catch {
        // Away for a moment; the next time will do.
      }
    }
    setTimeout(again, seconds * 1000);
  };
  const isTyped = (part) =>
    [...part.querySelectorAll("input, textarea")].some(
      (one) => one.value !== one.defaultValue || one.checked !== one.defaultChecked,
    );
  const show = (page) => {
    for (const part of parts) {
      const fresh = page.getElementById(part.id);
      // Whoever is in the middle of it is not disturbed, and what they opened stays open.
      if (!fresh || part.contains(document.activeElement) || isTyped(part)) continue;
      const open = [...part.querySelectorAll("details")].map((one) => one.open);
      part.replaceChildren(...fresh.childNodes);
      part.querySelectorAll("details").forEach((one, number) => { one.open = open[number] ?? false; });
    }
  };
  setTimeout(again, seconds * 1000);
}
