// Ticks of the list: a refresh brings new rows and keeps them, links tick all and none, and the
// form says how many there are.
{
  const boxes = () => [...document.querySelectorAll("input[name=job][form=bulk]")];

  const tell = () => {
    const told = document.querySelector("[data-tick-count]");
    if (told) {
      const number = boxes().filter((box) => box.checked).length;
      told.textContent = told.dataset.tickCount.replace("#", number);
    }
  };

  const tick = (wanted) => {
    boxes().forEach((box) => (box.checked = wanted(box)));
    tell();
  };

  // By their number: a row that moved to another table may be another element.
  let ticked = new Set();

  document.addEventListener("htmx:beforeSwap", () => {
    ticked = new Set(boxes().flatMap((box) => (box.checked ? [box.value] : [])));
  });

  document.addEventListener("htmx:afterSwap", () => tick((box) => ticked.has(box.value)));

  document.addEventListener("change", (event) => {
    if (event.target.matches("input[name=job]")) {
      tell();
    }
  });

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-tick]");
    if (link) {
      event.preventDefault();
      tick(() => link.dataset.tick === "all");
    }
  });

  // Browsers bring ticks back with a page that one returns to.
  addEventListener("pageshow", tell);
}
