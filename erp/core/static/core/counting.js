// A counting sheet (form[data-sheet]): every scan is answered at once and sent when the network lets it; what is not sent yet outlives the page.
// The server judges each one by its key, so that sending again counts nothing twice. What it takes leaves the tablet; what it refuses, and whatever
// it says nothing of, stays here until somebody corrects or discards it. Without this file each scan is a round trip.
(() => {
  "use strict";
  const place = document.querySelector("[data-kept]");
  if (!place || !window.localStorage) return;
  const form = document.querySelector("form[data-sheet]");
  const told = document.querySelector("[data-scan-message]");
  const words = place.dataset;
  const UNSENT = "mamori-count-";
  const REFUSED = "mamori-uncounted-";

  const load = (name) => { try { return JSON.parse(localStorage.getItem(name)) || []; } catch (fault) { return []; } };
  // Read, changed and written in one go: two pages of the same sheet share what is kept.
  const change = (name, how) => {
    const kept = how(load(name));
    if (kept.length) localStorage.setItem(name, JSON.stringify(kept));
    else localStorage.removeItem(name);
  };
  const sheetsKept = (prefix) => Object.keys(localStorage).filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length)).sort();
  const say = (text, kind) => {
    if (!told) return;
    told.textContent = text;
    told.className = `scan-message is-${kind}`;
    if (window.scanSound) window.scanSound(kind);
  };
  const key = () => `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 10)}`;
  const wholeNumber = (text) => {
    const plain = text.normalize("NFKC").trim();
    return /^[0-9]{1,6}$/.test(plain) ? Number(plain) : null;
  };
  const isNegative = (text) => /^[-−‐–—]/.test(text.normalize("NFKC").trim());

  // What was refused, of this sheet; where no sheet is open, whatever this tablet keeps.
  const showKept = () => {
    const rows = place.querySelector("tbody");
    // What somebody is correcting is not drawn anew under the fingers.
    if (rows.contains(document.activeElement) && document.activeElement.tagName === "INPUT") return;
    rows.replaceChildren();
    const put = (sheet, entry, isUnsent) => {
      const row = place.querySelector("template").content.firstElementChild.cloneNode(true);
      row.dataset.sheet = sheet;
      row.dataset.key = entry.key;
      row.dataset.list = isUnsent ? UNSENT : REFUSED;
      row.querySelector("[data-code]").textContent = entry.code;
      row.querySelector("[data-of]").textContent = form ? "" : [entry.number, sheet.slice(sheet.indexOf("-") + 1)].filter(Boolean).join(" / ");
      row.querySelector("input").value = entry.quantity;
      row.querySelector("input").disabled = !form;
      row.querySelector("[data-again]").hidden = !form;
      row.querySelector("[data-reason]").textContent = isUnsent ? words.notSentTold : entry.reason;
      if (entry.recount) row.querySelector("[data-recount]").hidden = false;
      rows.append(row);
    };
    for (const sheet of form ? [form.dataset.sheet] : sheetsKept(REFUSED)) load(REFUSED + sheet).forEach((each) => put(sheet, each, false));
    if (!form) for (const sheet of sheetsKept(UNSENT)) load(UNSENT + sheet).forEach((each) => put(sheet, each, true));
    place.hidden = !rows.children.length;
    if (form) {
      const unsent = document.querySelector("[data-unsent]");
      const count = load(UNSENT + form.dataset.sheet).length;
      unsent.textContent = count ? words.unsentTold.replace("{count}", count) : "";
      unsent.hidden = !count;
    }
  };
  const keepRefused = (sheet, entries) => {
    const keys = new Set(entries.map((each) => each.key));
    change(REFUSED + sheet, (kept) => [...kept.filter((each) => !keys.has(each.key)), ...entries]);
    change(UNSENT + sheet, (kept) => kept.filter((each) => !keys.has(each.key)));
  };

  const sending = new Set();
  const send = async (sheet) => {
    const sent = load(UNSENT + sheet).slice(0, 50);
    if (sending.has(sheet) || !sent.length) return;
    sending.add(sheet);
    let next = null;
    try {
      const answer = await fetch(words.url, {
        method: "POST",
        redirect: "manual",
        headers: { "Content-Type": "application/json", "X-CSRFToken": document.querySelector("[name=csrfmiddlewaretoken]").value },
        body: JSON.stringify({
          count: sheet.slice(0, sheet.indexOf("-")),
          sheet: sheet.slice(sheet.indexOf("-") + 1),
          entries: sent.map((each) => ({ ...each, age_ms: Math.max(Date.now() - each.at, 0) })),
        }),
      });
      const type = answer.headers.get("Content-Type") || "";
      if (answer.status >= 500) throw new Error(answer.status);
      if (!type.startsWith("application/json")) {
        say(words.signInTold, "bad");
        return;
      }
      const body = await answer.json();
      const refused = [];
      const taken = new Set();
      for (const each of sent) {
        const result = body.refused ? { told: body.refused } : (body.results || []).find((one) => one.key === each.key);
        if (result && result.told) refused.push({ ...each, reason: result.told });
        else if (result) {
          taken.add(each.key);
          if (form) show(result);
          say(`${result.name}  ${result.total}`, "good");
        }
      }
      change(UNSENT + sheet, (kept) => kept.filter((each) => !taken.has(each.key)));
      if (refused.length) {
        keepRefused(sheet, refused);
        say(refused[refused.length - 1].reason, "bad");
      }
      // An answer that says nothing of any of them is no reason to ask without a pause.
      if (load(UNSENT + sheet).length) next = taken.size || refused.length ? 0 : 3000;
    } catch (fault) {
      say(words.offlineTold, "odd");
      next = 3000;
    } finally {
      sending.delete(sheet);
      showKept();
      if (next !== null) setTimeout(() => send(sheet), next);
    }
  };
  const sendAll = () => (form ? [form.dataset.sheet] : sheetsKept(UNSENT)).forEach(send);
  const enter = (entry) => {
    change(UNSENT + form.dataset.sheet, (kept) => [...kept, { ...entry, key: key(), number: form.dataset.number }]);
    showKept();
    send(form.dataset.sheet);
  };

  place.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-key]");
    const isAgain = event.target.closest("[data-again]");
    if (!row || !(isAgain || event.target.closest("[data-discard]"))) return;
    const name = row.dataset.list + row.dataset.sheet;
    const entry = load(name).find((each) => each.key === row.dataset.key);
    if (isAgain && entry) {
      const text = row.querySelector("input").value;
      // One fewer, as it was refused, may be sent again as it is.
      const quantity = text.trim() === String(entry.quantity) && !entry.recount ? entry.quantity : wholeNumber(text);
      if (quantity === null) return say(isNegative(text) ? words.negativeTold : words.piecesTold, "bad");
      const { reason, ...asked } = entry;
      enter({ ...asked, quantity, way: quantity === entry.quantity ? entry.way : "TYPED", recount: entry.recount || form.dataset.onlyRecounts === "1" });
    } else if (entry && !confirm(words.discardTold.replace("{code}", entry.code).replace("{pieces}", entry.quantity))) return;
    change(name, (kept) => kept.filter((each) => each.key !== row.dataset.key));
    event.target.blur();
    showKept();
  });
  addEventListener("online", sendAll);
  addEventListener("storage", showKept);

  let show = () => {};
  if (form) {
    const code = form.querySelector("[name=code]");
    const pieces = form.querySelector("[name=pieces]");
    const again = form.querySelector("[name=recount]");
    const list = document.querySelector("[data-entries]");
    const asksPieces = () => form.dataset.onlyRecounts === "1" || again.checked;
    show = (result) => {
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
      if (quantity === null) return say(isNegative(pieces.value) ? words.negativeTold : words.piecesTold, "bad");
      enter({ code: text, quantity, way: typed ? "TYPED" : "SCAN", recount: asksPieces(), at: Date.now() });
      code.value = "";
      pieces.value = "1";
      again.checked = false;
      code.focus();
    });
    list.addEventListener("click", (event) => {
      const step = event.target.closest("button[data-step]");
      if (!step) return;
      enter({ code: step.closest("tr").dataset.code, quantity: Number(step.dataset.step), way: "TYPED", recount: false, at: Date.now() });
      code.focus();
    });
    code.addEventListener("blur", () => setTimeout(() => {
      if (document.activeElement === document.body || !document.activeElement) code.focus();
    }, 50));
    addEventListener("beforeunload", (event) => { if (load(UNSENT + form.dataset.sheet).length) event.preventDefault(); });
    code.focus();
  }
  showKept();
  sendAll();
})();
