"use strict";
// Sorting and filtering of the tables. Without scripts the page says the same; nothing here fetches or stores anything.

const NUMBER = /^([-−+]?[\d,]+(?:\.\d+)?)(?: ?%| to .*| of .*)?$/;
const NONE = new Set(["", "missing", "none", "unknown"]);
const WORDS = new Intl.Collator("en", { numeric: true, sensitivity: "base" });

// What a cell is sorted by: a number, words, or null where there is nothing; what is nothing always comes last.
function sortKey(cell) {
  const text = (cell.dataset.value ?? cell.textContent).trim();
  if (NONE.has(text)) return null;
  const found = NUMBER.exec(text);
  return found ? Number(found[1].replaceAll(",", "").replace("−", "-")) : text;
}

function compare(one, other) {
  if (typeof one === "number" && typeof other === "number") return one - other;
  return WORDS.compare(String(one), String(other));
}

function sortBy(table, heading) {
  const direction = heading.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
  const column = heading.cellIndex;
  const body = table.tBodies[0];
  const keyed = [...body.rows].map((row) => [sortKey(row.cells[column]), row]);
  keyed.sort(([one], [other]) => {
    if (one === null || other === null) return (one === null) - (other === null);
    return direction === "ascending" ? compare(one, other) : compare(other, one);
  });
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", direction);
  body.append(...keyed.map(([, row]) => row));
}

for (const table of document.querySelectorAll("table")) {
  if (table.tBodies[0].rows.length < 2) continue;
  for (const heading of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => sortBy(table, heading));
  }
}

// The column of a table under a heading; -1 where it has none.
function columnOf(table, heading) {
  return [...table.tHead.rows[0].cells].findIndex((cell) => cell.textContent.trim() === heading);
}

for (const form of document.querySelectorAll("form.filters")) {
  const tables = form.dataset.tables.split(" ").map((id) => document.getElementById(id)).filter((table) => table);
  const said = form.querySelector("output");
  const fields = [...form.querySelectorAll("[data-column]")];
  const show = () => {
    for (const table of tables) {
      const rows = [...table.tBodies[0].rows];
      const asked = fields.map((field) => [field, columnOf(table, field.dataset.column)]);
      for (const row of rows) {
        row.hidden = !asked.every(([field, column]) => {
          const cell = row.cells[column].textContent.trim().toLowerCase();
          const wanted = field.value.trim().toLowerCase();
          return wanted === "" || (field.localName === "select" ? cell === wanted : cell.includes(wanted));
        });
      }
      said.value = `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows shown`;
    }
  };
  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(show));
  form.hidden = false;
  show();
}
