"""Reads the images of Zarf packages: `zarf.yaml`, with `components[].images`."""

from dataclasses import dataclass, field

import yaml

KINDS = ("ZarfPackageConfig", "ZarfInitConfig")
# What a package may bring beside images, and what becomes of it here.
OTHERS = {
    "charts": "its charts, and the images in them, are not mirrored",
    "repos": "its Git repositories are not mirrored",
    "imageArchives": "images in archives are not mirrored",
    "import": "the component that it imports is not read",
}


@dataclass
class Image:
    """An image of a component."""

    line: int
    reference: str
    component: str
    platform: str | None


@dataclass
class Package:
    """What a text holds. Remarks are (is an error, line, column, message)."""

    images: list[Image] = field(default_factory=list)
    remarks: list[tuple[bool, int, int, str]] = field(default_factory=list)

    def remark(self, is_error: bool, node: yaml.Node, message: str) -> None:
        mark = node.start_mark
        self.remarks.append((is_error, mark.line + 1, mark.column + 1, message))


def is_package(head: str) -> bool:
    """Tells whether a text names one of Zarf's kinds at its top level."""
    lines = (line.split("#")[0].rstrip() for line in head.splitlines())
    return any(line.removeprefix("kind:").strip("\"' ") in KINDS for line in lines if line.startswith("kind:"))


def read(text: str) -> Package:
    """Reads all documents of a text."""
    package = Package()
    try:
        for root in yaml.compose_all(text, Loader=yaml.SafeLoader):
            document(root, package)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        package.remarks.append((True, *place, f"the text is not YAML: {error.problem}"))
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        package.remarks.append((True, line, 0, f"the text is not YAML: {error.reason}"))
    except RecursionError:
        package.remarks.append((True, 0, 0, "the text is nested too deeply"))
    return package


def document(root: yaml.Node, package: Package) -> None:
    if text_of(root, "kind") not in KINDS:
        return package.remark(True, root, "the document is not a Zarf package")
    for component in items_of(root, "components"):
        name = text_of(component, "name") or "unnamed"
        for key, why in OTHERS.items():
            if (other := get(component, key)) is not None:
                package.remark(False, other, f"component {name}: {why}")
        only = get(get(component, "only"), "cluster")
        architecture = text_of(only, "architecture")
        platform = f"linux/{architecture}" if architecture else None
        for node in items_of(component, "images"):
            image(node, name, platform, package)


def image(node: yaml.Node, name: str, platform: str | None, package: Package) -> None:
    reference = node.value if isinstance(node, yaml.ScalarNode) else ""
    if "###" in reference:
        return package.remark(True, node, f"{reference} has a template, which only Zarf fills")
    if not reference or any(character.isspace() for character in reference):
        return package.remark(True, node, f"component {name}: this is not an image")
    package.images.append(Image(node.start_mark.line + 1, reference, name, platform))


def get(node: yaml.Node | None, key: str) -> yaml.Node | None:
    """Returns a member of a mapping that is not null."""
    if not isinstance(node, yaml.MappingNode):
        return None
    found = (value for name, value in node.value if name.value == key)
    return next((value for value in found if value.tag != "tag:yaml.org,2002:null"), None)


def text_of(node: yaml.Node | None, key: str) -> str | None:
    value = get(node, key)
    return value.value if isinstance(value, yaml.ScalarNode) else None


def items_of(node: yaml.Node | None, key: str) -> list[yaml.Node]:
    value = get(node, key)
    return value.value if isinstance(value, yaml.SequenceNode) else []


def split(reference: str) -> tuple[str, str | None, str | None]:
    """Splits a reference into name, tag and digest. The colon of a port starts no tag."""
    named, _, digest = reference.partition("@")
    path, slash, last = named.rpartition("/")
    last, _, tag = last.partition(":")
    return path + slash + last, tag or None, digest or None
