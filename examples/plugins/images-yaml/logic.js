// Reads lists of the form `images: [{name|source|src: REPOSITORY, tag: TAG, digest: DIGEST}]`.

import { LineCounter, isAlias, isMap, isScalar, isSeq, parseAllDocuments } from 'yaml';

// The keys of the repository.
const NAMES = ['name', 'source', 'src'];

// Says how sure it is that a text is such a list. Kubernetes and Kustomize have `images` too.
export function confidence(head) {
  const others = /^(apiVersion|kind|resources):|^\s+(- )?(newName|newTag):/m;
  return /^images:/m.test(head) && !others.test(head) ? 'maybe' : 'no';
}

// Returns images as {line, name, tag, digest}, and mistakes as {line, column, message}.
export function read(text) {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, { lineCounter: lines });
  const [images, mistakes] = [[], []];
  const mistake = (offset, message) => {
    const { line, col } = lines.linePos(offset);
    mistakes.push({ line, column: col, message });
  };
  for (const error of [...documents].flatMap((document) => document.errors)) {
    mistake(error.pos[0], `the text is not YAML: ${error.message.split('\n')[0]}`);
  }
  if (mistakes.length > 0) return { images, mistakes };
  for (const document of documents) {
    const resolved = (node) => (isAlias(node) ? node.resolve(document) : node);
    const list = isMap(document.contents) && resolved(document.contents.get('images', true));
    if (!isSeq(list)) {
      mistake(document.range[0], 'there is no list `images`');
      continue;
    }
    for (const item of list.items) {
      const image = imageOf(resolved(item), resolved);
      if (typeof image === 'string') mistake(item?.range?.[0] ?? list.range[0], image);
      else images.push({ line: lines.linePos(item.range[0]).line, ...image });
    }
  }
  return { images, mistakes };
}

// Returns an item as {name, tag, digest}, or what is wrong with it.
function imageOf(item, resolved) {
  if (isScalar(item) && item.value !== null) return split(item.source);
  if (!isMap(item)) return 'it is no image';
  // The text of a scalar: the tag 1.10 is no number.
  const text = (key) => {
    const value = resolved(item.get(key, true));
    return isScalar(value) && value.value !== null ? value.source : undefined;
  };
  const keys = NAMES.filter((key) => text(key));
  if (keys.length !== 1) return 'it must have one of `name`, `source` and `src`';
  const image = split(text(keys[0]));
  if (typeof image === 'string') return image;
  for (const key of ['tag', 'digest']) {
    if (!text(key)) {
      if (item.has(key)) return `\`${key}\` is not a text`;
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
