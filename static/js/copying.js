// A button that copies what it stands beside, and says so.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) {
    return;
  }
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.dataset.done = "";
    setTimeout(() => delete button.dataset.done, 1500);
  } catch {
    // Without https browsers copy nothing for scripts: leave it selected for the reader to copy.
    getSelection().selectAllChildren(button.previousElementSibling);
  }
});
