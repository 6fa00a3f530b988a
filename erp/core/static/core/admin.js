// The theme looks for a field of its own beside every file that is chosen; a plain form has none.
document.addEventListener("change", (event) => {
  if (event.target.type === "file" && event.target.closest(".service-form")) event.stopPropagation();
}, true);
// What cannot be taken back by pressing once more is asked about first.
document.addEventListener("submit", (event) => {
  const asked = event.submitter?.dataset.ask;
  if (asked && !window.confirm(asked)) event.preventDefault();
});
// A form that hands out a file leaves its page as it was. Once the file has come (the server says so by a cookie), the page is shown anew.
document.addEventListener("submit", (event) => {
  const token = event.target.querySelector("input[name=file_token]");
  if (!event.target.dataset.then || !token || event.defaultPrevented) return;
  token.value = Array.from(crypto.getRandomValues(new Uint32Array(3)), (part) => part.toString(36)).join("");
  const wait = window.setInterval(() => {
    if (!document.cookie.split("; ").includes(`file_token=${token.value}`)) return;
    window.clearInterval(wait);
    window.location.assign(event.target.dataset.then);
  }, 300);
});
// One box in the head of a table for all boxes of its rows that may be ticked.
document.addEventListener("change", (event) => {
  const name = event.target.dataset.ticks;
  if (name) for (const box of event.target.form.querySelectorAll(`input[name=${name}]:not(:disabled)`)) box.checked = event.target.checked;
});
// What the theme's scripts say in English of parts that they make themselves, said in the language of the page.
window.addEventListener("load", () => {
  if (document.documentElement.lang.startsWith("ja")) {
    for (const part of document.querySelectorAll('[aria-label="scrollable content"]')) part.setAttribute("aria-label", "スクロールできる領域");
  }
  // Rows that were ticked for an act that was refused.
  const act = document.querySelector("select[name=action][data-kept-rows]");
  if (act) {
    const kept = act.dataset.keptRows.split(" ");
    for (const box of document.querySelectorAll("#changelist-form input[name=_selected_action]")) if (kept.includes(box.value) && !box.checked) box.click();
    act.value = act.dataset.keptAction;
    act.dispatchEvent(new Event("change", { bubbles: true }));
  }
  // A field that offers what it finds is named by its label, as every other one.
  for (const select of document.querySelectorAll("select.select2-hidden-accessible")) {
    const label = document.querySelector(`label[for="${select.id}"]`);
    const box = select.nextElementSibling && select.nextElementSibling.querySelector('[role="combobox"]');
    if (!label || !box) continue;
    label.id = label.id || `${select.id}_label`;
    box.setAttribute("aria-labelledby", `${label.id} ${box.getAttribute("aria-labelledby") || ""}`.trim());
    box.querySelector('[role="textbox"]')?.setAttribute("aria-labelledby", label.id);
  }
  // A wide table is scrolled by keys, too.
  for (const sheet of document.querySelectorAll(".sheet")) if (sheet.scrollWidth > sheet.clientWidth) sheet.tabIndex = 0;
});
// What is shown once is copied at a press; without the clipboard of a secure page it is marked, to be copied by hand.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const source = document.querySelector(button.dataset.copy);
  getSelection().selectAllChildren(source);
  if (!navigator.clipboard) return;
  try {
    await navigator.clipboard.writeText(source.textContent);
    button.textContent = button.dataset.copied;
  } catch (refused) { /* It is marked. */ }
});
