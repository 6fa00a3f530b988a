// Finding by keyboard and by scanner: "/" leads to the search of all pages, "s" to that of the list, arrows walk through what was found.
(() => {
  "use strict";
  const SCANNED_WITHIN_MS = 50, SHORTEST_SCAN = 6;
  const find = () => document.getElementById("find");
  const isTyping = (target) => target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
  let scanned = "", lastKeyAt = 0;

  const focus = (field, event) => {
    if (!field) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    field.focus();
  };

  // A scanner types faster than anybody, and into nothing if no field has the focus.
  const collect = (event) => {
    scanned = event.timeStamp - lastKeyAt < SCANNED_WITHIN_MS ? scanned : "";
    lastKeyAt = event.timeStamp;
    if (event.key.length === 1) scanned += event.key;
    if (event.key !== "Enter" || scanned.length < SHORTEST_SCAN || !find()) return false;
    find().value = scanned;
    scanned = "";
    event.preventDefault();
    find().form.requestSubmit();
    return true;
  };

  const walk = (event) => {
    const hits = [...document.querySelectorAll(".found li a")];
    if (!hits.length || (isTyping(event.target) && event.target !== find())) return;
    const next = hits.indexOf(event.target) + (event.key === "ArrowDown" ? 1 : -1);
    event.preventDefault();
    (next < 0 ? find() : hits[Math.min(next, hits.length - 1)]).focus();
  };

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") return walk(event);
    if (event.key === "Escape" && event.target === find()) return find().blur();
    if (isTyping(event.target)) return;
    const isFirst = event.timeStamp - lastKeyAt >= SCANNED_WITHIN_MS;
    if (collect(event) || !isFirst) return;
    if (event.key === "/") focus(find(), event);
    if (event.key === "s") focus(document.getElementById("searchbar"), event);
  }, true);

  // What a list cuts off is read by pointing at it.
  document.addEventListener("mouseover", (event) => {
    const cell = event.target.closest?.("#result_list td, #result_list th");
    if (cell && !cell.title && cell.scrollWidth > cell.clientWidth) cell.title = cell.textContent.trim();
  });

  // The next scan replaces the last one.
  document.addEventListener("focusin", (event) => {
    if (event.target.id === "find" || event.target.id === "searchbar") event.target.select();
  });
})();
