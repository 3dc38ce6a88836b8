"""Exports the list format as a component."""

import gc

from wit_world import exports
from wit_world.exports.list_format import Confidence, Parsed
from wit_world.imports.types import (
    Attribute, Diagnostic, Entry, Pinned, Selection_ByDigest, Selection_ByTag, Severity,
)

import logic

# Each call has an instance of its own, and ends before there is garbage to collect. Looking for garbage takes most
# of the time of a long list.
gc.disable()


class ListFormat(exports.ListFormat):
    def probe(self, file_name: str, head: str) -> Confidence:
        return Confidence.CERTAIN if logic.is_list(head) else Confidence.NO

    def parse(self, file_name: str, text: str) -> Parsed:
        images, errors = logic.read(text)
        remarks = [Diagnostic(Severity.ERROR, *error) for error in errors]
        return Parsed([entry(*image) for image in images], remarks)


def entry(line: int, reference: str, team: str | None) -> Entry:
    name, tag, digest = logic.split(reference)
    return Entry(
        source=name,
        repositories=None,
        select=Selection_ByDigest(Pinned(digest, tag)) if digest else Selection_ByTag(tag or "latest"),
        destination=None,
        destination_tag=None,
        platforms=[],
        line=line,
        attributes=[Attribute("team", team)] if team else [],
    )
