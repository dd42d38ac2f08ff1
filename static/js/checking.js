// A button that checks every box of its form, or none where all are.
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-check-all]");
  if (!button) {
    return;
  }
  const boxes = [...button.form.querySelectorAll('input[type="checkbox"]')];
  const wanted = boxes.some((box) => !box.checked);
  boxes.forEach((box) => (box.checked = wanted));
});
