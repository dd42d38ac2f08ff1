// What a refresh must leave alone: a fold that the reader opened or closed, and what is marked
// data-keep (fields that are typed into, a part that was loaded on demand).
{
  // A fold that comes in with the refresh is made empty first, and gets its attributes then: no
  // reader has closed it.
  const arriving = new WeakSet();

  Idiomorph.defaults.callbacks.beforeNodeMorphed = (node) => {
    if (node.nodeType !== Node.ELEMENT_NODE) return true;
    if (node.tagName === "DETAILS" && node.attributes.length === 0) arriving.add(node);
    return !node.hasAttribute("data-keep");
  };

  Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) =>
    !(name === "open" && node.tagName === "DETAILS" && !arriving.has(node));

  Idiomorph.defaults.callbacks.afterNodeMorphed = (node) => arriving.delete(node);
}
