// What the theme's scripts say in English of parts that they make themselves, said in the language of the page.
window.addEventListener("load", () => {
  if (document.documentElement.lang.startsWith("ja")) {
    for (const part of document.querySelectorAll('[aria-label="scrollable content"]')) part.setAttribute("aria-label", "スクロールできる領域");
  }
  // A wide table is scrolled by keys, too.
  for (const sheet of document.querySelectorAll(".sheet")) if (sheet.scrollWidth > sheet.clientWidth) sheet.tabIndex = 0;
});
