"""Exports the rewrite as a component."""

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.rewrite import (
    Item, Verdict, Verdict_Destination, Verdict_Refuse, Verdict_Skip,
)
from wit_world.imports import config
from wit_world.imports.types import PluginError_InvalidConfig

import logic

VERDICTS = {"destination": Verdict_Destination, "skip": Verdict_Skip, "refuse": Verdict_Refuse}


class Rewrite(exports.Rewrite):
    def apply(self, batch: list[Item]) -> list[Verdict]:
        try:
            prefix = logic.prefix_of(config.get())
        except ValueError as error:
            raise Err(PluginError_InvalidConfig(str(error))) from error
        return [verdict(prefix, item) for item in batch]


def verdict(prefix: str, item: Item) -> Verdict:
    labels = {attribute.key: attribute.value for attribute in item.attributes}
    kind, text = logic.rewritten(prefix, item.destination, labels)
    return VERDICTS[kind](text)
