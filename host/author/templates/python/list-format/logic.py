"""Reads lists of the form `mirror: [{image: REFERENCE, team: LABEL}]`."""

import plain_yaml
import yaml

NULL = "tag:yaml.org,2002:null"


def is_list(head: str) -> bool:
    """Tells whether a text is such a list."""
    return any(line.startswith("mirror:") for line in head.splitlines())


def read(text: str) -> tuple[list[tuple[int, str, str | None]], list[tuple[int, int, str]]]:
    """Returns images as (line, reference, team), and errors as (line, column, message)."""
    images, errors = [], []
    try:
        root = plain_yaml.compose(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        return [], [(*place, f"the text is not YAML: {error.problem}")]
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return [], [(line, 0, f"the text is not YAML: {error.reason}")]
    except RecursionError:
        return [], [(0, 0, "the text is nested too deeply")]
    items = members(root).get("mirror")
    if not isinstance(items, yaml.SequenceNode):
        return [], [(0, 0, "there is no list `mirror`")]
    for item in items.value:
        values = members(item)
        image, team = values.get("image"), values.get("team")
        if isinstance(image, yaml.ScalarNode) and image.value:
            label = team.value if isinstance(team, yaml.ScalarNode) else None
            images.append((item.start_mark.line + 1, image.value, label))
        else:
            mark = item.start_mark
            errors.append((mark.line + 1, mark.column + 1, "there is no `image`"))
    return images, errors


def members(node: yaml.Node | None) -> dict[str, yaml.Node]:
    """Returns the members of a mapping that are not null; other nodes have none."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return {key.value: value for key, value in pairs if isinstance(key, yaml.ScalarNode) and value.tag != NULL}


def split(reference: str) -> tuple[str, str | None, str | None]:
    """Splits a reference into name, tag and digest. The colon of a port starts no tag."""
    named, _, digest = reference.partition("@")
    path, slash, last = named.rpartition("/")
    last, _, tag = last.partition(":")
    return path + slash + last, tag or None, digest or None
