"""Puts a prefix before each destination, and skips what is for tests."""

import json


def prefix_of(config: str) -> str:
    """Reads the configuration, a JSON object. Raises ValueError if it is wrong."""
    prefix = json.loads(config).get("prefix")
    if not isinstance(prefix, str) or not prefix:
        raise ValueError("prefix must be a path such as `mirror`")
    return prefix


def rewritten(prefix: str, destination: str, labels: dict[str, str]) -> tuple[str, str]:
    """Returns `destination`, `skip` or `refuse`, and the new destination or the reason."""
    if labels.get("stage") == "test":
        return "skip", "it is for tests only"
    registry, slash, path = destination.partition("/")
    if not slash:
        return "refuse", "the destination names no registry"
    return "destination", f"{registry}/{prefix}/{path}"
