// Title and favicon tell the number of problems, after every refresh.
{
  const tell = () => {
    const board = document.querySelector("[data-title]");
    if (board) {
      document.title = board.dataset.title;
      document.querySelector("link[rel=icon]").href = board.dataset.icon;
    }
  };

  document.addEventListener("htmx:afterSettle", tell);
}
