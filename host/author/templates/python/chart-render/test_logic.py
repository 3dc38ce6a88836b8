"""Tests of the logic: python -m unittest."""

import unittest

import logic


class Rendering(unittest.TestCase):
    def test_templates_are_rendered(self) -> None:
        self.assertTrue(logic.is_template("templates/a.yaml"))
        self.assertFalse(logic.is_template("Chart.yaml"))
        self.assertEqual(logic.render("templates/a.yaml", b"name: RELEASE\n", "web"), "name: web\n")
        with self.assertRaisesRegex(ValueError, "templates/a.yaml: it is not"):
            logic.render("templates/a.yaml", b"\xff", "web")
