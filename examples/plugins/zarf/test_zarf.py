"""Tests of the reader, without WebAssembly: python3 -m unittest."""

import pathlib
import unittest

import zarf

LIST = (pathlib.Path(__file__).parent / "fixtures" / "zarf.yaml").read_text()


class Reading(unittest.TestCase):
    def test_images_have_line_component_and_architecture(self) -> None:
        found = [*zarf.read(LIST)]
        images = [each for each in found if isinstance(each, zarf.Image)]
        self.assertEqual(images[0], (8, "ghcr.io/stefanprodan/podinfo:6.4.0", "podinfo", ""))
        self.assertEqual((len(images), images[-1].architecture), (3, "arm64"))
        self.assertEqual([each.is_error for each in found if each not in images], [False, True])

    def test_other_texts_are_not_packages(self) -> None:
        self.assertTrue(zarf.is_package(LIST))
        for text in ["", "kind: Pod\n", "  kind: ZarfPackageConfig\n", "# kind: ZarfInitConfig\n"]:
            self.assertFalse(zarf.is_package(text), text)
        self.assertTrue(next(zarf.read("kind: Pod\n")).is_error)
        for text in ["a: [", "a: \x07", "[" * 2000]:
            self.assertRegex([*zarf.read(text)][-1].message, "not YAML|too deeply", text[:9])

    def test_references_are_split(self) -> None:
        for reference, parts in [
            ("a", ("a", None, None)), ("a:1@sha256:0", ("a", "1", "sha256:0")),
            ("h:5000/a/b:1", ("h:5000/a/b", "1", None)), ("h:5000/a@sha256:0", ("h:5000/a", None, "sha256:0")),
        ]:
            self.assertEqual(zarf.split(reference), parts)
