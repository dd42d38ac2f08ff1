// A file that the server would refuse for its size is told before it is sent.
document.addEventListener("change", (event) => {
  const input = event.target;
  if (input.matches("input[type=file][data-most]")) {
    const large = [...input.files].some((file) => file.size > Number(input.dataset.most));
    input.setCustomValidity(large ? input.dataset.tooLarge : "");
    input.reportValidity();
  }
});
