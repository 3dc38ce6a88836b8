// Reads lists of the form `mirror: [{image: REFERENCE, team: LABEL}]`.

import { member, parse, places } from './yaml.js';

// Tells whether a text is such a list.
export function isList(head) {
  return /^mirror:/m.test(head);
}

// Returns images as {line, reference, team}, and mistakes as {line, column, message}.
export function read(text) {
  const at = places(text);
  const images = [];
  const mistakes = [];
  let root, others;
  try {
    [root, ...others] = parse(text);
  } catch ({ offset, message }) {
    return { images, mistakes: [{ ...at(offset), message }] };
  }
  for (const other of others) {
    mistakes.push({ ...at(other.offset), message: 'the text has a second document' });
  }
  const list = member(root, 'mirror');
  if (!list?.items) {
    mistakes.push({ line: 0, column: 0, message: 'there is no list `mirror`' });
    return { images, mistakes };
  }
  for (const item of list.items) {
    const image = member(item, 'image');
    const team = member(item, 'team');
    if (image?.text) {
      images.push({ line: at(item.offset).line, reference: image.text, team: team?.text });
    } else {
      mistakes.push({ ...at(item.offset), message: 'there is no `image`' });
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
