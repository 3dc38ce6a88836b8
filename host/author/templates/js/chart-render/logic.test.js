import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isTemplate, render } from './logic.js';

test('templates are rendered', () => {
  assert(isTemplate('templates/a.yaml'));
  assert(!isTemplate('Chart.yaml'));
  assert.equal(render('name: RELEASE\n', 'web'), 'name: web\n');
});
