"""Tests of the quick way through YAML: python -m unittest."""

import random
import unittest

import plain_yaml
import yaml

# Texts from these lines are plain YAML, other YAML, or none.
LINES = [
    "mirror:", "- a", "- a: b", "- image: docker.io/library/redis:7.2", "team: payments", "- - a", "-", "key: ",
    "- key:", "# c", "k: 'x # y'", "k: a b # c", "k: a: b", "k: a:", "k: ~", "a b", "k: [a]", "- {a: b}", "k: |",
    "k: é", "---", "...", "k: a#b", "- k: v  ", "-  k: v", 'k: "a" b', "k: 'it''s'", '- "a"', "- k:v", "\tk: v",
    "k: a\tb", "k: &a b", "k: *a", "? k", "-k: v", "# a\x85- b", "\ufeffk: v", "k: 1:20", "k: 2020-01-01", "5: x",
    "true: .5", "k: -1", "", "k: {a: b, c: 'd, e'} # f", "- {image: a/b:1, team: my team}", "k: [a, b c, ~]", "- [1]",
    "- { a: b , c: 5 }", "k: {a: }", "- {a: b:}", "- {a: [b]}", "- {a: b, }", "- {a: b} c", "k: {a: b}# c", "- [a?]",
    "- {a?b: c}", "- {a: b?c}", "- {a: b #c}", "k: {a: b", "- {a: \"x]\", b: y:z}", "- [a: b]", "- {a b: c}", "{a: b}",
    "- {a: -b}", "- [a,b]", "- {a: b,c: d}", "- - {a: é}", "k: {a: b :c}",
]


def shown(node: yaml.Node) -> tuple:
    """Returns what `plain_yaml` says of a node."""
    mark = node.start_mark
    head = (node.tag, mark.index, mark.line, mark.column)
    if isinstance(node, yaml.ScalarNode):
        return *head, node.value, node.style
    if isinstance(node, yaml.SequenceNode):
        return *head, [shown(item) for item in node.value]
    return *head, [(shown(key), shown(value)) for key, value in node.value]


class Composing(unittest.TestCase):
    def test_plain_texts_give_the_nodes_of_pyyaml(self) -> None:
        drawn, plain_texts = random.Random(1), 0
        for _ in range(5000):
            indented = (" " * drawn.choice([0, 0, 0, 2, 2, 4, 1]) + drawn.choice(LINES) for _ in range(drawn.randint(1, 5)))
            text = "".join(line + drawn.choice(["\n", "\n", "\r\n"]) for line in indented)
            plain = plain_yaml.plain(text)
            if plain is not None:
                plain_texts += 1
                expected = yaml.compose(text, Loader=yaml.SafeLoader)
                self.assertEqual(shown(plain), shown(expected), repr(text))
        self.assertGreater(plain_texts, 500)

    def test_lists_as_people_write_them_are_plain(self) -> None:
        for text in [
            "mirror:\n- {image: a/b:1, team: my team} # c\n- { image: 'c' }\ntags: [1, \"2\", ~]\n",
            'mirror:\n- image: a/b:1 # c\n  team: my team\n\n# d\n- image: "a/b@sha256:0"\r\n',
            "---\na:\n  b:\n    - c: 1\n      d:\n      - e\n    - - f\n      - g\n  h: ~\n",
        ]:
            plain = plain_yaml.plain(text)
            self.assertIsNotNone(plain, text)
            self.assertEqual(shown(plain), shown(yaml.compose(text, Loader=yaml.SafeLoader)))

    def test_other_texts_are_left_to_pyyaml(self) -> None:
        for text in ["", "a: {}\n", "a: [[b]]\n", "a: {b: c,\n  d: e}\n", "a: &b c\n", "a: |\n  b\n", "a: b\n c\n", "---\n---\n", "a: b: c\n"]:
            self.assertIsNone(plain_yaml.plain(text), text)
        self.assertEqual(plain_yaml.compose("a: {b: c}\n").value[0][1].value[0][1].value, "c")
        self.assertRaises(yaml.YAMLError, plain_yaml.compose, "a: b: c\n")
