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
        found = [*zarf.read(text)]
        images = [entry(image) for image in found if isinstance(image, zarf.Image)]
        return Parsed(images, [diagnostic(remark) for remark in found if isinstance(remark, zarf.Remark)])


def entry(image: zarf.Image) -> Entry:
    name, tag, digest = zarf.split(image.reference)
    return Entry(
        source=name,
        select=Selection_ByDigest(Pinned(digest, tag)) if digest else Selection_ByTag(tag or "latest"),
        platforms=[f"linux/{image.architecture}"] if image.architecture else [],
        line=image.line,
        attributes=[Attribute("zarf/component", image.component)],
        repositories=None, destination=None, destination_tag=None,
    )


def diagnostic(remark: zarf.Remark) -> Diagnostic:
    severity = Severity.ERROR if remark.is_error else Severity.WARNING
    return Diagnostic(severity, remark.line, remark.column, remark.message)
