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
  // Where a row has several fields, the chosen one takes the scans.
  const counter = (row) => {
    const into = form.querySelector("[name=into]:checked");
    return (into && row.querySelector(`[data-into="${into.value}"]`)) || row.querySelector("[data-count]");
  };
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

  // What a scan means to the page itself; false where the server has to say it.
  const take = () => {
    // As the server reads it: an input method that is left on types full-width digits.
    const code = field.value.normalize("NFKC").trim();
    // Into a basket goes whatever is scanned: the server knows the goods that have no row yet.
    if (form.dataset.scan === "basket" && !rows.some((each) => each.dataset.codes.split(" ").includes(code))) return false;
    if (!rows.length || (checks && left() === 0)) return false;
    const row = rows.find((each) => each.dataset.codes.split(" ").includes(code) && (!checks || counted(each) < needed(each)))
      ?? rows.find((each) => each.dataset.codes.split(" ").includes(code));
    field.value = "";
    if (!code) say(form.dataset.leftTold.replace("{left}", left()), "bad");
    else if (!row) say(form.dataset.wrongTold.replace("{code}", code), "bad");
    else if (checks && counted(row) >= needed(row)) say(form.dataset.tooManyTold.replace("{code}", row.dataset.name), "bad");
    else {
      put(row, counted(row) + 1);
      if (scans) scans.value = `${scans.value} ${code}`.trim();
      if (checks && left() === 0) {
        say(form.dataset.completeTold, "good");
        if (field.dataset.completeHint) field.placeholder = field.dataset.completeHint;
      } else say(`${row.dataset.name}  ${counted(row)}${checks ? ` / ${needed(row)}` : ""}`, checks ? "plain" : "good");
    }
    return true;
  };
  form.addEventListener("submit", (event) => {
    if (event.submitter && event.submitter.name) return;
    if (take()) event.preventDefault();
  });
  // Enter behind a scan is never a press of the button that books: where no other button stands, the browser would take that one.
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    const plain = [...form.querySelectorAll("button")].find((each) => each.type === "submit" && !each.name);
    if (!take() && plain) form.requestSubmit(plain);
  });
  form.querySelector("[data-fill]")?.addEventListener("click", () => {
    rows.forEach((row) => put(row, needed(row)));
    field.focus();
  });
  if (form.dataset.scan === "basket" && told.className.includes("is-bad") && window.scanSound) window.scanSound("bad");
  field.addEventListener("blur", () => setTimeout(keepFocus, 50));
  field.focus();
})();
