// Puts a prefix before each destination, and skips what is for tests.

// Reads the configuration, a JSON object. Throws an error if it is wrong.
export function prefixOf(config) {
  const { prefix } = JSON.parse(config);
  if (typeof prefix !== 'string' || prefix === '') {
    throw new Error('prefix must be a path such as `mirror`');
  }
  return prefix;
}

// Returns a verdict of the contract: `destination`, `skip` or `refuse`, and its text.
export function rewritten(prefix, destination, labels) {
  if (labels.get('stage') === 'test') return { tag: 'skip', val: 'it is for tests only' };
  const slash = destination.indexOf('/');
  if (slash < 0) return { tag: 'refuse', val: 'the destination names no registry' };
  const [registry, path] = [destination.slice(0, slash), destination.slice(slash + 1)];
  return { tag: 'destination', val: `${registry}/${prefix}/${path}` };
}
