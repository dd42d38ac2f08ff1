// A refresh never moves what the eye or the finger is on: while somebody reads the list, or has
// ticked some of it, its rows are asked for in the order in which they stand.
{
  const isRead = (list) => {
    const selection = getSelection();
    return (
      list.matches(":hover") ||
      list.contains(document.activeElement) ||
      (!selection.isCollapsed && list.contains(selection.anchorNode)) ||
      list.getBoundingClientRect().top < 0 ||
      list.querySelector("input[name=job]:checked") !== null
    );
  };

  const idsIn = (list, selector) =>
    [...list.querySelectorAll(selector)].map((row) => row.dataset.job).join(",");

  document.addEventListener("htmx:configRequest", (event) => {
    const list = event.detail.elt.querySelector("[data-list]");
    if (event.detail.elt.hasAttribute("data-poll") && list && isRead(list)) {
      const urgent = idsIn(list, "#urgent [data-job]");
      event.detail.parameters.hold = `${urgent}!${idsIn(list, "[data-job]:not(#urgent *)")}`;
    }
  });
}
