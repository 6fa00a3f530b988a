// A matrix of pieces (table[data-matrix]): what is left of a row, and the sums of the columns, while somebody types. Enter goes down a column.
(() => {
  "use strict";
  const table = document.querySelector("table[data-matrix]");
  if (!table) return;
  const number = (input) => Number(input.value) || 0;
  const tell = () => {
    const sums = {};
    table.querySelectorAll("tr[data-available]").forEach((row) => {
      let given = 0;
      row.querySelectorAll("input").forEach((input) => {
        given += number(input);
        sums[input.dataset.column] = (sums[input.dataset.column] || 0) + number(input);
      });
      const rest = row.querySelector("[data-rest]");
      rest.textContent = Number(row.dataset.available) - given;
      rest.classList.toggle("is-over", given > Number(row.dataset.available));
    });
    table.querySelectorAll("[data-sum]").forEach((cell) => { cell.textContent = sums[cell.dataset.sum] || 0; });
  };
  table.addEventListener("input", tell);
  table.addEventListener("focusin", (event) => { if (event.target.select) event.target.select(); });
  table.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !event.target.dataset.column) return;
    event.preventDefault();
    const column = [...table.querySelectorAll(`input[data-column="${event.target.dataset.column}"]`)];
    (column[column.indexOf(event.target) + 1] || event.target).focus();
  });
  tell();
})();
