// Exports the rewrite as a component.

import config from 'longshore:plugin/config@0.1.0';

import { prefixOf, rewritten } from './logic.js';

export const rewrite = {
  apply(batch) {
    const prefix = readPrefix();
    return batch.map((item) => {
      const labels = new Map(item.attributes.map(({ key, value }) => [key, value]));
      return rewritten(prefix, item.destination, labels);
    });
  },
};

function readPrefix() {
  try {
    return prefixOf(config.get());
  } catch (error) {
    throw { tag: 'invalid-config', val: error.message };
  }
}
