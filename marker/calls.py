"""Calls that are looked at on their way."""

import inspect
from contextlib import contextmanager
from types import FunctionType, MethodType


@contextmanager
def reroute(owner, name, around):
    """While it lasts, each call of owner.name goes to around(original, *arguments, **options)."""
    original = getattr(owner, name)
    setattr(owner, name, lambda *arguments, **options: around(original, *arguments, **options))
    try:
        yield
    finally:
        setattr(owner, name, original)


@contextmanager
def watch(module, name, around):
    """While it lasts, each call of a function, under whatever name, goes to around(original, its bound arguments)."""
    given = getattr(module, name)
    function = getattr(given, "__func__", given)  # of a method

    def call(original):
        bind = inspect.signature(original).bind
        return lambda *arguments, **named: around(original, bind(*arguments, **named))

    if isinstance(function, FunctionType):
        code = function.__code__
        original = FunctionType(code, function.__globals__, name, function.__defaults__, function.__closure__)
        original.__kwdefaults__ = function.__kwdefaults__
        kept = code, function.__defaults__, function.__kwdefaults__
        if function is given:
            other = (lambda *arguments, _to, **named: _to(*arguments, **named)).__code__
        else:
            original = MethodType(original, given.__self__)
            other = (lambda _self, *arguments, _to, **named: _to(*arguments, **named)).__code__
        other = other.replace(co_freevars=code.co_freevars)
        function.__code__, function.__defaults__, function.__kwdefaults__ = other, None, {"_to": call(original)}
        try:
            yield
        finally:
            function.__code__, function.__defaults__, function.__kwdefaults__ = kept
    else:  # a class, say: then under its names in the file
        names = [key for key, value in vars(module).items() if value is given]
        try:
            vars(module).update(dict.fromkeys(names, call(given)))
            yield
        finally:
            vars(module).update(dict.fromkeys(names, given))
