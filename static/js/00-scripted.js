// First of our own scripts: says that there are scripts, so that what needs them shows.
document.documentElement.classList.add("scripted");
