// Finding by keyboard and by scanner: "/" leads to the search of all pages, "s" to that of the list, arrows walk through what was found.
(() => {
  "use strict";
  // A scanner may pause once (a slow machine, a cable), but is fast all in all; keys that follow each other later than this belong to nothing.
  const PAUSE_MS = 400, MEAN_MS = 60, SHORTEST_SCAN = 6;
  const find = () => document.getElementById("find");
  // Into a box to tick or a button nobody types.
  const isTyping = (target) =>
    target.isContentEditable || /^(TEXTAREA|SELECT)$/.test(target.tagName) ||
    (target.tagName === "INPUT" && !/^(checkbox|radio|button|submit|reset|image)$/.test(target.type));
  let scanned = "", firstKeyAt = 0, lastKeyAt = -PAUSE_MS;

  const focus = (field, event) => {
    if (!field) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    field.focus();
  };

  // A scanner types faster than anybody, and into nothing if no field has the focus. All of it counts or nothing: a tail is another number.
  const collect = (event) => {
    if (event.timeStamp - lastKeyAt >= PAUSE_MS) {
      scanned = "";
      firstKeyAt = event.timeStamp;
    }
    lastKeyAt = event.timeStamp;
    if (event.key.length === 1) scanned += event.key;
    if (event.key !== "Enter") return false;
    const code = scanned, isFast = event.timeStamp - firstKeyAt <= PAUSE_MS + MEAN_MS * code.length;
    scanned = "";
    if (code.length < SHORTEST_SCAN || !isFast || !find()) return false;
    find().value = code;
    event.preventDefault();
    event.stopImmediatePropagation();
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
    const isFirst = event.timeStamp - lastKeyAt >= PAUSE_MS;
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
