// What a refresh must leave alone: a fold that the reader opened or closed, and what is marked
// data-keep (fields that are typed into, a part that was loaded on demand).
Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) =>
  !(name === "open" && node.tagName === "DETAILS");

Idiomorph.defaults.callbacks.beforeNodeMorphed = (node) =>
  !(node.nodeType === Node.ELEMENT_NODE && node.hasAttribute("data-keep"));
