"""Runs a network's code without side effects: support/threads.py tests the deeper networks before the first step."""

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
    """Context manager within which methods of these classes run without side effects.

    Their output and their warnings are hidden, and breakpoint() does not stop. Afterwards, the state of NumPy's and
    Python's global random generators, and all variables of the classes and of their modules, are restored.
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
            empty_stdin(),
            warnings.catch_warnings(),
            variables_restored(list_classes_and_modules(classes)),
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
def empty_stdin():
    """Context manager with an empty stdin, so that nothing, such as a debugger, waits for the user."""
    stdin = sys.stdin
    with open(os.devnull, encoding="utf-8") as sys.stdin:
        try:
            yield
        finally:
            sys.stdin = stdin


def list_classes_and_modules(classes):
    """Return the list of the classes, their base classes except `object`, and the modules that define them."""
    scopes = {}
    for cls in classes:
        for base in cls.__mro__[:-1]:  # the last is `object`
            scopes[id(base)] = base
            module = sys.modules.get(base.__module__)
            if module is not None:
                scopes[id(module)] = module
    return list(scopes.values())


@contextlib.contextmanager
def variables_restored(scopes):
    """Context manager: replace each variable of these modules and classes by a copy, and restore it afterwards."""
    originals = [dict(vars(scope)) for scope in scopes]
    copies = {}
    for scope, variables in zip(scopes, originals, strict=True):
        for name, value in variables.items():
            if is_variable(name, value):
                with contextlib.suppress(Exception):  # an object that cannot be copied, such as a lock, is left alone
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
    """Return True if an attribute of a module or a class is a variable, not a function, a class or a module."""
    is_code = isinstance(value, ModuleType) or callable(value) or hasattr(value, "__get__")
    return not (is_code or name.startswith("__"))
