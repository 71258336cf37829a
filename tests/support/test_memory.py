"""How much memory there is, and that a network too large for it is refused before it is built.

That what is measured is what a run takes, tests/support/test_checkpoint.py has.
"""

import pytest

import networks
from conftest import rows
from networks import NETWORKS, begin, make, parse_options
from support import memory
from support.errors import UserError

GROUPS = """
    0::/                                  |                                                | machine
    0::/a/b                               | a/memory.max=1000                              | 1000
    0::/a/b                               | a/b/memory.max=max memory.max=2000             | 2000
    0::/                                  | memory.max=9223372036854771712                 | machine
    4:cpu,memory:/a                       | memory/a/memory.limit_in_bytes=3000            | 3000
    4:memory:/docker/x                    | memory/memory.limit_in_bytes=4000              | 4000
    5:cpu:/a                              | memory/a/memory.limit_in_bytes=3000            | machine
    12:memory:/a 0::/a                    | memory/a/memory.limit_in_bytes=6000 a/memory.max=5000 | 5000
    nothing that one could read           | memory.max=1000                                | machine
"""


@pytest.mark.parametrize(("own", "files", "there_is"), [*rows(GROUPS)])
def test_the_limit_of_a_container_counts(own, files, there_is, tmp_path):
    (tmp_path / "own").write_text(own.replace(" ", "\n") + "\n")
    machine = memory.there_is(tmp_path / "none")
    assert 2**28 < machine < 2**50
    for path, content in (file.split("=") for file in files.split()):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(content + "\n")
    assert memory.there_is(tmp_path / "own", tmp_path) == (machine if there_is == "machine" else int(there_is))


WEIGHTS = [(model, "") for model in NETWORKS] + [
    ("mlp", "--hidden 7"),
    ("resnet", "--widths 3,3,5 --blocks 2"),
    ("vit", "--width 6 --heads 3 --blocks 1 --patch 14"),
    ("gpt", "--width 6 --heads 3 --blocks 1"),
]


@pytest.mark.parametrize(("model", "words"), WEIGHTS)
def test_an_entry_knows_the_number_of_weights(model, words):
    options = parse_options("np", "--model", model, *words.split())
    assert options.network.weights(options) == sum(p.size for p in make("np", options).params.values())


@pytest.mark.parametrize("framework", ["np", "torch"])
def test_what_is_too_large_is_refused_before_it_is_built(framework, monkeypatch):
    built = []
    monkeypatch.setattr(networks, "make", lambda *of: built.append(of) or make(*of))
    monkeypatch.setattr(memory, "there_is", lambda: 2e9)
    for words in ("--model resnet --widths 1024,1024 --blocks 50", "--model vit --width 1024 --heads 1 --blocks 50"):
        with pytest.raises(UserError, match=r"GB of memory, and there are 2\.0: take a smaller network"):
            begin(framework, "", words.split())
    assert not built
    begin(framework, "", [])
    assert [way for way, _ in built] == ["np"]  # PyTorch takes NumPy's number
