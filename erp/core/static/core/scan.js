// Pages for a scanner: a form with data-scan, one field for codes that keeps the focus, and rows that know their codes.
// Everything is judged again by the server; without this file each scan is a round trip and says the same.
(() => {
  "use strict";
  const form = document.querySelector("form[data-scan]");
  if (!form) return;
  const field = form.querySelector("[name=code]");
  const told = document.querySelector("[data-scan-message]");
  const scans = form.querySelector("[name=scans]");
  const rows = [...document.querySelectorAll("tr[data-codes]")];
  const checks = form.dataset.scan === "check";

  const say = (text, kind) => {
    told.textContent = text;
    told.className = `scan-message is-${kind}`;
    if (window.scanSound) window.scanSound(kind);
  };
  const counter = (row) => row.querySelector("[data-count]");
  const counted = (row) => Number(counter(row).value ?? counter(row).textContent) || 0;
  const needed = (row) => Number(row.dataset.needed);
  const left = () => rows.reduce((sum, row) => sum + Math.max(needed(row) - counted(row), 0), 0);
  const put = (row, count) => {
    const cell = counter(row);
    if ("value" in cell) cell.value = count;
    else cell.textContent = count;
    row.classList.toggle("is-complete", checks && count === needed(row));
  };
  const keepFocus = () => {
    const at = document.activeElement;
    if (!at || at === document.body) field.focus();
  };

  form.addEventListener("submit", (event) => {
    if (event.submitter && event.submitter.name) return;
    const code = field.value.trim();
    if (!rows.length || (checks && left() === 0)) return;
    const row = rows.find((each) => each.dataset.codes.split(" ").includes(code) && (!checks || counted(each) < needed(each)))
      ?? rows.find((each) => each.dataset.codes.split(" ").includes(code));
    event.preventDefault();
    field.value = "";
    if (!code) return say(form.dataset.leftTold.replace("{left}", left()), "bad");
    if (!row) return say(form.dataset.wrongTold.replace("{code}", code), "bad");
    if (checks && counted(row) >= needed(row)) return say(form.dataset.tooManyTold.replace("{code}", row.dataset.name), "bad");
    put(row, counted(row) + 1);
    if (scans) scans.value = `${scans.value} ${code}`.trim();
    if (checks && left() === 0) return say(form.dataset.completeTold, "good");
    return say(`${row.dataset.name}  ${counted(row)}${checks ? ` / ${needed(row)}` : ""}`, "plain");
  });
  field.addEventListener("blur", () => setTimeout(keepFocus, 50));
  field.focus();
})();
