"""Composes plain YAML quickly: block mappings and sequences whose scalars end on their line, and collections of
scalars in brackets, such as `- {image: a, team: b}`.

PyYAML works character by character, and takes more CPU time for 100,000 images than a plugin has. Most lists
need little of YAML. This module reads them line by line into the nodes of PyYAML, without `end_mark`. It leaves
every other text to PyYAML, so that both give the same nodes.
"""

import re

import yaml

# Printable characters beyond ASCII, without those that PyYAML takes for line breaks.
_MORE = "\xa1-\u1fff\u2030-\ud7ff\ue000-\ufefe\uff00-\ufffd"
# No word ends in a colon, which makes a key, and none but the first begins a comment.
_WORD = f"[!-~{_MORE}]*(?<!:)"
_DOUBLE, _SINGLE = f'"[ !#-\\[\\]-~{_MORE}]*"', f"'[ -&(-~{_MORE}]*'"
_SCALAR = f"([A-Za-z0-9_./~]{_WORD}(?: +(?!#)[!-~{_MORE}]+(?<!:))*|{_DOUBLE}|{_SINGLE})"
_NAME = "[A-Za-z0-9_/][A-Za-z0-9_./-]{0,99}"
# In brackets, a word has none of their characters.
_LETTER = f"[!-+\\--\\>@-Z\\\\^-z|~{_MORE}]"
_INSIDE = f"(?:[A-Za-z0-9_./~]{_LETTER}*(?<!:)(?: +(?!#){_LETTER}+(?<!:))*|{_DOUBLE}|{_SINGLE})"
_PAIR = f"{_NAME}: +{_INSIDE}"
_FLOW = f"(\\{{ *{_PAIR}(?: *, *{_PAIR})* *\\}}|\\[ *{_INSIDE}(?: *, *{_INSIDE})* *\\])"
_COMMENT = f"#[ \t!-~{_MORE}]*"
# The indentation, dashes of items, and then `KEY:`, `KEY: VALUE` or `VALUE`.
_LINE = re.compile(
    f"( *)((?:- +)*)(?:({_NAME}):(?: +(?:{_SCALAR}|{_FLOW}))?|{_SCALAR}|{_FLOW}) *(?: {_COMMENT})?\r?"
)
_PAIRS, _ITEMS = re.compile(f"({_NAME}): +({_INSIDE})"), re.compile(_INSIDE)
_BLANK = re.compile(f" *(?:{_COMMENT})?\r?")

_SEQUENCE, _MAPPING, _NULL = "tag:yaml.org,2002:seq", "tag:yaml.org,2002:map", "tag:yaml.org,2002:null"
_STR = "tag:yaml.org,2002:str"


def compose(text: str) -> yaml.Node | None:
    """Returns the root node of a text with one document, as `yaml.compose` does."""
    root = plain(text)
    return yaml.compose(text, Loader=yaml.SafeLoader) if root is None else root


def plain(text: str) -> yaml.Node | None:
    """Returns the root node of a plain text, and nothing for others."""
    return _Plain().root(text)


class _Plain:
    def __init__(self) -> None:
        # The open collections with their columns, from the outside.
        self.open: list[tuple[int, yaml.CollectionNode]] = []
        # The mapping whose last key has no value so far.
        self.waiting: yaml.MappingNode | None = None
        self.keys: dict[str, str] = {}

    def root(self, text: str) -> yaml.Node | None:
        """Returns the root node, or nothing if the text is not plain."""
        index, root, is_marked = 0, None, False
        for number, line in enumerate(text.split("\n")):
            start, index = index, index + len(line) + 1
            found = _LINE.fullmatch(line)
            if found is None:
                if _BLANK.fullmatch(line):
                    continue
                if is_marked or root or line.rstrip("\r") != "---":
                    return None
                is_marked = True
                continue
            indent, dashes, key, value, values, item, items = found.groups()
            column = len(indent)
            if dashes:
                column = self.dashes(start, number, column, dashes)
            elif item is not None or items is not None:
                return None
            mark = yaml.Mark("", start + column, number, column, None, None)
            if key is None:
                if column < 0:
                    return None
                made = self.flow(items, mark) if item is None else self.scalar(item, mark)
                self.open[-1][1].value.append(made)
            elif column < 0 or not self.enter(column, yaml.MappingNode, bool(dashes), mark):
                return None
            else:
                name = yaml.ScalarNode(self.key(key), key, mark)
                mapping = self.open[-1][1]
                end = found.end(3) + 1
                if value is not None or values is not None:
                    end = found.start(5 if value is None else 4)
                after = yaml.Mark("", start + end, number, end, None, None)
                if values is not None:
                    mapping.value.append((name, self.flow(values, after)))
                elif value is None:
                    self.waiting = mapping
                    mapping.value.append((name, yaml.ScalarNode(_NULL, "", after)))
                else:
                    mapping.value.append((name, self.scalar(value, after)))
            root = root or self.open[0][1]
        return root

    def dashes(self, start: int, number: int, column: int, dashes: str) -> int:
        """Begins items. Returns the column behind the dashes, or -1 if the text is not plain."""
        is_inner = False
        for dash in re.findall("- +", dashes):
            mark = yaml.Mark("", start + column, number, column, None, None)
            if not self.enter(column, yaml.SequenceNode, is_inner, mark):
                return -1
            column += len(dash)
            is_inner = True
        return column

    def enter(self, column: int, kind: type, is_inner: bool, mark: yaml.Mark) -> bool:
        """Makes a collection the innermost one. Returns whether the text is plain so far."""
        opened, waiting = self.open, self.waiting
        self.waiting = None
        if not is_inner and opened:
            above, node = opened[-1]
            while above > column:
                opened.pop()
                if not opened:
                    return False
                above, node = opened[-1]
            if above == column:
                if type(node) is kind:
                    return True
                if kind is yaml.MappingNode:
                    # A sequence may have the column of its key.
                    opened.pop()
                    return bool(opened) and opened[-1][0] == column
            if waiting is not node:
                return False
        tag = _MAPPING if kind is yaml.MappingNode else _SEQUENCE
        made = kind(tag, [], mark)
        if opened:
            parent = opened[-1][1].value
            if is_inner:
                parent.append(made)
            else:
                parent[-1] = (parent[-1][0], made)
        opened.append((column, made))
        return True

    def key(self, text: str) -> str:
        """Returns the tag of a key. Most keys occur often."""
        tag = self.keys.get(text)
        if tag is None:
            tag = self.keys[text] = tag_of(text)
        return tag

    def flow(self, text: str, mark: yaml.Mark) -> yaml.CollectionNode:
        """Returns the node of scalars in brackets."""

        def at(index: int) -> yaml.Mark:
            return yaml.Mark("", mark.index + index, mark.line, mark.column + index, None, None)

        if text[0] == "[":
            items = [self.scalar(found[0], at(found.start())) for found in _ITEMS.finditer(text, 1)]
            return yaml.SequenceNode(_SEQUENCE, items, mark, flow_style=True)
        pairs = []
        for found in _PAIRS.finditer(text, 1):
            name = yaml.ScalarNode(self.key(found[1]), found[1], at(found.start(1)))
            pairs.append((name, self.scalar(found[2], at(found.start(2)))))
        return yaml.MappingNode(_MAPPING, pairs, mark, flow_style=True)

    def scalar(self, text: str, mark: yaml.Mark) -> yaml.ScalarNode:
        if text[0] in "\"'":
            return yaml.ScalarNode(_STR, text[1:-1], mark, style=text[0])
        return yaml.ScalarNode(tag_of(text), text, mark)


def tag_of(text: str) -> str:
    """Returns the tag of a plain scalar."""
    for tag, pattern in yaml.SafeLoader.yaml_implicit_resolvers.get(text[0], ()):
        if pattern.match(text):
            return tag
    return _STR
