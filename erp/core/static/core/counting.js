// A counting sheet (form[data-sheet]): every scan is answered at once and sent when the network lets it; what is not sent yet outlives the page.
// The server judges each one by its key, so that sending again counts nothing twice. Without this file each scan is a round trip.
(() => {
  "use strict";
  const form = document.querySelector("form[data-sheet]");
  if (!form || !window.localStorage) return;
  const code = form.querySelector("[name=code]");
  const pieces = form.querySelector("[name=pieces]");
  const again = form.querySelector("[name=recount]");
  const told = document.querySelector("[data-scan-message]");
  const unsent = document.querySelector("[data-unsent]");
  const list = document.querySelector("[data-entries]");
  const store = `mamori-count-${form.dataset.sheet}`;
  const words = form.dataset;
  const asksPieces = () => form.dataset.onlyRecounts === "1" || again.checked;

  const load = () => { try { return JSON.parse(localStorage.getItem(store)) || []; } catch (fault) { return []; } };
  let queue = load();
  let isSending = false;
  const keep = () => {
    localStorage.setItem(store, JSON.stringify(queue));
    unsent.textContent = queue.length ? words.unsentTold.replace("{count}", queue.length) : "";
    unsent.hidden = !queue.length;
  };
  const say = (text, kind) => {
    told.textContent = text;
    told.className = `scan-message is-${kind}`;
    if (window.scanSound) window.scanSound(kind);
  };
  const key = () => `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 10)}`;
  const show = (result) => {
    let row = list.querySelector(`tr[data-sku="${result.sku_id}"]`);
    if (!row) {
      row = document.querySelector("template[data-entry]").content.firstElementChild.cloneNode(true);
      row.dataset.sku = result.sku_id;
    }
    row.dataset.code = result.sku;
    row.querySelector("[data-code]").textContent = result.sku;
    row.querySelector("[data-name]").textContent = result.name;
    row.querySelector("[data-total]").textContent = result.total;
    list.prepend(row);
    list.querySelectorAll("tr").forEach((each, index) => each.classList.toggle("is-latest", index === 0));
    [...list.children].slice(50).forEach((each) => each.remove());
  };

  const send = async () => {
    if (isSending || !queue.length) return;
    isSending = true;
    const sent = queue.slice(0, 50);
    try {
      const answer = await fetch(form.action, {
        method: "POST",
        redirect: "manual",
        headers: { "Content-Type": "application/json", "X-CSRFToken": form.querySelector("[name=csrfmiddlewaretoken]").value },
        body: JSON.stringify({
          count: form.elements.count.value,
          sheet: form.elements.sheet.value,
          entries: sent.map((each) => ({ ...each, age_ms: Math.max(Date.now() - each.at, 0) })),
        }),
      });
      const type = answer.headers.get("Content-Type") || "";
      if (!type.startsWith("application/json")) {
        say(words.signInTold, "bad");
        return;
      }
      const body = await answer.json();
      if (body.refused) say(body.refused, "bad");
      const done = new Set(sent.map((each) => each.key));
      queue = queue.filter((each) => !done.has(each.key));
      keep();
      for (const result of body.results || []) {
        if (result.told) say(result.told, "bad");
        else {
          show(result);
          say(`${result.name}  ${result.total}`, "good");
        }
      }
      if (queue.length) setTimeout(send, 0);
    } catch (fault) {
      say(words.offlineTold, "odd");
      setTimeout(send, 3000);
    } finally {
      isSending = false;
    }
  };
  const enter = (text, quantity, way, recount) => {
    queue.push({ key: key(), code: text, quantity, way, recount, at: Date.now() });
    keep();
    send();
  };
  const wholeNumber = (text) => (/^-?[0-9]{1,6}$/.test(text.normalize("NFKC").trim()) ? Number(text.normalize("NFKC").trim()) : null);

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const text = code.value.trim();
    if (!text) return code.focus();
    if (document.activeElement !== pieces && asksPieces()) {
      pieces.focus();
      pieces.select();
      return;
    }
    const typed = document.activeElement === pieces || pieces.value.trim() !== "1";
    const quantity = wholeNumber(pieces.value);
    if (quantity === null) return say(words.piecesTold, "bad");
    enter(text, quantity, typed ? "TYPED" : "SCAN", asksPieces());
    code.value = "";
    pieces.value = "1";
    again.checked = false;
    code.focus();
  });
  list.addEventListener("click", (event) => {
    const step = event.target.closest("button[data-step]");
    if (!step) return;
    enter(step.closest("tr").dataset.code, Number(step.dataset.step), "TYPED", false);
    code.focus();
  });
  code.addEventListener("blur", () => setTimeout(() => {
    if (document.activeElement === document.body || !document.activeElement) code.focus();
  }, 50));
  addEventListener("online", send);
  addEventListener("beforeunload", (event) => { if (queue.length) event.preventDefault(); });
  keep();
  send();
  code.focus();
})();
