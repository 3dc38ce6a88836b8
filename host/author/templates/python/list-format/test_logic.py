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
        self.assertIn("not YAML", logic.read("mirror: [")[1][0][2])

    def test_other_texts_are_not_lists(self) -> None:
        self.assertTrue(logic.is_list(LIST))
        self.assertFalse(logic.is_list("services: {}\n"))

    def test_references_are_split(self) -> None:
        self.assertEqual(logic.split("h:5000/a"), ("h:5000/a", None, None))
        self.assertEqual(logic.split("a:1@sha256:0"), ("a", "1", "sha256:0"))
