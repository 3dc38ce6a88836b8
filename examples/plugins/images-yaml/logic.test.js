import assert from 'node:assert/strict';
import { test } from 'node:test';

import { confidence, read } from './logic.js';

test('the three keys name images, and tags are texts', () => {
  const { images, mistakes } = read(
    'images:\n- {name: redis, tag: 1.10}\n- {source: h:5000/a}\n- src: b@sha256:0\n- c:2\n',
  );
  assert.deepEqual(mistakes, []);
  const shown = images.map(({ line, name, tag, digest }) => [line, name, tag, digest]);
  assert.deepEqual(shown, [
    [2, 'redis', '1.10', undefined],
    [3, 'h:5000/a', undefined, undefined],
    [4, 'b', undefined, 'sha256:0'],
    [5, 'c', '2', undefined],
  ]);
});

test('nothing is lost in silence', () => {
  for (const item of ['{}', '{tag: 1}', '{name: a, src: b}', '{name: "a:1", tag: 2}', '[a]', '~', '{name: a, tag: [1]}']) {
    assert.equal(read(`images:\n- ${item}\n`).mistakes.length, 1, item);
  }
  for (const text of ['images: [', 'images: {}\n', 'images: []\n---\n{}\n', '- a\n']) {
    assert.equal(read(text).mistakes.length, 1, text);
  }
});

test('other files have images too', () => {
  assert.equal(confidence('images:\n- name: a\n'), 'maybe');
  assert.equal(confidence('images:\n- name: a\n  newTag: "1"\n'), 'no');
  assert.equal(confidence('kind: X\nimages: []\n'), 'no');
});
