import assert from 'node:assert/strict';
import { test } from 'node:test';

import { plain } from './plain.js';
import { member, parse, parseAny, places } from './yaml.js';

// Texts from these lines are plain YAML, other YAML, or none.
const LINES = [
  'mirror:', '- a', '- a: b', '- image: docker.io/library/redis:7.2', 'team: payments', '- - a', '-', 'key: ',
  '- key:', '# c', "k: 'x # y'", 'k: a b # c', 'k: a: b', 'k: a:', 'k: ~', 'a b', 'k: [a]', '- {a: b}', 'k: |',
  'k: é', '---', '...', 'k: a#b', '- k: v  ', '-  k: v', 'k: "a" b', "k: 'it''s'", '- "a"', '- k:v', '\tk: v',
  'k: a\tb', 'k: &a b', 'k: *a', '? k', '-k: v', '# a\x85- b', '\ufeffk: v', 'k: -1', '', "k: {a: b, c: 'd, e'} # f",
  '- {image: a/b:1, team: my team}', 'k: [a, b c, ~]', '- [1]', '- { a: b , c: 5 }', 'k: {a: }', '- {a: b:}', '- {a: [b]}',
  '- {a: b, }', '- {a: b} c', 'k: {a: b}# c', '- [a?]', '- {a?b: c}', '- {a: b?c}', '- {a: b #c}', 'k: {a: b',
  '- {a: "x]", b: y:z}', '- [a: b]', '- {a b: c}', '{a: b}', '- {a: -b}', '- [a,b]', '- {a: b,c: d}', '- - {a: é}',
  'k: {a: b :c}',
];

// The places and texts of a node. The place of an empty value is of no use.
function shown(node) {
  if (node.items) return [node.offset, ...node.items.map(shown)];
  if (node.members) return { [node.offset]: node.members.map(shown) };
  return node.text === '' && node.isNull ? null : [node.offset, node.text, Boolean(node.isNull)];
}

test('plain texts give the same nodes as the parser', () => {
  let seed = 1;
  const below = (most) => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % most;
  };
  let plainTexts = 0;
  for (let round = 0; round < 5000; round += 1) {
    let text = '';
    for (let left = 1 + below(5); left > 0; left -= 1) {
      text += ' '.repeat([0, 0, 0, 2, 2, 4, 1][below(7)]) + LINES[below(LINES.length)];
      text += below(5) > 0 ? '\n' : '\r\n';
    }
    const root = plain(text);
    if (!root) continue;
    plainTexts += 1;
    assert.deepEqual([root].map(shown), parseAny(text).map(shown), JSON.stringify(text));
  }
  assert(plainTexts > 500, `${plainTexts} texts are plain`);
});

test('lists as people write them are plain', () => {
  for (const text of [
    "mirror:\n- {image: a/b:1, team: my team} # c\n- { image: 'c' }\ntags: [1, \"2\", ~]\n",
    'mirror:\n- image: a/b:1 # c\n  team: my team\n\n# d\n- image: "a/b@sha256:0"\r\n',
    '---\na:\n  b:\n    - c: 1\n      d:\n      - e\n    - - f\n      - g\n  h: ~\n',
  ]) {
    assert.deepEqual(shown(plain(text)), shown(parseAny(text)[0]), text);
  }
  for (const text of ['', 'a: {}\n', 'a: [[b]]\n', 'a: {b: c,\n  d: e}\n', 'a: &b c\n', 'a: |\n  b\n', 'a: b\n c\n', '---\n---\n']) {
    assert.equal(plain(text), undefined, text);
  }
});

test('members, aliases and documents are found', () => {
  const [root, second] = parse('a: &x {b: ~, c: 1.10}\nd: *x\n---\n"e"\n');
  assert.equal(member(member(root, 'd'), 'c').text, '1.10');
  assert.equal(member(member(root, 'a'), 'b'), undefined);
  assert.equal(member(second, 'a'), undefined);
  assert.equal(second.text, 'e');
});

test('places are lines and characters', () => {
  const text = 'a:\r\n  - 🙂: {}\n  -\n  - "b"\n';
  const at = places(text);
  const found = member(parse(text)[0], 'a').items.map(({ offset }) => at(offset));
  assert.deepEqual(found, [{ line: 2, column: 5 }, { line: 3, column: 3 }, { line: 4, column: 5 }]);
  assert.deepEqual(at(text.indexOf('{')), { line: 2, column: 8 });
});

test('what is not YAML has a place', () => {
  for (const [text, line, column] of [['a: [', 1, 5], ['a: b: c', 1, 5], ['a:\n- *b\n', 2, 4], ['\0', 1, 1]]) {
    assert.throws(() => parse(text), ({ offset, message }) => {
      assert.deepEqual(places(text)(offset), { line, column }, text);
      return message.startsWith('the text is not YAML: ');
    });
  }
});
