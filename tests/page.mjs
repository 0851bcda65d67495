// Looks at a page of `nnf report` in a browser: console errors, requests, sorting, links into folded sections, and
// text that is too small, cut off or runs over other text; takes pictures for a person to look at.
//
//   npm install puppeteer-core && node tests/page.mjs report.html FOLDER
//
// Where there is no Chromium (CHROMIUM names one) or no puppeteer-core it says so, and checks nothing.

import { accessSync, constants } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [file, folder] = process.argv.slice(2);
const candidates = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const chromium = candidates.find((path) => {
  try { accessSync(path, constants.X_OK); return true; } catch { return false; }
});
let puppeteer;
try { puppeteer = createRequire(resolve("package.json"))("puppeteer-core"); } catch { /* told below */ }
if (!chromium || !puppeteer) {
  console.error(`SKIPPED: there is no ${chromium ? "puppeteer-core" : "Chromium"}; nothing was checked`);
  process.exit(0);
}
if (!file || !folder) {
  console.error("usage: node tests/page.mjs report.html FOLDER");
  process.exit(2);
}

// Runs in the page: what is wrong with what can be seen.
const faults = () => {
  const found = [];
  if (document.documentElement.scrollWidth > innerWidth) {
    found.push(`the page is ${document.documentElement.scrollWidth} wide in a window of ${innerWidth}`);
  }
  for (const text of document.querySelectorAll("svg text")) {
    const size = text.getScreenCTM().a * parseFloat(getComputedStyle(text).fontSize);
    if (size < 10.99) found.push(`text of ${size} px: ${text.textContent}`);
    const box = text.closest("a")?.querySelector("rect")?.getBoundingClientRect();
    const own = text.getBoundingClientRect();
    if (box && (own.right > box.right || own.left < box.left)) found.push(`runs out of its node: ${text.textContent}`);
  }
  const nodes = [...document.querySelectorAll("svg rect.node")].map((node) => node.getBoundingClientRect());
  nodes.forEach((a, i) => nodes.slice(i + 1).forEach((b) => {
    if (a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom) found.push("two nodes overlap");
  }));
  const blocks = [...document.querySelectorAll("h1, h2, h3, h4, h5, p, dt, dd, summary")]
    .filter((element) => element.offsetParent && !element.closest(".scroll, .unseen"))
    .map((element) => [element, element.getBoundingClientRect()]);
  blocks.forEach(([one, a], i) => blocks.slice(i + 1, i + 12).forEach(([other, b]) => {
    const inside = one.contains(other) || other.contains(one);
    const overlap = Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
    if (!inside && overlap) found.push(`"${one.textContent.slice(0, 40)}" and "${other.textContent.slice(0, 40)}" overlap`);
  }));
  return found;
};

// Runs in the page: sorts a column of each table twice, and looks at the order.
const sorting = () => {
  const found = [];
  let tables = 0;
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    const column = heads.findIndex((head) => head.classList.contains("number") && head.querySelector("button"));
    if (column < 0) continue;
    const values = () => [...table.tBodies[0].rows].map((row) => row.cells[column].textContent.replace(/[%,\s]/g, "")).filter((text) => text !== "" && text !== "–").map(Number);
    if (values().some(Number.isNaN)) continue;
    tables += 1;
    for (const [order, sign] of [["ascending", 1], ["descending", -1]]) {
      heads[column].querySelector("button").click();
      const now = values();
      const sorted = now.every((value, i) => i === 0 || sign * (value - now[i - 1]) >= 0);
      if (!sorted || heads[column].getAttribute("aria-sort") !== order) found.push(`a table is not sorted: ${table.caption?.textContent}`);
    }
  }
  return [found, tables];
};

// A column of a table, and its order when it is sorted.
const COLUMNS = [
  [["2.5 min", "50.0 ms", "–", "66.0 h", "120.0 ms", "2 min 12 s"], ["50.0 ms", "120.0 ms", "2 min 12 s", "2.5 min", "66.0 h", "–"]],
  [["-0.2", "–", "-1.0", "+0.3", "", "0.0"], ["-1.0", "-0.2", "0.0", "+0.3", "–", ""]],
  [["1,920", "57", "1e3"], ["57", "1e3", "1,920"]],
  [["99.0–99.4 %", "98.0–99.9 %", "9.5 %"], ["9.5 %", "98.0–99.9 %", "99.0–99.4 %"]],
  [["1.35 MB", "900 kB", "2 KiB"], ["2 KiB", "900 kB", "1.35 MB"]],
  [["only two 10", "has 0", "only two 2"], ["has 0", "only two 2", "only two 10"]],
  [["2024-01-15", "2024-01-02", "–", "2023-12-31"], ["2023-12-31", "2024-01-02", "2024-01-15", "–"]],
  [["10-20", "5-10", "1-5"], ["1-5", "5-10", "10-20"]],
  [["1.10.0", "1.9.0", "1.2.10"], ["1.2.10", "1.9.0", "1.10.0"]],
  [["-5 s", "1 h 2 s", "-1 min 5 s"], ["-1 min 5 s", "-5 s", "1 h 2 s"]],
];

// Runs in a page of such tables: sorts each by its column, upwards and downwards.
const sorted = () => [...document.querySelectorAll("table")].map((table) => [0, 1].map(() => {
  table.querySelector("button").click();
  return [...table.tBodies[0].rows].map((row) => row.textContent);
}));

const browser = await puppeteer.launch({ executablePath: chromium, args: ["--no-sandbox", "--disable-gpu"] });
let wrong = 0;
const tell = (where, what) => { wrong += 1; console.error(`${where}: ${what}`); };
for (const width of [1280, 400]) {
  for (const scheme of ["light", "dark"]) {
    const where = `${width}-${scheme}`;
    const page = await browser.newPage();
    page.on("console", (message) => tell(where, `console: ${message.text()}`));
    page.on("pageerror", (error) => tell(where, `error: ${error}`));
    page.on("request", (request) => { if (!/^(file|data):/.test(request.url())) tell(where, `request: ${request.url()}`); });
    page.on("dialog", (dialog) => { tell(where, `a script of others ran: ${dialog.message()}`); dialog.dismiss(); });
    await page.setViewport({ width, height: 900 });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await page.goto(pathToFileURL(file).href);
    await page.screenshot({ path: `${folder}/${where}.png`, fullPage: true });
    const graph = await page.$("#graph");
    await graph.screenshot({ path: `${folder}/${where}-graph.png` });
    const link = await page.$eval(".graph a", (a) => a.getAttribute("href"));
    await page.evaluate((to) => { location.hash = to; }, link);
    await new Promise((done) => setTimeout(done, 200));
    if (!(await page.evaluate((to) => document.querySelector(to).closest("details")?.open ?? true, link))) tell(where, `${link} stays folded`);
    await page.evaluate(() => document.querySelectorAll("details").forEach((details) => { details.open = true; }));
    (await page.evaluate(faults)).forEach((fault) => tell(where, fault));
    const [unsorted, tables] = await page.evaluate(sorting);
    unsorted.forEach((fault) => tell(where, fault));
    await page.screenshot({ path: `${folder}/${where}-open.png`, clip: { x: 0, y: await page.$eval("#stages", (s) => s.offsetTop), width, height: 3000 }, captureBeyondViewport: true });
    console.log(`${where}: ${tables} tables sorted`);
    await page.close();
  }
}
const page = await browser.newPage();
await page.goto(pathToFileURL(file).href);
const script = await page.$eval("script", (script) => script.textContent);
const tables = COLUMNS.map(([cells]) => `<table class="sortable"><thead><tr><th>x</th></tr></thead><tbody>${cells.map((cell) => `<tr><td>${cell}</td></tr>`).join("")}</tbody></table>`);
const plain = await browser.newPage();
await plain.setContent(`${tables.join("")}<script>${script}</script>`);
(await plain.evaluate(sorted)).forEach(([up, down], at) => {
  const [cells, expected] = COLUMNS[at];
  const blank = (text) => text === "" || text === "–";
  const turned = [...expected.filter((cell) => !blank(cell)).reverse(), ...expected.filter(blank)];
  if (up.join() !== expected.join()) tell("sorting", `${cells} became ${up}`);
  if (down.join() !== turned.join()) tell("sorting", `${cells} downwards became ${down}`);
});
await browser.close();
console.log(wrong === 0 ? "well" : `${wrong} faults`);
process.exit(wrong === 0 ? 0 : 1);
