"""What pydantic found wrong, in an organiser's words."""

from collections.abc import Callable

from pydantic_core import ErrorDetails

PLAIN: dict[str, Callable[[ErrorDetails], str]] = {
    "missing": lambda _: "is missing; add it",
    "string_type": lambda error: f"must be a text, not {shown(error)}; put it in quotes if it is one",
    "int_type": lambda error: f"must be a whole number, not {shown(error)}",
    "bool_type": lambda error: f"must be true or false, not {shown(error)}",
    "tuple_type": lambda error: f"must be a list (lines starting with a hyphen), not {shown(error)}",
    "model_type": lambda error: f"must hold keys of its own, not {shown(error)}; indent them below it",
    "dict_type": lambda error: f"must hold keys of its own, not {shown(error)}; indent them below it",
    "literal_error": lambda error: f"cannot be {shown(error)}; use {limits(error)['expected']}",
    "string_too_short": lambda _: "is empty; write something",
    "string_too_long": lambda error: f"is longer than {limits(error)['max_length']} characters; shorten it",
    "string_pattern_mismatch": lambda error: f"cannot be {shown(error)}; use lower-case letters, digits and hyphens",
    "too_short": lambda error: f"needs at least {limits(error)['min_length']}; add to the list",
    "greater_than_equal": lambda error: f"is {shown(error)}; give {limits(error)['ge']} or more",
    "less_than_equal": lambda error: f"is {shown(error)}; give {limits(error)['le']} or less",
    "union_tag_not_found": lambda error: f"says no {limits(error)['discriminator']}, so its rules are unknown; add it",
    "union_tag_invalid": lambda error: (
        f"cannot have {limits(error)['discriminator']} {limits(error)['tag']!r}; use {limits(error)['expected_tags']}"
    ),
    "value_error": lambda error: str(limits(error)["error"]),
}


def reason_of(error: ErrorDetails) -> str:
    """What is wrong and what to do; pydantic's own words for the few cases an organiser hardly meets."""
    word = PLAIN.get(error["type"])
    return word(error) if word else f"{error['msg']} (it is {shown(error)})"


def limits(error: ErrorDetails) -> dict[str, object]:
    """What pydantic compared with."""
    return error.get("ctx", {})


def shown(error: ErrorDetails) -> str:
    """What was written, kept short."""
    match error["input"]:
        case None:
            return "nothing"
        case dict():
            return "a group of keys"
        case tuple():
            return "a list"
        case value:
            text = repr(value)
            return text if len(text) <= 60 else f"{text[:57]}…"
