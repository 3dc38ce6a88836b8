// Exports the list format as a component.

import { isList, read, split } from './logic.js';

export const listFormat = {
  probe(fileName, head) {
    return isList(head) ? 'certain' : 'no';
  },

  parse(fileName, text) {
    const { images, mistakes } = read(text);
    return {
      entries: images.map(entry),
      diagnostics: mistakes.map((mistake) => ({ severity: 'error', ...mistake })),
    };
  },
};

function entry({ line, reference, team }) {
  const { name, tag, digest } = split(reference);
  return {
    source: name,
    repositories: null,
    select: digest
      ? { tag: 'by-digest', val: { digest, tag: tag ?? null } }
      : { tag: 'by-tag', val: tag ?? 'latest' },
    destination: null,
    destinationTag: null,
    platforms: [],
    line,
    attributes: team ? [{ key: 'team', value: team }] : [],
  };
}
