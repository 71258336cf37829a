"""Each lesson checks itself, and notices whatever goes wrong in a backward pass.

Every operation in every `backward` of the lessons is spoilt, one at a time: a sign changed, a term or a factor left
out, a product a little too large, a mean in place of a sum, a matrix not turned on its side. On the tape, every VJP.
"""

import ast
import re
import runpy
from unittest.mock import Mock

import mutants
import numpy as np
import pytest

from conftest import ROOT, schedule

LESSONS = [  # how many gradients each prints, how far they may be from central differences, the page that shows them
    ("mlp_np", 7, 1e-8, "training"),
    ("autograd_np", 15, 1e-8, "autograd"),
    ("layers_np", 9, 1e-8, None),
    ("resnet_np", 41, 1e-7, None),
    ("vit_np", 67, 1e-7, None),
    ("gpt_np", 47, 1e-7, None),
]
# What changes no derivative: {file: {(as it is, as it then is)}}.
HARMLESS = {
    "mlp_np": {
        # a row's probabilities do not change if all its logits grow by the same number
        ("logits - logits.max(axis=1, keepdims=True)", "logits"),
        ("logits - logits.max(axis=1, keepdims=True)", "logits + logits.max(axis=1, keepdims=True)"),
        ("total[:, 0]", "total"),  # (B, 1) - (B,) is every pair of images, with the same mean
    },
    "autograd_np": {
        ("dy * np.ones_like(self.value)", "dy"),  # it makes an array of the loss's 1
    },
    "resnet_np": {
        ("2 * pad", "2"),  # a border where none is needed, which is cut off again
    },
}


def spoil(node):
    """The nodes that could stand in this one's place by mistake."""
    yield from mutants.slips(node)
    match node:
        case ast.BinOp(_, ast.MatMult(), _) | ast.Call(ast.Name("channel_sum" | "row_sum"), _):
            yield times(node, 1.001)


def spoil_share(node):
    """A VJP on the tape that is missing, or a little too large."""
    match node:
        case ast.Lambda(ast.arguments(args=[ast.arg("dy")]), share):
            yield from (ast.Lambda(node.args, times(share, factor)) for factor in (0, 1.001))
        case ast.Return(ast.Name("da") as share):
            yield from (ast.Return(times(share, factor)) for factor in (0, 1.001))


def times(node, factor):
    return ast.BinOp(node, ast.Mult(), ast.Constant(factor))


def spoilt(source):
    """What `mutants.spoilt` says of each way to spoil one operation of a backward pass."""
    tree = ast.parse(source)
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef) and re.match("backward|softmax_cross_entropy", function.name):
            yield from mutants.spoilt(tree, function, spoil)
    yield from mutants.spoilt(tree, tree, spoil_share)


def passes_its_check(code):
    file = {"__name__": "spoilt"}
    try:
        with np.errstate(all="ignore"):
            exec(code, file)
            file["check"]()
    except (SystemExit, Exception):
        return False
    return True


@pytest.mark.parametrize(("name", "rows", "most", "page"), schedule(LESSONS, every_day=LESSONS[:4]))
def test_a_lesson_checks_itself_and_prints_what_its_page_shows(name, rows, most, page, capsys):
    runpy.run_path(str(ROOT / f"{name}.py"), run_name="__main__")
    printed = capsys.readouterr().out
    gradients = [line for line in printed.splitlines()[1:] if not line.startswith(("decoding:", "sampling:"))]
    differences = [float(line.split()[-1]) for line in gradients]
    assert len(differences) == rows and max(differences) < most
    shown = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8") if page else printed
    assert re.sub(r"\d\.\de-\d+", "", printed) in re.sub(r"\d\.\de-\d+", "", shown)


WRITERS = {  # {file: (the scale of the scores in `decode_step`, without it)}
    "gpt_np": ("softmax(q @ k.swapaxes(2, 3) * self.scale)", "softmax(q @ k.swapaxes(2, 3))"),
    "llama_np": ("scores = ungroup_heads(products, self.heads) *", "scores = ungroup_heads(products, self.heads) #"),
}
SAMPLING = [
    ("ends[:, -1:] >= ends)", "ends[:, -1:] >= ends + 0.005)"),
    ("logits.astype(np.float64) / temperature", "logits.astype(np.float64) * temperature"),
    ("np.sort(logits)[:, -top_k:]", "np.sort(logits)[:, -top_k - 1 :]"),
    ("likelier < top_p", "likelier + ranked < top_p"),
]


@pytest.mark.parametrize("name", schedule(WRITERS, every_day=2))
def test_a_file_that_writes_compares_decoding_and_sampling_with_forward(name, capsys):
    source = (ROOT / f"{name}.py").read_text(encoding="utf-8")
    file = {"__name__": name}
    exec(source, file)
    file["check"]()
    *_, decoding, sampling = capsys.readouterr().out.splitlines()
    assert float(re.search(r"^decoding: .* by (\S+) of their size$", decoding)[1]) < 1e-14
    assert sampling == "sampling: of 1,000 tokens, each token's share is its probability, within 1 in 1,000"
    right, wrong = WRITERS[name]
    assert source.count(right) == 1
    file = {"__name__": name}
    exec(source.replace(right, wrong), file)
    with pytest.raises(SystemExit, match="decode_step and forward give other logits: they differ by"):
        file["check"]()


@pytest.mark.parametrize(("right", "wrong"), schedule(SAMPLING, every_day=2))
def test_a_file_that_writes_notices_what_is_wrong_in_sampling(right, wrong):
    source = (ROOT / "gpt_np.py").read_text(encoding="utf-8")
    assert source.count(right) == 1
    file = {"__name__": "gpt_np"}
    exec(source.replace(right, wrong), file)
    with pytest.raises(SystemExit, match="generate draws by other probabilities"):
        file["check"]()


CHECKED = [name for name, *_ in LESSONS[:5]]


@pytest.mark.parametrize("name", ["resnet_np", "vit_np", "gpt_np"])
def test_ctrl_c_while_a_lesson_checks_itself(name, monkeypatch):
    monkeypatch.setattr(np.random, "default_rng", Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(SystemExit, match="interrupted"):
        runpy.run_path(str(ROOT / f"{name}.py"), run_name="__main__")


@pytest.mark.parametrize("name", schedule(CHECKED, every_day=["autograd_np", "layers_np"], in_turn=2))
def test_a_file_notices_whatever_is_wrong_in_a_derivative(name):
    """mlp_np.py checks itself in up to 0.4 s, and does so for each of its slips."""
    source = (ROOT / f"{name}.py").read_text(encoding="utf-8")
    assert passes_its_check(source)
    ways = list(spoilt(source))
    assert len(ways) > 10
    unnoticed = {(right, wrong) for _, right, wrong, code in ways if passes_its_check(code)}
    assert unnoticed == HARMLESS.get(name, set())
