
"use strict";
// What a cell says as a number: "1,920", "2 min 12 s", "0.34 M", "98.0–98.5 %", "12 ± 1"; NaN for words.
const UNITS = {
  "": 1, "%": 1, "×": 1, "µs": 1e-6, ms: 1e-3, s: 1, min: 60, h: 3600, d: 86400, k: 1e3, M: 1e6, G: 1e9,
  B: 1, kB: 1e3, MB: 1e6, GB: 1e9, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3,
};
const quantity = (text) => {
  const part = /^([+\-−]?\d*\.?\d+(?:e[+-]?\d+)?)(?:[–±]\d*\.?\d+)?([%×]|[µa-z]*)/i;
  const times = ["µs", "ms", "s", "min", "h", "d"];
  let rest = text.replace(/\s*([–±])\s*/g, "$1").replace(/,(?=\d{3})/g, "").replace(/\s/g, "");
  let sum = 0;
  for (let parts = 0; rest !== ""; parts += 1) {
    const [all, number, unit] = part.exec(rest) ?? [];
    if (all === undefined || !Object.hasOwn(UNITS, unit) || parts > 2) return NaN;
    // Only times have several parts: "2024-01-15", "5-10" and "1.9.0" are no sums.
    const single = parts === 0 && all.length === rest.length;
    if (!single && (!times.includes(unit) || (parts > 0 && !/^\d/.test(number)))) return NaN;
    sum += Number(number.replace("−", "-")) * UNITS[unit];
    rest = rest.slice(all.length);
  }
  return sum;
};
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
      const blank = (text) => ["", "–", "NaN"].includes(text);
      const numbers = [...texts.values()].every((text) => blank(text) || !Number.isNaN(quantity(text)));
      const order = (a, b) => {
        const [left, right] = [texts.get(a), texts.get(b)];
        // What is empty or no number stands last, whatever the order.
        if (blank(left) || blank(right)) return blank(left) - blank(right);
        const found = numbers ? quantity(left) - quantity(right) : left.localeCompare(right, "en", { numeric: true });
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
