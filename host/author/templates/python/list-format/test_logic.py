"""Tests of the logic: python -m unittest."""

import unittest

import logic

LIST = """\
mirror:
  - image: docker.io/library/redis:7.2
  - image: quay.io/app/server:1.4
    team: payments
  - team: nobody
"""


class Reading(unittest.TestCase):
    def test_images_have_their_lines_and_labels(self) -> None:
        images, errors = logic.read(LIST)
        self.assertEqual(images[1], (3, "quay.io/app/server:1.4", "payments"))
        self.assertEqual(errors, [(5, 5, "there is no `image`")])

    def test_what_is_not_read_is_an_error(self) -> None:
        for text, message in [
            ("mirror: [", "not YAML"),
            ("mirror: []\ny: \x07", "not YAML"),
            ("[" * 2000, "nested too deeply"),
            ("", "no list `mirror`"),
            ("other: []\n", "no list `mirror`"),
            ("mirror: {image: a}\n", "no list `mirror`"),
            ("mirror: [{image: [a]}]\n", "no `image`"),
            ("mirror: [b]\n", "no `image`"),
            ("mirror: [{image: null}]\n", "no `image`"),
            ("mirror: []\n---\nmirror: [{}]\n", "another document"),
        ]:
            images, errors = logic.read(text)
            self.assertEqual(images, [], text)
            self.assertIn(message, errors[0][2], text)

    def test_other_texts_are_not_lists(self) -> None:
        self.assertTrue(logic.is_list(LIST))
        self.assertFalse(logic.is_list("services: {}\n"))

    def test_references_are_split(self) -> None:
        self.assertEqual(logic.split("h:5000/a"), ("h:5000/a", None, None))
        self.assertEqual(logic.split("a:1@sha256:0"), ("a", "1", "sha256:0"))
