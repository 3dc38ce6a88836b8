// Reads lists of the form `mirror: [{image: REFERENCE, team: LABEL}]`.

import { LineCounter, isAlias, isMap, isScalar, isSeq, parseAllDocuments } from 'yaml';

// Tells whether a text is such a list.
export function isList(head) {
  return /^mirror:/m.test(head);
}

// Returns images as {line, reference, team}, and mistakes as {line, column, message}.
export function read(text) {
  const lines = new LineCounter();
  const at = (offset) => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const [document, ...others] = parseAllDocuments(text, { lineCounter: lines });
  const images = [];
  const mistakes = [document, ...others].flatMap((one) => one?.errors ?? []).map((error) => ({
    ...at(error.pos[0]),
    message: `the text is not YAML: ${error.message.split('\n')[0]}`,
  }));
  if (mistakes.length > 0) return { images, mistakes };
  for (const other of others) {
    mistakes.push({ ...at(other.range[0]), message: 'the text has a second document' });
  }
  const resolved = (node) => (isAlias(node) ? node.resolve(document) : node);
  const member = (node, key) => {
    const map = resolved(node);
    return isMap(map) ? resolved(map.get(key, true)) : undefined;
  };
  const list = member(document?.contents, 'mirror');
  if (!isSeq(list)) {
    mistakes.push({ line: 0, column: 0, message: 'there is no list `mirror`' });
    return { images, mistakes };
  }
  for (const item of list.items) {
    const image = member(item, 'image');
    const team = member(item, 'team');
    const place = at(item?.range?.[0] ?? list.range[0]);
    if (isScalar(image) && typeof image.value === 'string' && image.value !== '') {
      const label = isScalar(team) ? team.source : undefined;
      images.push({ line: place.line, reference: image.value, team: label });
    } else {
      mistakes.push({ ...place, message: 'there is no `image`' });
    }
  }
  return { images, mistakes };
}

// Splits a reference into name, tag and digest. The colon of a port starts no tag.
export function split(reference) {
  const [named, digest] = reference.split(/@(.*)/s);
  const colon = named.lastIndexOf(':');
  if (colon <= named.lastIndexOf('/')) return { name: named, digest };
  return { name: named.slice(0, colon), tag: named.slice(colon + 1), digest };
}
