"""Reads the images of Zarf packages: `zarf.yaml`, with `components[].images`."""

from collections.abc import Iterator
from typing import NamedTuple

import yaml

KINDS = ("ZarfPackageConfig", "ZarfInitConfig")
# What a component may have beside images. None of it is mirrored.
OTHERS = ("charts", "repos", "imageArchives", "import")
Image = NamedTuple("Image", [("line", int), ("reference", str), ("component", str), ("architecture", str)])
Remark = NamedTuple("Remark", [("is_error", bool), ("line", int), ("column", int), ("message", str)])


def is_package(head: str) -> bool:
    """Tells whether a text names one of Zarf's kinds at its top level."""
    kinds = (line.split("#")[0].removeprefix("kind:") for line in head.splitlines() if line.startswith("kind:"))
    return any(kind.strip("\"' \t\r") in KINDS for kind in kinds)


def read(text: str) -> Iterator[Image | Remark]:
    """Reads all documents of a text."""
    try:
        for root in yaml.compose_all(text, Loader=yaml.SafeLoader):
            yield from document(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        yield Remark(True, mark.line + 1, mark.column + 1, f"the text is not YAML: {error.problem}")
    except yaml.reader.ReaderError as error:
        yield Remark(True, text.count("\n", 0, error.position) + 1, 0, f"the text is not YAML: {error.reason}")
    except RecursionError:
        yield Remark(True, 0, 0, "the text is nested too deeply")


def document(root: yaml.Node) -> Iterator[Image | Remark]:
    if text_of(root, "kind") not in KINDS:
        yield remark(True, root, "the document is not a Zarf package")
        return
    for component in items_of(root, "components"):
        name = text_of(component, "name") or "unnamed"
        for key in OTHERS:
            if other := member(component, key):
                yield remark(False, other, f"component {name}: only its images are mirrored, not its {key}")
        architecture = text_of(member(member(component, "only"), "cluster"), "architecture")
        for node in items_of(component, "images"):
            reference = node.value if isinstance(node, yaml.ScalarNode) else ""
            if "###" in reference:
                yield remark(True, node, f"{reference} has a template, which only Zarf fills")
            elif not reference or any(character.isspace() for character in reference):
                yield remark(True, node, f"component {name}: this is not an image")
            else:
                yield Image(node.start_mark.line + 1, reference, name, architecture)


def remark(is_error: bool, node: yaml.Node, message: str) -> Remark:
    return Remark(is_error, node.start_mark.line + 1, node.start_mark.column + 1, message)


def member(node: yaml.Node | None, key: str) -> yaml.Node | None:
    """Returns a member of a mapping that is not null."""
    members = node.value if isinstance(node, yaml.MappingNode) else []
    found = (value for name, value in members if name.value == key)
    return next((value for value in found if value.tag != "tag:yaml.org,2002:null"), None)


def text_of(node: yaml.Node | None, key: str) -> str:
    found = member(node, key)
    return found.value if isinstance(found, yaml.ScalarNode) else ""


def items_of(node: yaml.Node | None, key: str) -> list[yaml.Node]:
    found = member(node, key)
    return found.value if isinstance(found, yaml.SequenceNode) else []


def split(reference: str) -> tuple[str, str | None, str | None]:
    """Splits a reference into name, tag and digest. The colon of a port starts no tag."""
    named, _, digest = reference.partition("@")
    path, slash, last = named.rpartition("/")
    last, _, tag = last.partition(":")
    return path + slash + last, tag or None, digest or None
