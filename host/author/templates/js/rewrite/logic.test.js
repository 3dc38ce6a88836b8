import assert from 'node:assert/strict';
import { test } from 'node:test';

import { prefixOf, rewritten } from './logic.js';

test('the prefix comes first', () => {
  const none = new Map();
  assert.deepEqual(rewritten('hub', 'r.io/a:1', none), { tag: 'destination', val: 'r.io/hub/a:1' });
  assert.equal(rewritten('hub', 'r.io/a:1', new Map([['stage', 'test']])).tag, 'skip');
  assert.equal(rewritten('hub', 'a:1', none).tag, 'refuse');
});

test('a prefix is needed', () => {
  assert.equal(prefixOf('{"prefix":"hub"}'), 'hub');
  for (const config of ['{}', '{"prefix":""}', '{"prefix":1}', '']) {
    assert.throws(() => prefixOf(config), config);
  }
});
