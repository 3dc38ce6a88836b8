"""Exports the reader of Zarf packages as a list format."""

from wit_world import exports
from wit_world.exports.list_format import Confidence, Parsed
from wit_world.imports.types import (
    Attribute, Diagnostic, Entry, Pinned, Selection_ByDigest, Selection_ByTag, Severity,
)

import zarf


class ListFormat(exports.ListFormat):
    def probe(self, file_name: str, head: str) -> Confidence:
        return Confidence.CERTAIN if zarf.is_package(head) else Confidence.NO

    def parse(self, file_name: str, text: str) -> Parsed:
        package = zarf.read(text)
        return Parsed([entry(image) for image in package.images], [*map(remark, package.remarks)])


def entry(image: zarf.Image) -> Entry:
    name, tag, digest = zarf.split(image.reference)
    return Entry(
        source=name,
        repositories=None,
        select=Selection_ByDigest(Pinned(digest, tag)) if digest else Selection_ByTag(tag or "latest"),
        destination=None,
        destination_tag=None,
        platforms=[image.platform] if image.platform else [],
        line=image.line,
        attributes=[Attribute("zarf/component", image.component)],
    )


def remark(found: tuple[bool, int, int, str]) -> Diagnostic:
    is_error, line, column, message = found
    return Diagnostic(Severity.ERROR if is_error else Severity.WARNING, line, column, message)
