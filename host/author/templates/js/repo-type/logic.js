// Creates a team with `PUT /api/teams/NAME` before the first push into `NAME/…`.

// Returns the team that a repository needs, or undefined.
export function team(repository) {
  const [first, ...rest] = repository.split('/');
  return rest.length > 0 ? first : undefined;
}

// Creates a team, unless it exists. `send(method, path, body)` returns {status, body}; tests have one of their
// own. Returns an outcome of the contract, or throws an error of it.
export function prepare(send, name, isPublic, dryRun) {
  const path = ['api', 'teams', name];
  const outcome = (state, message = null) => ({ state, message, attributes: [] });
  const found = send('get', path);
  if (found.status === 200) return outcome('ready');
  if (found.status !== 404) throw refused(found);
  if (dryRun) return outcome('would-create');
  const created = send('put', path, JSON.stringify({ public: isPublic }));
  if (created.status === 201) return outcome('created');
  if (created.status === 409) return outcome('ready', 'somebody else created it meanwhile');
  throw refused(created);
}

function refused({ status, body }) {
  if (status === 401 || status === 403) {
    return { tag: 'unauthorized', val: `the server answered ${status}: ${body}` };
  }
  if (status === 429 || status >= 500) return { tag: 'transient', val: null };
  const message = `the server answered ${status}`;
  return { tag: 'other', val: { code: 'unexpected-answer', message } };
}
