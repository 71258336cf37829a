"""Run a network's code so that nobody notices: support/threads.py tries the deeper networks before the first step."""

import contextlib
import copy
import os
import random
import sys
import warnings
from types import ModuleType

import numpy as np


@contextlib.contextmanager
def side_effects_undone(classes):
    """Context manager: methods of these classes may run in it, and leave nothing behind.

    What they print is not shown, warnings included, and breakpoint() does not stop. Afterwards, the global random
    numbers of NumPy and Python, and all variables of the classes and of their modules, are what they were.
    """
    numpy_state = np.random.get_state()  # noqa: NPY002 - a network may draw from the old generator
    python_state = random.getstate()
    hook = sys.breakpointhook
    sys.breakpointhook = ignore_breakpoint
    try:
        with (
            open(os.devnull, "w", encoding="utf-8") as nowhere,
            contextlib.redirect_stdout(nowhere),
            contextlib.redirect_stderr(nowhere),
            empty_input(),
            warnings.catch_warnings(),
            variables_copied(list_scopes(classes)),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.breakpointhook = hook
        np.random.set_state(numpy_state)  # noqa: NPY002
        random.setstate(python_state)


def ignore_breakpoint(*args, **kwargs):
    """Stand in for breakpoint(), and do nothing."""


@contextlib.contextmanager
def empty_input():
    """Context manager: whatever asks the user, as another debugger does, gets the end of the input at once."""
    stdin = sys.stdin
    with open(os.devnull, encoding="utf-8") as sys.stdin:
        try:
            yield
        finally:
            sys.stdin = stdin


def list_scopes(classes):
    """The classes, those that they inherit from, and the modules that define them."""
    scopes = {}
    for cls in classes:
        for base in cls.__mro__[:-1]:  # the last is `object`
            scopes[id(base)] = base
            module = sys.modules.get(base.__module__)
            if module is not None:
                scopes[id(module)] = module
    return list(scopes.values())


@contextlib.contextmanager
def variables_copied(scopes):
    """Context manager: in it, each variable of these modules and classes is a copy; afterwards it is the original."""
    originals = [dict(vars(scope)) for scope in scopes]
    copies = {}
    for scope, variables in zip(scopes, originals, strict=True):
        for name, value in variables.items():
            if is_variable(name, value):
                with contextlib.suppress(Exception):  # a lock, say, cannot be copied: it stays
                    setattr(scope, name, copy.deepcopy(value, copies))
    try:
        yield
    finally:
        for scope, variables in zip(scopes, originals, strict=True):
            for name in vars(scope).keys() - variables.keys():
                delattr(scope, name)
            for name, value in variables.items():
                if vars(scope).get(name) is not value:
                    setattr(scope, name, value)


def is_variable(name, value):
    """Return True if a module's or a class's attribute holds something that its code may change."""
    is_code = isinstance(value, ModuleType) or callable(value) or hasattr(value, "__get__")
    return not (is_code or name.startswith("__"))
