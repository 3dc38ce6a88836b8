"""Exports the repository type as a component."""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.exports.repo_type import Capabilities, Outcome, Scope, State
from wit_world.imports import config, endpoints
from wit_world.imports.endpoints import (
    Method, Request, RequestError_Other, RequestError_Unreachable,
)
from wit_world.imports.types import (
    Attribute, Coded, PluginError_Other, PluginError_Transient, PluginError_Unauthorized,
)

import logic

# The endpoint of plugin.json.
API = "api"


class RepoType(exports.RepoType):
    def describe(self, registry: str) -> Capabilities:
        return Capabilities(
            max_depth=None, chunked_upload=True, cross_mount=True, referrers=False, attributes=[]
        )

    def scopes(self, registry: str, repositories: list[str]) -> list[list[Scope]]:
        teams = [logic.team(repository) for repository in repositories]
        return [[Scope("team", team)] if team else [] for team in teams]

    def prepare(self, registry: str, scope: Scope, dry_run: bool) -> Outcome:
        public = json.loads(config.get()).get("public") is True
        try:
            state, remark = logic.prepare(send, scope.name, public, dry_run)
        except logic.Refused as refused:
            raise Err(error_of(refused)) from refused
        return Outcome(State[state.upper().replace("-", "_")], remark, [])


def send(method: str, path: list[str], body: str | None) -> tuple[int, str]:
    headers = [Attribute("content-type", "application/json")] if body else []
    data = body.encode() if body else None
    try:
        answer = endpoints.send(API, Request(Method[method], path, [], headers, data))
    except Err as error:
        raise Err(unsent(error.value)) from error
    return answer.status, answer.body.decode(errors="replace")


def unsent(error: endpoints.RequestError) -> PluginError_Transient | PluginError_Other:
    """Returns the error of the contract for a request without an answer."""
    if isinstance(error, RequestError_Unreachable):
        return PluginError_Transient(None)
    if isinstance(error, RequestError_Other):
        return PluginError_Other(error.value)
    code = type(error).__name__.removeprefix("RequestError_").lower()
    return PluginError_Other(Coded(code, error.value))


def error_of(
    refused: logic.Refused,
) -> PluginError_Unauthorized | PluginError_Transient | PluginError_Other:
    """Returns the error of the contract for a status."""
    if refused.status in (401, 403):
        return PluginError_Unauthorized(str(refused))
    if refused.status == 429 or refused.status >= 500:
        return PluginError_Transient(None)
    return PluginError_Other(Coded("unexpected-answer", f"the server answered {refused.status}"))
