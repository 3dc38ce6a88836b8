"""Renders charts without templates: returns the files of `templates/` as they are.

`RELEASE` is replaced by the name of the release.
"""


def is_template(path: str) -> bool:
    """Tells whether a file of the chart is rendered."""
    return path.startswith("templates/")


def render(path: str, content: bytes, release: str) -> str:
    """Renders a template. Raises ValueError if it is not text."""
    try:
        return content.decode().replace("RELEASE", release)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: it is not UTF-8 text") from error
