"""Intercept calls of functions."""

import inspect
from contextlib import contextmanager
from types import FunctionType, MethodType


@contextmanager
def reroute(owner, name, handler):
    """Context manager: replace owner.name, so that each call becomes handler(original, *arguments, **options)."""
    original = getattr(owner, name)
    setattr(owner, name, lambda *arguments, **options: handler(original, *arguments, **options))
    try:
        yield
    finally:
        setattr(owner, name, original)


@contextmanager
def intercept_calls(module, name, handler):
    """Context manager: each call of the function `name` of a module becomes handler(original, its bound arguments).

    That includes calls by other names, such as those in modules that have imported the function.
    """
    attribute = getattr(module, name)
    function = getattr(attribute, "__func__", attribute)  # of a method

    def wrap_with_handler(original):
        bind = inspect.signature(original).bind
        return lambda *arguments, **options: handler(original, bind(*arguments, **options))

    if isinstance(function, FunctionType):
        code = function.__code__
        original = FunctionType(code, function.__globals__, name, function.__defaults__, function.__closure__)
        original.__kwdefaults__ = function.__kwdefaults__
        original_state = code, function.__defaults__, function.__kwdefaults__
        if function is attribute:
            forwarding_code = (lambda *arguments, _to, **named: _to(*arguments, **named)).__code__
        else:
            original = MethodType(original, attribute.__self__)
            forwarding_code = (lambda _self, *arguments, _to, **named: _to(*arguments, **named)).__code__
        forwarding_code = forwarding_code.replace(co_freevars=code.co_freevars)
        function.__code__ = forwarding_code
        function.__defaults__ = None
        function.__kwdefaults__ = {"_to": wrap_with_handler(original)}
        try:
            yield
        finally:
            function.__code__, function.__defaults__, function.__kwdefaults__ = original_state
    else:  # a class, for example: then under its names in the module
        names = [key for key, value in vars(module).items() if value is attribute]
        try:
            vars(module).update(dict.fromkeys(names, wrap_with_handler(attribute)))
            yield
        finally:
            vars(module).update(dict.fromkeys(names, attribute))
