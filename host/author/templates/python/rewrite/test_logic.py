"""Tests of the logic: python -m unittest."""

import unittest

import logic


class Rewriting(unittest.TestCase):
    def test_the_prefix_comes_first(self) -> None:
        self.assertEqual(logic.rewritten("hub", "r.io/a:1", {}), ("destination", "r.io/hub/a:1"))
        self.assertEqual(logic.rewritten("hub", "r.io/a:1", {"stage": "test"})[0], "skip")
        self.assertEqual(logic.rewritten("hub", "a:1", {})[0], "refuse")

    def test_a_prefix_is_needed(self) -> None:
        self.assertEqual(logic.prefix_of('{"prefix": "hub"}'), "hub")
        for config in ["{}", '{"prefix": ""}', '{"prefix": 1}']:
            with self.assertRaises(ValueError):
                logic.prefix_of(config)
