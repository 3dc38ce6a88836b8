"""Creates a team with `PUT /api/teams/NAME` before the first push into `NAME/…`."""

import json
from collections.abc import Callable

# Sends a request as (method, path, body), and returns the status and the text of the answer.
Send = Callable[[str, list[str], str | None], tuple[int, str]]


class Refused(Exception):
    """The server refused a request."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"the server answered {status}: {text}")
        self.status = status


def team(repository: str) -> str | None:
    """Returns the team that a repository needs."""
    first, slash, _ = repository.partition("/")
    return first if slash else None


def prepare(send: Send, name: str, public: bool, dry_run: bool) -> tuple[str, str | None]:
    """Creates a team, unless it exists. Returns `ready`, `created` or `would-create`, and a remark."""
    path = ["api", "teams", name]
    status, text = send("GET", path, None)
    if status == 200:
        return "ready", None
    if status != 404:
        raise Refused(status, text)
    if dry_run:
        return "would-create", None
    body = json.dumps({"public": public}, separators=(",", ":"))
    status, text = send("PUT", path, body)
    if status == 201:
        return "created", None
    if status == 409:
        return "ready", "somebody else created it meanwhile"
    raise Refused(status, text)
