import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isList, read, split } from './logic.js';

const list = `mirror:
  - image: docker.io/library/redis:7.2
  - image: quay.io/app/server:1.4
    team: payments
  - team: nobody
`;

test('images have their lines and labels', () => {
  assert(isList(list));
  assert(!isList('services: {}\n'));
  const { images, mistakes } = read(list);
  assert.equal(images.length, 2);
  assert.deepEqual(images[1], { line: 3, reference: 'quay.io/app/server:1.4', team: 'payments' });
  assert.deepEqual(mistakes, [{ line: 5, column: 5, message: 'there is no `image`' }]);
});

test('what is not read is a mistake', () => {
  for (const [text, message] of [
    ['mirror: [', 'not YAML'],
    ['', 'no list `mirror`'],
    ['other: []\n', 'no list `mirror`'],
    ['mirror: {image: a}\n', 'no list `mirror`'],
    ['mirror: [{image: [a]}, b, {}]\n', 'no `image`'],
    ['mirror: [{image: null}, {image: ""}]\n', 'no `image`'],
    ['mirror: []\n---\nmirror: [{}]\n', 'second document'],
    ['mirror: []\n---\n"not closed\n', 'not YAML'],
  ]) {
    const { mistakes } = read(text);
    assert(mistakes[0]?.message.includes(message), `${text}: ${JSON.stringify(mistakes)}`);
  }
});

test('references are split', () => {
  assert.deepEqual(split('redis'), { name: 'redis', digest: undefined });
  assert.deepEqual(split('h:5000/a'), { name: 'h:5000/a', digest: undefined });
  assert.deepEqual(split('a:1@sha256:0'), { name: 'a', tag: '1', digest: 'sha256:0' });
});
