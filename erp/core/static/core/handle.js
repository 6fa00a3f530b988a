// An adjustment (form[data-handle]): what would be there afterwards, as reason and pieces change. The server computes it again.
(() => {
  "use strict";
  const form = document.querySelector("form[data-handle]");
  if (!form) return;
  const sign = form.querySelector("[data-sign]");
  const tell = () => {
    const reason = form.querySelector("[name=reason]:checked");
    const direction = reason ? reason.dataset.direction : "";
    sign.hidden = direction !== "BOTH";
    const isMore = direction === "UP" || (direction === "BOTH" && form.querySelector("[name=sign]:checked").value === "more");
    form.querySelectorAll("tr[data-on-hand]").forEach((row) => {
      const pieces = Number(row.querySelector("[data-count]").value) || 0;
      const cell = row.querySelector("[data-afterwards]");
      cell.textContent = direction ? Number(row.dataset.onHand) + (isMore ? pieces : -pieces) : "–";
      cell.classList.toggle("is-short", Boolean(direction) && !isMore && pieces > Number(row.dataset.free));
    });
  };
  form.addEventListener("input", tell);
  form.addEventListener("change", (event) => {
    if (event.target.matches("[data-resubmit]")) form.submit();
    tell();
    if (event.target.matches("[type=radio]")) form.querySelector("[name=code]").focus();
  });
  new MutationObserver(tell).observe(document.querySelector("[data-scan-message]"), { childList: true });
  tell();
})();
