"""Tests of the reader, without WebAssembly: python3 -m unittest."""

import pathlib
import unittest

import zarf

LIST = (pathlib.Path(__file__).parent / "fixtures" / "zarf.yaml").read_text()


class Reading(unittest.TestCase):
    def test_images_have_line_component_and_platform(self) -> None:
        package = zarf.read(LIST)
        found = [(i.line, i.reference, i.component, i.platform) for i in package.images]
        self.assertEqual(found[0], (8, "ghcr.io/stefanprodan/podinfo:6.4.0", "podinfo", None))
        self.assertEqual(found[-1][3], "linux/arm64")
        self.assertEqual(len(found), 3)
        self.assertEqual([r[0] for r in package.remarks], [False, True])

    def test_other_texts_are_not_packages(self) -> None:
        self.assertTrue(zarf.is_package(LIST))
        for text in ["", "kind: Pod\n", "  kind: ZarfPackageConfig\n", "# kind: ZarfInitConfig\n"]:
            self.assertFalse(zarf.is_package(text), text)
        self.assertTrue(zarf.read("kind: Pod\n").remarks[0][0])
        for text in ["a: [", "a: \x07", "[" * 2000]:
            self.assertRegex(zarf.read(text).remarks[0][3], "not YAML|too deeply", text[:9])

    def test_references_are_split(self) -> None:
        for reference, parts in [
            ("a", ("a", None, None)),
            ("h:5000/a/b:1", ("h:5000/a/b", "1", None)),
            ("h:5000/a@sha256:0", ("h:5000/a", None, "sha256:0")),
            ("a:1@sha256:0", ("a", "1", "sha256:0")),
        ]:
            self.assertEqual(zarf.split(reference), parts)


if __name__ == "__main__":
    unittest.main()
