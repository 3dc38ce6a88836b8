import assert from 'node:assert/strict';
import { test } from 'node:test';

import { decoded, encoded } from './bytes.js';

test('a text survives', () => {
  for (const text of ['', 'a', 'Ä→🚢', '%41'.repeat(5000)]) {
    assert.deepEqual(encoded(text), new TextEncoder().encode(text));
    assert.equal(decoded(encoded(text)), text);
  }
  assert.throws(() => decoded(Uint8Array.of(0xff)), URIError);
});
