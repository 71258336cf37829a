"""How a program ends."""

import pytest

from support import program
from support.errors import UserError


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (UserError("lower\n it"), 2, "lower it"),
        (MemoryError(), 2, "not enough memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 2, "not enough memory"),
        (RuntimeError("CUDA out of memory."), 2, "not enough memory"),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate"), 2, "lower --hidden"),
        (OSError(28, "No space left on device", "x.png"), 2, "x.png: No space left"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)
def test_run_turns_errors_into_one_line(error, status, words, capsys):
    def main():
        raise error

    assert program.run(main) == status
    said = capsys.readouterr().err
    assert words in said
    assert said.count("\n") == 1


def test_run_does_not_hide_our_own_mistakes():
    with pytest.raises(ZeroDivisionError):
        program.run(lambda: 1 / 0)
