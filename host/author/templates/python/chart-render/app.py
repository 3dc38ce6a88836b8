"""Exports the renderer as a component."""

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.chart_render import File, Manifest, Release
from wit_world.imports import log
from wit_world.imports.types import Coded, PluginError_Other

import logic


class ChartRender(exports.ChartRender):
    def render(self, files: list[File], values: list[str], release: Release) -> list[Manifest]:
        templates = [file for file in files if logic.is_template(file.path)]
        return [rendered(file, release.name) for file in templates]


def rendered(file: File, release: str) -> Manifest:
    # If longshore ends the call, it can name the template.
    log.at(file.path)
    try:
        return Manifest(file.path, logic.render(file.path, file.content, release))
    except ValueError as error:
        raise Err(PluginError_Other(Coded("template", str(error)))) from error
