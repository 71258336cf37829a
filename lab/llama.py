"""What docs/llama.md says of the network of today's language models, measured.

python -m lab.llama texts            three runs on Shakespeare, beside the GPT's: loss and accuracy of a letter
"""

import argparse
import sys
import time
from itertools import product

from support import program

with program.needing("requirements-np.txt"):
    from lab import results
    from lab.writing import last, trained
    from support.options import Parser

SEEDS = range(3)
TEXTS = {"gpt_np.py": "--model gpt --recipe texts", "llama_np.py": "--model llama --recipe texts"}


def run_texts():
    """Train what is missing, and print the table. It can be stopped and started again."""
    for seed, (name, arguments) in product(map(str, SEEDS), TEXTS.items()):
        found = results.load_results().get("llama", {"command": "python -m lab.llama texts", "runs": {}})
        runs = found["runs"].setdefault(name, {})
        if seed not in runs:
            model, options, history = trained(f"{arguments} --seed {seed}")
            size = sum(p.size for p in model.params.values())
            more = {"parameters": size, "lr": options.lr, "machine": history["machine"]}
            runs[seed] = last(history) | more | {"steps": len(history["train_loss"])}
            results.save_result("llama", found)
            print(time.strftime("%H:%M"), name, "seed", seed, runs[seed], flush=True)
    print(texts_table(results.load_results()["llama"]))


def texts_table(found):
    """Both networks after the same steps, in Markdown."""
    rows = []
    for name, runs in found["runs"].items():
        one, *_ = runs.values()
        losses, accuracies = ([run[what] for run in runs.values()] for what in ("loss", "accuracy"))
        spreads = results.spread(losses, ".3f"), results.spread(accuracies, ".3f")
        rows.append([f"`{name}`", f"{one['parameters']:,}", one["lr"], *spreads, len(losses)])
    head = ["", "parameters", "highest learning rate", "test loss of a letter", "letters guessed right", "seeds"]
    return results.markdown(head, rows)


def main():
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["texts"])
    parser.parse_args()
    run_texts()


if __name__ == "__main__":
    sys.exit(program.run(main))
