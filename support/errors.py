"""The one error that every file here may raise."""


class UserError(Exception):
    """Something the user can fix; the message is one line that says what is wrong and what to do."""
