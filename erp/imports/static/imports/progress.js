"use strict";
// Asks how far the import is, once a second, and shows the page anew when the worker is done.
(() => {
  const box = document.querySelector(".import-progress");
  if (!box) return;
  const told = (name) => box.querySelector(`[data-${name}]`);
  const ask = async () => {
    try {
      const answer = await fetch(box.dataset.url, { headers: { Accept: "application/json" }, credentials: "same-origin" });
      if (!answer.ok) throw new Error(answer.status);
      const now = await answer.json();
      if (!now.is_under_way) { window.location.reload(); return; }
      box.querySelector("progress").value = now.percent;
      told("title").textContent = now.title;
      told("count").textContent = `${now.done.toLocaleString()} / ${now.todo.toLocaleString()}`;
      told("interrupted").hidden = !now.is_interrupted;
    } catch (error) {
      // The server is away for a moment; the next question tells.
    }
    window.setTimeout(ask, 1000);
  };
  window.setTimeout(ask, 700);
})();
