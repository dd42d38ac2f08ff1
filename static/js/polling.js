// A hidden tab does not poll; one that is looked at again asks at once. What polls is marked
// data-poll, and listens for `awake`.
{
  document.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && event.detail.elt.hasAttribute("data-poll")) {
      event.preventDefault();
    }
  });

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) {
      htmx.trigger(document.body, "awake");
    }
  });

  // While the server does not answer, the page says that it is no longer fresh.
  const offline = (is) => {
    const notice = document.getElementById("offline");
    if (notice) {
      notice.hidden = !is;
    }
  };

  document.addEventListener("htmx:sendError", () => offline(true));
  document.addEventListener("htmx:timeout", () => offline(true));
  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) {
      offline(false);
    }
  });
}
