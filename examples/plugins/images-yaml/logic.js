// Reads lists of the form `images: [{name|source|src: REPOSITORY, tag: TAG, digest: DIGEST}]`.

import { member, parse, places } from './yaml.js';

// The keys of the repository.
const NAMES = ['name', 'source', 'src'];

// Says how sure it is that a text is such a list. Kubernetes and Kustomize have `images` too.
export function confidence(head) {
  const others = /^(apiVersion|kind|resources):|^\s+(- )?(newName|newTag):/m;
  return /^images:/m.test(head) && !others.test(head) ? 'maybe' : 'no';
}

// Returns images as {line, name, tag, digest}, and mistakes as {line, column, message}.
export function read(text) {
  const at = places(text);
  const [images, mistakes] = [[], []];
  let documents;
  try {
    documents = parse(text);
  } catch ({ offset, message }) {
    return { images, mistakes: [{ ...at(offset), message }] };
  }
  for (const document of documents) {
    const list = member(document, 'images')?.items;
    if (!list) mistakes.push({ ...at(document.offset), message: 'there is no list `images`' });
    for (const item of list ?? []) {
      const image = imageOf(item);
      if (typeof image === 'string') mistakes.push({ ...at(item.offset), message: image });
      else images.push({ line: at(item.offset).line, ...image });
    }
  }
  return { images, mistakes };
}

// Returns an item as {name, tag, digest}, or what is wrong with it.
function imageOf(item) {
  if (item.text && !item.isNull) return split(item.text);
  if (!item.members) return 'it is no image';
  // The text of a scalar: the tag 1.10 is no number.
  const text = (key) => member(item, key)?.text;
  const keys = NAMES.filter((key) => text(key));
  if (keys.length !== 1) return 'it must have one of `name`, `source` and `src`';
  const image = split(text(keys[0]));
  if (typeof image === 'string') return image;
  for (const key of ['tag', 'digest']) {
    if (!text(key)) {
      if (item.members.some((name, i) => i % 2 === 0 && name.text === key)) return `\`${key}\` is not a text`;
    } else if (image[key]) return `\`${keys[0]}\` has a ${key} already`;
    else image[key] = text(key);
  }
  return image;
}

// Splits a reference. The colon of a port starts no tag.
function split(reference) {
  const [named, digest] = reference.split(/@(.*)/s);
  const colon = named.lastIndexOf(':');
  const tagged = colon > named.lastIndexOf('/');
  const name = tagged ? named.slice(0, colon) : named;
  if (name === '') return 'it names no image';
  return { name, tag: tagged ? named.slice(colon + 1) : undefined, digest };
}
