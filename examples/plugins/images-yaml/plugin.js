// Exports the list format as a component.

import { confidence, read } from './logic.js';

export const listFormat = {
  probe: (fileName, head) => confidence(head),

  parse(fileName, text) {
    const { images, mistakes } = read(text);
    return {
      entries: images.map(entry),
      diagnostics: mistakes.map((mistake) => ({ severity: 'error', ...mistake })),
    };
  },
};

function entry({ line, name, tag, digest }) {
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
    attributes: [],
  };
}
