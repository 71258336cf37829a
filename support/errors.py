"""The one error that every file here may raise, and what no message shows."""

import re


class UserError(Exception):
    """Something the user can fix; the message is one line that says what is wrong and what to do."""


def hide_control_characters(text):
    """The text with a question mark for each control character but tab and newline: a terminal would obey it."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "?", text)
