// What the pages still need: a button that copies a block, and what the theme leaves out for those who
// use a keyboard or a screen reader.
const TYPED = ["bash", "python", "javascript", "typescript", "graphql", "sql", "nginx"];

// Browsers that would not let it (a page by plain http from another machine) get no buttons.
function addCopies() {
  if (!navigator.clipboard) return;
  for (const language of TYPED) {
    for (const block of document.querySelectorAll(`.highlight-${language} .highlight`)) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "copy";
      button.textContent = "Copy";
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(block.querySelector("pre").textContent);
        button.textContent = "Copied";
        setTimeout(() => { button.textContent = "Copy"; }, 2000);
      });
      block.append(button);
    }
  }
}

function label() {
  for (const caption of document.querySelectorAll("p.caption[role=heading]")) {
    caption.setAttribute("aria-level", "2");
  }
  document.querySelector("aside.sidebar-drawer")?.setAttribute("aria-label", "All pages");
  document.querySelector("aside.toc-drawer")?.setAttribute("aria-label", "On this page");
  // Whatever scrolls sideways at some width can be reached and moved by keys.
  for (const wide of document.querySelectorAll(".highlight pre, .table-wrapper")) wide.tabIndex = 0;
}

addEventListener("DOMContentLoaded", () => {
  addCopies();
  label();
});
