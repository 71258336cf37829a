"""The error for everything that users can fix, and a function that removes control characters from messages."""

import re


class UserError(Exception):
    """An error that the user can fix. The message is one line that says what is wrong and what to do."""


def hide_control_characters(text):
    """Return the text with "?" for each control character except tab and newline, because a terminal would obey it."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "?", text)
