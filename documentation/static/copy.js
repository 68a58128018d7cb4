// A button on each block that is typed somewhere: it copies the block. Browsers that would not let
// it (a page by plain http from another machine) get none.
const TYPED = ["bash", "python", "javascript", "typescript", "graphql", "sql", "nginx"];

addEventListener("DOMContentLoaded", () => {
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
});
