
"use strict";
// Tables are sorted by a click on a column's name; a second click turns the order round.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = table.tHead ? [...table.tHead.rows[0].cells] : [];
  if (!body || body.rows.length < 2) continue;
  const original = [...body.rows];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const texts = new Map(original.map((row) => [row, row.cells[column] ? row.cells[column].textContent.trim() : ""]));
      const number = (text) => Number(text.replace(/[%,\s]/g, ""));
      const numbers = [...texts.values()].every((text) => text === "" || text === "NaN" || !Number.isNaN(number(text)));
      const order = (a, b) => {
        const [left, right] = [texts.get(a), texts.get(b)];
        // What is empty or no number stands last, whatever the order.
        const none = (text) => text === "" || (numbers && Number.isNaN(number(text)));
        if (none(left) || none(right)) return none(left) - none(right);
        const found = numbers ? number(left) - number(right) : left.localeCompare(right, "en", { numeric: true });
        return down ? -found : found;
      };
      body.append(...[...original].sort(order));
    });
  });
}
// Of a graph that is wider than its box the middle is seen first.
for (const graph of document.querySelectorAll(".graph")) graph.scrollLeft = (graph.scrollWidth - graph.clientWidth) / 2;
// A link to a stage opens its section, in browsers that do not do so by themselves.
const reveal = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const details = target && target.closest("details");
  if (details && !details.open) {
    details.open = true;
    target.scrollIntoView();
  }
};
addEventListener("hashchange", reveal);
reveal();
// Paper cannot be unfolded.
let folded = [];
addEventListener("beforeprint", () => {
  folded = [...document.querySelectorAll("details:not([open])")];
  folded.forEach((details) => { details.open = true; });
});
addEventListener("afterprint", () => folded.forEach((details) => { details.open = false; }));
