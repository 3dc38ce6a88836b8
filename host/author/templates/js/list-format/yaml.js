// Reads YAML as nodes that know their places.
//
// A node has an `offset` in the text and one of `text` (a scalar), `items` (a sequence of nodes) and `members`
// (a mapping: keys and values in turn). `isNull` marks an empty value. An alias is the node that it names.

import { EVENT_ID, SCALAR_STYLE, YAMLException, getScalarValue, parseEvents } from 'js-yaml';

import { isNull, plain } from './plain.js';

// Returns the root nodes of a text, one for each document. Throws {offset, message} if the text is not YAML.
export function parse(text) {
  const root = plain(text);
  return root ? [root] : parseAny(text);
}

// Does the same with js-yaml alone.
export function parseAny(text) {
  let events;
  try {
    events = parseEvents(text, {});
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    throw { offset: error.mark?.position ?? 0, message: `the text is not YAML: ${error.reason}` };
  }
  return documents(text, events);
}

// Returns the value of a key, unless it is null. Nodes that are no mappings have none.
export function member(node, key) {
  const members = node?.members ?? [];
  for (let i = 0; i < members.length; i += 2) {
    if (members[i].text === key) return members[i + 1].isNull ? undefined : members[i + 1];
  }
  return undefined;
}

// Returns a function from offsets to {line, column}, both from 1. Columns count characters.
export function places(text) {
  const starts = [0];
  for (const { index, 0: end } of text.matchAll(/\r\n?|\n/g)) starts.push(index + end.length);
  return (offset) => {
    let [low, high] = [0, starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (starts[middle] <= offset) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: [...text.slice(starts[low], offset)].length + 1 };
  };
}

// A loop over the events instead of a function for each: QuickJS interprets, and calls are slow.
function documents(text, events) {
  const { DOCUMENT, SCALAR, SEQUENCE, ALIAS, POP } = EVENT_ID;
  const roots = [];
  const outer = [];
  const anchors = new Map();
  let children = roots;
  let end = 0;
  for (let i = 0; i < events.length; i += 1) {
    const event = events[i];
    // The nodes and all events at once would take too much memory.
    events[i] = undefined;
    const { type } = event;
    if (type === POP) {
      children = outer.pop();
      continue;
    }
    if (type === DOCUMENT) {
      anchors.clear();
      outer.push(children);
      continue;
    }
    if (type === ALIAS) {
      children.push(named(text, event, anchors));
      continue;
    }
    let node;
    if (type === SCALAR) {
      node = scalar(text, event, end);
      end = event.valueStart < 0 ? node.offset + 1 : event.valueEnd;
    } else {
      node = { offset: event.start };
      end = event.start + 1;
    }
    children.push(node);
    if (event.anchorStart >= 0) anchors.set(text.slice(event.anchorStart, event.anchorEnd), node);
    if (type !== SCALAR) {
      outer.push(children);
      children = [];
      if (type === SEQUENCE) node.items = children;
      else node.members = children;
    }
  }
  return roots;
}

// `end` is the end of the value before.
function scalar(text, event, end) {
  const { style, tagStart, valueStart, valueEnd } = event;
  const value = event.fast ? text.slice(valueStart, valueEnd) : getScalarValue(text, event);
  const isPlain = style === SCALAR_STYLE.PLAIN;
  if (valueStart < 0) return { offset: dash(text, end), text: '', isNull: isPlain && tagStart < 0 };
  const isQuoted = style === SCALAR_STYLE.SINGLE_QUOTED || style === SCALAR_STYLE.DOUBLE_QUOTED;
  return { offset: valueStart - Number(isQuoted), text: value, isNull: isPlain && tagStart < 0 && isNull(value) };
}

// Returns the node that an alias names.
function named(text, { anchorStart, anchorEnd }, anchors) {
  const name = text.slice(anchorStart, anchorEnd);
  const node = anchors.get(name);
  if (!node) throw { offset: anchorStart, message: `the text is not YAML: there is no anchor ${name}` };
  return node;
}

// Returns the place of an item without a value, for which events have none: that of its dash.
function dash(text, end) {
  const before = /(?:[\s\]},"':]|#.*\n)*(?=-)/y;
  before.lastIndex = end;
  return end + (before.exec(text)?.[0].length ?? 0);
}
