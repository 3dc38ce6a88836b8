import assert from 'node:assert/strict';
import { test } from 'node:test';

import { prepare, team } from './logic.js';

// Answers requests with a status each. Another request fails the test.
function server(statuses) {
  return (method, path, body) => {
    const request = [method, `/${path.join('/')}`, body].filter(Boolean).join(' ');
    assert(request in statuses, `sent ${request}`);
    return { status: statuses[request], body: 'no right' };
  };
}

const GET = 'get /api/teams/web';
const PUT = 'put /api/teams/web {"public":true}';

test('a missing team is created', () => {
  for (const [statuses, dryRun, state] of [
    [{ [GET]: 200 }, false, 'ready'],
    [{ [GET]: 404, [PUT]: 201 }, false, 'created'],
    [{ [GET]: 404, [PUT]: 409 }, false, 'ready'],
    [{ [GET]: 404 }, true, 'would-create'],
  ]) {
    assert.equal(prepare(server(statuses), 'web', true, dryRun).state, state);
  }
});

test('refusals say what the server said', () => {
  const failing = (statuses) => () => prepare(server(statuses), 'web', true, false);
  const val = 'the server answered 403: no right';
  assert.throws(failing({ [GET]: 403 }), { tag: 'unauthorized', val });
  assert.throws(failing({ [GET]: 404, [PUT]: 503 }), { tag: 'transient', val: null });
  assert.throws(failing({ [GET]: 404, [PUT]: 400 }), { tag: 'other' });
});

test('the first part of a repository is its team', () => {
  assert.equal(team('web/shop/cart'), 'web');
  assert.equal(team('alone'), undefined);
});
