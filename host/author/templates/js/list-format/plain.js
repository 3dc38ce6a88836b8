// Reads plain YAML line by line: block mappings and sequences whose scalars end on their line, and collections of
// scalars in brackets, such as `- {image: a, team: b}`. A parser works character by character, and takes ten times as
// long.

// Printable characters beyond ASCII. Nobody takes one of them for a line break.
const MORE = '\\u00a1-\\u1fff\\u2030-\\ud7ff\\ue000-\\ufefe\\uff00-\\ufffd';
// No word ends in a colon, which makes a key, and none but the first begins a comment.
const WORDS = `[A-Za-z0-9_./~][!-~${MORE}]*(?<!:)(?: +(?!#)[!-~${MORE}]+(?<!:))*`;
const QUOTED = `"[ !#-\\[\\]-~${MORE}]*"|'[ -&(-~${MORE}]*'`;
const SCALAR = `(${WORDS}|${QUOTED})`;
const COMMENT = `#[ \\t!-~${MORE}]*`;
const NAME = '[A-Za-z0-9_/][A-Za-z0-9_./-]{0,99}';
// In brackets, a word has none of their characters.
const LETTER = `[!-+\\-->@-Z\\\\^-z|~${MORE}]`;
const INSIDE = `(?:[A-Za-z0-9_./~]${LETTER}*(?<!:)(?: +(?!#)${LETTER}+(?<!:))*|${QUOTED})`;
const PAIR = `${NAME}: +${INSIDE}`;
const FLOW = `(\\{ *${PAIR}(?: *, *${PAIR})* *\\}|\\[ *${INSIDE}(?: *, *${INSIDE})* *\\])`;
// The indentation, dashes of items, and then `KEY:`, `KEY: VALUE` or `VALUE`.
const LINE = new RegExp(
  `^( *)((?:- +)*)(?:(${NAME}):(?:( +)(?:${SCALAR}|${FLOW}))?|${SCALAR}|${FLOW}) *(?: ${COMMENT})?\\r?$`,
);
const PAIRS = new RegExp(`(${NAME}): +(${INSIDE})`, 'g');
const ITEMS = new RegExp(INSIDE, 'g');
const BLANK = new RegExp(`^ *(?:${COMMENT})?\\r?$`);

// Returns the root node of a text, or undefined if the text is not plain. Then a parser must read it.
export function plain(text) {
  // The open collections and their columns, from the outside.
  const open = [];
  const columns = [];
  // The mapping whose last key has no value so far.
  let waiting;
  let root;
  let isMarked = false;
  let start = 0;

  // Makes a collection the innermost one. Returns whether the text is plain so far.
  const enter = (column, kind, isInner) => {
    const last = waiting;
    waiting = undefined;
    if (!isInner && root) {
      while (columns.at(-1) > column) {
        columns.pop();
        open.pop();
      }
      if (open.length === 0) return false;
      const node = open.at(-1);
      if (columns.at(-1) === column) {
        if (node[kind]) return true;
        if (kind === 'members') {
          // A sequence may have the column of its key.
          columns.pop();
          open.pop();
          return columns.at(-1) === column;
        }
      }
      if (last !== node) return false;
    }
    const made = { offset: start + column, [kind]: [] };
    if (isInner) open.at(-1).items.push(made);
    else if (root) open.at(-1).members.splice(-1, 1, made);
    else root = made;
    open.push(made);
    columns.push(column);
    return true;
  };

  for (const line of text.split('\n')) {
    const found = LINE.exec(line);
    if (found) {
      const [, indent, dashes, key, gap, value, values, item, items] = found;
      let column = indent.length;
      if (dashes) {
        let isInner = false;
        for (const [dash] of dashes.matchAll(/- +/g)) {
          if (!enter(column, 'items', isInner)) return undefined;
          column += dash.length;
          isInner = true;
        }
      } else if (key === undefined) return undefined;
      if (key === undefined) {
        const at = start + column;
        open.at(-1).items.push(item === undefined ? flow(at, items) : scalar(at, item));
      } else {
        if (!enter(column, 'members', dashes !== '')) return undefined;
        const { members } = open.at(-1);
        const after = column + key.length + 1;
        members.push({ offset: start + column, text: key });
        if (values !== undefined) members.push(flow(start + after + gap.length, values));
        else if (value === undefined) {
          waiting = open.at(-1);
          members.push({ offset: start + after, text: '', isNull: true });
        } else members.push(scalar(start + after + gap.length, value));
      }
    } else if (!BLANK.test(line)) {
      if (isMarked || root || !/^---\r?$/.test(line)) return undefined;
      isMarked = true;
    }
    start += line.length + 1;
  }
  return root;
}

// Returns the node of scalars in brackets.
function flow(offset, text) {
  if (text[0] === '[') {
    return { offset, items: [...text.matchAll(ITEMS)].map((found) => scalar(offset + found.index, found[0])) };
  }
  const members = [];
  for (const { 0: pair, 1: key, 2: value, index } of text.matchAll(PAIRS)) {
    const at = offset + index;
    members.push({ offset: at, text: key }, scalar(at + pair.length - value.length, value));
  }
  return { offset, members };
}

function scalar(offset, text) {
  if (text[0] === '"' || text[0] === "'") return { offset, text: text.slice(1, -1) };
  return { offset, text, isNull: isNull(text) };
}

// Tells whether a plain scalar stands for nothing.
export function isNull(text) {
  return text.length < 5 && /^(|~|null|Null|NULL)$/.test(text);
}
