"""What a value must be, in words: the checks' own phrases speak of their types."""

from collections.abc import Mapping

_WORDS = {
    "missing": "present",
    "string_type": "text",
    "string_too_short": "at least {min_length} characters long",
    "string_too_long": "at most {max_length} characters long",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_parsing_size": "a whole number that is not so long",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "list_type": "a list",
    "too_long": "a list of at most {max_length}",
    "literal_error": "{expected}",
    "model_type": "an object",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:g}",
}


def wanted(kind: str, bounds: Mapping[str, object]) -> str:
    """Return what a value must be that failed pydantic's check ``kind``, "" for a check that has its own words."""
    words = _WORDS.get(kind, "")
    return words.format_map(bounds) if words else ""
