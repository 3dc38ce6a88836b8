// Exports the renderer as a component.

import log from 'longshore:plugin/log@0.1.0';

import { decoded } from './bytes.js';
import { isTemplate, render } from './logic.js';

export const chartRender = {
  render(files, values, release) {
    return files.filter(({ path }) => isTemplate(path)).map(({ path, content }) => {
      // If longshore ends the call, it can name the template.
      log.at(path);
      return { path, text: render(text(path, content), release.name) };
    });
  },
};

function text(path, content) {
  try {
    return decoded(content);
  } catch {
    throw { tag: 'other', val: { code: 'template', message: `${path}: it is not UTF-8 text` } };
  }
}
