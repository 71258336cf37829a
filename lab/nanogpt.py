"""nanoGPT's recipe for a CPU beside a GPT by hand of its size: `python -m lab.nanogpt` (10 minutes, an idle machine).

nanoGPT is by Andrej Karpathy (github.com/karpathy/nanoGPT, as of November 2025). Its network and recipe are rewritten
here in plain PyTorch, with the numbers in its model.py, train.py, config/train_shakespeare_char.py and README. The
network by hand is gpt_np.py, trained by main_np.py. Both train on the same batches for the same number of steps, and
are tested on the same letters. They take turns, each in its own process, and PyTorch uses the number of threads with
which it is faster.

The two differ in more than NumPy and PyTorch: the learning rate and its schedule, the first weights, GELU or ReLU,
biases, a shared or separate table for embedding and last layer, and gradient clipping. So this compares two recipes on
one machine.
"""

import math
import sys
import time
from collections.abc import Callable
from itertools import chain
from typing import NamedTuple

from support import program

with program.import_guard("requirements.txt"):
    import numpy as np
    import torch
    from torch import nn
    from torch.nn import functional as F

    import data
    import main_np
    from lab import results, timing
    from loading.options import parse_options
    from support.history import get_machine_facts
    from support.options import Parser, integer
    from support.schedule import learning_rate, make_plan

WIDTH = 128
N_BLOCKS = 4
N_HEADS = 4
BATCH_SIZE = 12
N_STEPS = 2000
MAX_LR = 1e-3
MIN_LR = 1e-4
WARMUP_STEPS = 100
BETAS = (0.9, 0.99)
WEIGHT_DECAY = 0.1
MAX_GRADIENT_NORM = 1.0
TEST_INTERVAL_STEPS = 250
SEEDS = range(3)
BY_HAND_OPTIONS = (
    f"--model gpt --dataset shakespeare --width {WIDTH} --blocks {N_BLOCKS} --heads {N_HEADS} "
    f"--batch-size {BATCH_SIZE} --steps {N_STEPS} --lr 0.003 --optimizer adamw --weight-decay 0.05 --schedule linear"
)


# --- nanoGPT ----------------------------------------------------------------------------------------------------------


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH, bias=False)
        self.out = nn.Linear(WIDTH, WIDTH, bias=False)

    def forward(self, x):
        """Return y (B, T, C) for x (B, T, C)."""
        q, k, v = (part.unflatten(2, (N_HEADS, -1)).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=2))
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)  # (B, h, T, d)
        return self.out(mixed.transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = (nn.LayerNorm(WIDTH, bias=False) for _ in range(2))
        self.attention = Attention()
        self.mlp_in = nn.Linear(WIDTH, 4 * WIDTH, bias=False)
        self.mlp_out = nn.Linear(4 * WIDTH, WIDTH, bias=False)

    def forward(self, x):
        """Return y (B, T, C) for x (B, T, C)."""
        x = x + self.attention(self.norm1(x))
        return x + self.mlp_out(F.gelu(self.mlp_in(self.norm2(x))))


class NanoGPT(nn.Module):
    """A GPT: token ids (B, T) -> logits (B, T, V). The weights of the last layer are those of the embedding."""

    def __init__(self, vocab_size, context_length):
        super().__init__()
        self.table = nn.Embedding(vocab_size, WIDTH)
        self.positions = nn.Embedding(context_length, WIDTH)
        self.blocks = nn.Sequential(*(Block() for _ in range(N_BLOCKS)))
        self.norm = nn.LayerNorm(WIDTH, bias=False)
        for name, p in self.named_parameters():
            if p.ndim > 1:  # residual branches add less each, so that their sum does not depend on N_BLOCKS
                adds = name.endswith(("attention.out.weight", "mlp_out.weight"))
                nn.init.normal_(p, 0, 0.02 / math.sqrt(2 * N_BLOCKS) if adds else 0.02)

    def forward(self, x):
        y = self.table(x) + self.positions(torch.arange(x.shape[1]))
        return F.linear(self.norm(self.blocks(y)), self.table.weight)


def make_optimizer(model):
    """Return AdamW, with weight decay for parameters with two or more axes only."""
    params = [*model.parameters()]
    groups = [{"params": [p for p in params if p.ndim > 1]}, {"params": [p for p in params if p.ndim == 1]}]
    groups[1]["weight_decay"] = 0.0
    return torch.optim.AdamW(groups, MAX_LR, BETAS, weight_decay=WEIGHT_DECAY)


def compute_rate(step):
    """Return the learning rate of a step: linear warm-up to MAX_LR over WARMUP_STEPS, then a cosine decay to MIN_LR."""
    if step < WARMUP_STEPS:
        return MAX_LR * (step + 1) / (WARMUP_STEPS + 1)
    share = (step - WARMUP_STEPS) / (N_STEPS - WARMUP_STEPS)
    return MIN_LR + (MAX_LR - MIN_LR) * (1 + math.cos(math.pi * share)) / 2


# --- Training ---------------------------------------------------------------------------------------------------------


class Training(NamedTuple):
    """The training of a network with a tool."""

    step: Callable  # step(number, x, y) takes a training step
    test: Callable  # test() returns the mean test loss of a letter
    n_parameters: int


def prepare_pytorch_training(options, dataset, threads):
    """Return the `Training` of nanoGPT's recipe in PyTorch."""
    torch.set_num_threads(threads)
    torch.manual_seed(options.run.seed)
    model = NanoGPT(**{name: options.source.tokenizer.sizes[name] for name in ("vocab_size", "context_length")})
    optimizer = make_optimizer(model)

    def compute_loss(x, y):
        return F.cross_entropy(model(torch.from_numpy(x)).flatten(0, 1), torch.from_numpy(y).flatten())

    def take_step(number, x, y):
        for group in optimizer.param_groups:
            group["lr"] = compute_rate(number)
        optimizer.zero_grad()
        compute_loss(x, y).backward()
        nn.utils.clip_grad_norm_(model.parameters(), MAX_GRADIENT_NORM)
        optimizer.step()

    @torch.no_grad()
    def compute_test_loss():
        batches = data.test_batches(dataset, options)
        return sum(compute_loss(x, y).item() * y.size for x, y in batches) / dataset.test_tokens[:, 1:].size

    return Training(take_step, compute_test_loss, sum(p.numel() for p in model.parameters()))


def prepare_numpy_training(options, dataset, threads):
    """Return the `Training` of the GPT by hand."""
    network, optimizer = main_np.build(options)
    steps = make_plan(options, dataset.n_train).steps

    def take_step(number, x, y):
        main_np.train_step(network, optimizer, x, y, learning_rate(number, steps, options))

    def compute_test_loss():
        return main_np.evaluate(network, dataset, options)[0]

    return Training(take_step, compute_test_loss, sum(p.size for p in network.params.values()))


class Tool(NamedTuple):
    """A tool in which a GPT is trained."""

    title: str  # in the table
    prepare_training: Callable


TOOLS = {
    "PyTorch": Tool("nanoGPT's recipe, in PyTorch", prepare_pytorch_training),
    "NumPy": Tool("gpt_np.py, by hand", prepare_numpy_training),
}


def prepare_run(tool, seed, threads):
    """Return (numbered batches, `Training`) of a run. tool: a key of TOOLS."""
    options = parse_options("np", *BY_HAND_OPTIONS.split(), "--seed", str(seed))
    dataset = data.load(options.source)
    batches = data.batches(dataset, options, 0, options.run.steps)
    return enumerate(batches), TOOLS[tool].prepare_training(options, dataset, threads)


def prepare_step(tool, threads):
    """Return a function that takes the next step of a run, to be timed."""
    batches, training = prepare_run(tool, 0, threads)

    def take_next_step():
        number, (x, y) = next(batches)
        training.step(number, x, y)

    return take_next_step


def measure_training(tool, seed, threads):
    """Train one of TOOLS with a seed, in this process.

    Return {"seconds": of all steps, without testing, "losses": {step: test loss after it}, "parameters": number}.
    """
    batches, training = prepare_run(tool, seed, threads)
    seconds = 0.0
    losses = {}
    start = time.perf_counter()
    for number, (x, y) in batches:
        training.step(number, x, y)
        if (number + 1) % TEST_INTERVAL_STEPS == 0:
            seconds += time.perf_counter() - start
            losses[str(number + 1)] = float(training.test())
            start = time.perf_counter()
    return {"seconds": seconds, "losses": losses, "parameters": training.n_parameters}


def choose_pytorch_thread_count():
    """Return the number of threads, 1 or 2, with which a step in PyTorch is faster."""
    times = {
        n: np.median(
            timing.drop_warm_up(timing.measure_step_seconds_in_subprocess(prepare_step, "PyTorch", n, min_seconds=3.0))
        )
        for n in (1, 2)
    }
    print(*(f"{n} threads: {1000 * seconds:.1f} ms a step" for n, seconds in times.items()), sep=", ")
    return min(times, key=times.get)


# --- Tables -----------------------------------------------------------------------------------------------------------


def make_table(result):
    """Return a Markdown table of parameters, seconds (if all were saved) and losses of a letter, over the seeds."""
    rows = []
    steps = (N_STEPS // 4, N_STEPS // 2, N_STEPS)
    all_runs = chain(*(runs.values() for runs in result["runs"].values()))
    has_seconds = all(run["seconds"] for run in all_runs)
    for name, tool in TOOLS.items():
        runs = result["runs"][name]
        parameters = next(iter(runs.values()))["parameters"]
        seconds = [results.format_spread([run["seconds"] for run in runs.values()], ".0f")] if has_seconds else []
        losses = []
        for step in steps:
            losses.append(results.format_spread([run["losses"][str(step)] for run in runs.values()], ".3f"))
        rows.append([tool.title, f"{parameters:,}", *seconds, *losses])
    loss_heads = [f"loss after {step:,} steps" for step in steps]
    return results.format_table(["", "parameters", *["seconds"] * has_seconds, *loss_heads], rows)


def main():
    parser = Parser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=integer(0, 100), help="only this one; the others of the same machine are kept")
    parser.add_argument("--busy", action="store_true", help="other programs run beside it: keep no seconds")
    arguments = parser.parse_args()
    result = results.load_results().get("nanogpt", {})
    machine = get_machine_facts()
    if result.get("machine") != machine:
        result = {"machine": machine, "threads": None, "runs": {tool: {} for tool in TOOLS}}
    result["command"] = f"python main_np.py {BY_HAND_OPTIONS}"
    if not (result["threads"] or arguments.busy):
        result["threads"] = choose_pytorch_thread_count()
    seeds = SEEDS if arguments.seed is None else [arguments.seed]
    for number in seeds:
        for name, tool in TOOLS.items():
            run = timing.run_in_subprocess(measure_training, name, number, result["threads"] or 1)
            if arguments.busy:
                run["seconds"] = None
            result["runs"][name][str(number)] = run
            print(
                f"{tool.title}, seed {number}: {run['seconds']} s, loss {run['losses'][str(N_STEPS)]:.3f}", flush=True
            )
        results.save_result("nanogpt", result)
    print(make_table(result))


if __name__ == "__main__":
    sys.exit(program.run(main))
