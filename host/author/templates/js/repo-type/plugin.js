// Exports the repository type as a component.

import config from 'longshore:plugin/config@0.1.0';
import endpoints from 'longshore:plugin/endpoints@0.1.0';

import { decoded, encoded } from './bytes.js';
import { prepare, team } from './logic.js';

// The endpoint of plugin.json.
const API = 'api';

export const repoType = {
  describe(registry) {
    return { maxDepth: null, chunkedUpload: true, crossMount: true, referrers: false, attributes: [] };
  },

  scopes(registry, repositories) {
    return repositories.map((repository) => {
      const name = team(repository);
      return name ? [{ kind: 'team', name }] : [];
    });
  },

  prepare(registry, scope, dryRun) {
    const isPublic = JSON.parse(config.get()).public === true;
    return prepare(send, scope.name, isPublic, dryRun);
  },
};

function send(method, path, body) {
  const request = {
    method,
    path,
    query: [],
    headers: body ? [{ key: 'content-type', value: 'application/json' }] : [],
    body: body ? encoded(body) : null,
  };
  let answer;
  try {
    answer = endpoints.send(API, request);
  } catch (error) {
    // An error of the contract is the payload of what an import throws.
    throw unsent(error.payload);
  }
  return { status: answer.status, body: decoded(answer.body) };
}

// The error of the contract for a request without an answer.
function unsent({ tag, val }) {
  switch (tag) {
    case 'unreachable':
      return { tag: 'transient', val: null };
    case 'other':
      return { tag, val };
    default:
      return { tag: 'other', val: { code: tag, message: val } };
  }
}
