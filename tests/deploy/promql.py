"""Takes a PromQL expression apart far enough to see which metrics and labels it relies on."""

import re
from typing import Final

_TEXT: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_BRACES: Final = re.compile(r"\{[^{}]*\}")
_WINDOW: Final = re.compile(r"\[[^\]]*\]")
_GROUPING: Final = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^()]*)\)")
_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL: Final = re.compile(r"([a-zA-Z_][a-zA-Z0-9_]*)\s*(?:=~|!~|!=|=)")
_WORDS: Final = frozenset(
    {"and", "or", "unless", "offset", "bool", "by", "without", "on", "ignoring"}
    | {"group_left", "group_right", "inf", "nan"}
)


def metrics_in(expression: str) -> set[str]:
    """Return the names of the metrics an expression reads."""
    bare = _GROUPING.sub(" ", _WINDOW.sub(" ", _BRACES.sub(" ", _TEXT.sub('""', expression))))
    bare = re.sub(r"\boffset\s+\S+", " ", bare)
    bare = re.sub(r"\b\d[\d.]*(?:e-?\d+)?[a-z]?\b", " ", bare)
    return {
        found[0]
        for found in _NAME.finditer(bare)
        if found[0] not in _WORDS and not bare[found.end() :].lstrip().startswith("(")
    }


def labels_in(expression: str) -> set[str]:
    """Return the labels an expression selects or groups by."""
    bare = _TEXT.sub('""', expression)
    selected = {label for braces in _BRACES.findall(bare) for label in _LABEL.findall(braces[1:-1])}
    grouped = {
        label.strip()
        for group in _GROUPING.findall(bare)
        for label in group.split(",")
        if label.strip()
    }
    return selected | grouped
