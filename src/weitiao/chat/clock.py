"""A chat template with its clock stopped."""

from __future__ import annotations

# Templates that write today's date would render another prompt tomorrow: they get this day instead.
_DAY = {
    "%Y": "2024",
    "%y": "24",
    "%m": "07",
    "%d": "26",
    "%-d": "26",
    "%B": "July",
    "%b": "Jul",
    "%A": "Friday",
}
_DAY |= {"%a": "Fri", "%H": "12", "%M": "00", "%S": "00", "%I": "12", "%p": "PM", "%j": "208"}


def on_a_fixed_day(template: str) -> str:
    """The template with its clock stopped."""
    if "strftime_now" not in template:
        return template
    filters = "".join(f" | replace({code!r}, {value!r})" for code, value in _DAY.items())
    clock = "{% macro strftime_now(format) %}{{ format" + filters + " }}{% endmacro %}"
    # jinja drops a line end directly behind a block
    return clock + ("\n" if template.startswith("\n") else "") + template
