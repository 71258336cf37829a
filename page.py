"""Write the interactive page: one HTML file in which a trained network can be drawn for, looked into and taught.

`python page.py` puts the weights of a run of main_np.py (or of main_torch.py: --weights) and some test images into
page/template.html, together with page/page.css, page/mlp.js and page/page.js. The result opens from the disk and asks
nothing of any server: its content security policy names the SHA-256 of its own two scripts and its style, and forbids
all else.
"""

import base64
import hashlib
import json
import re
import sys
from pathlib import Path

import numpy as np

import data
from mlp_np import MLP
from support import program
from support.checkpoint import load_checkpoint
from support.errors import UserError
from support.files import replacing
from support.options import Parser

FOLDER = Path(__file__).resolve().parent / "page"
MAX_BYTES = 1_500_000  # of the page: a photograph's size
READ, MISREAD = 50, 10  # the test images on the page: the first ones, then the first that the network reads wrong


def main(argv=None):
    parser = Parser(description=__doc__, allow_abbrev=False)
    parser.add_argument(
        "--weights",
        metavar="FILE",
        default="learning_curves/checkpoint_np.npz",
        help="the checkpoint of an MLP (default: %(default)s)",
    )
    parser.add_argument(
        "--out", metavar="FILE", default=str(FOLDER / "index.html"), help="where to write (default: page/index.html)"
    )
    options = parser.parse_args(argv)
    page = build(load_network(options.weights)).encode()
    if len(page) > MAX_BYTES:
        raise UserError(
            f"the page of {options.weights} would have {len(page):,} bytes, more than {MAX_BYTES:,}: "
            "train with fewer --hidden units (600 fit)"
        )
    with replacing(options.out) as file:
        file.write(page)
    print(f"see {options.out}: {len(page):,} bytes")


def load_network(path):
    """The checkpoint in that file, if it is of an MLP that reads MNIST; UserError if not."""
    if not Path(path).exists():
        raise UserError(f"there is no {path}: run main_np.py first, or name a checkpoint with --weights")
    checkpoint = load_checkpoint(path)
    options, shapes = checkpoint.options, {name: p.shape for name, p in checkpoint.params.items()}
    if options.get("model") != "mlp":
        raise UserError(f"{path} is a {options.get('model')}'s; the page shows an MLP's: run main_np.py")
    if options.get("dataset") != "mnist":
        raise UserError(f"{path} learned {options.get('dataset')}; the page reads digits: run main_np.py")
    hidden = shapes.get("b1", (0,))[0]
    if (
        shapes != {"W1": (784, hidden), "b1": (hidden,), "W2": (hidden, 10), "b2": (10,)}
        or hidden != options.get("hidden")
        or options.get("pixels") not in ("standardised", "unit", "raw")
    ):
        raise UserError(f"{path} holds another network than its options say")
    return checkpoint


def build(checkpoint):
    """The whole page as text."""
    return assemble(run_line(checkpoint), json.dumps(network(checkpoint)))


def assemble(run, network):
    """page/template.html with everything in it: which run it shows, what it knows as JSON, style and scripts."""
    template, css, mlp, script = (
        (FOLDER / name).read_text(encoding="utf-8") for name in ("template.html", "page.css", "mlp.js", "page.js")
    )
    parts = {"policy": policy([mlp, script], [css]), "style": css, "mlp": mlp, "script": script}
    parts |= {"run": run, "network": network}
    return re.sub(r"\{\{(\w+)\}\}", lambda hole: parts[hole[1]], template)


def policy(scripts, styles):
    """A content security policy under which exactly these inline scripts and styles run, and nothing is fetched."""

    def sums(texts):
        return " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(t.encode()).digest()).decode()}'" for t in texts)

    return (
        f"default-src 'none'; script-src {sums(scripts)}; style-src {sums(styles)}; base-uri 'none'; form-action 'none'"
    )


def run_line(checkpoint):
    """Which run the weights are from, and how well it reads, in the words of its history."""
    options, history = checkpoint.options, checkpoint.history
    line = f"784-{options['hidden']}-10, seed {options['seed']}, {history.step:,} training steps"
    if history.test_step and history.test_step[-1] == history.step:
        kind = "held-out" if options.get("hold_out") else "test"
        line += f", {kind} accuracy {history.test_accuracy[-1]:.4f}"
    return line


def network(checkpoint):
    """What the page knows: the weights, how pixels become input, and the images to pick from."""
    options = checkpoint.options
    dataset = data.load(options["dataset"])
    packed = {name: pack(p) for name, p in checkpoint.params.items()}
    model = MLP(options["hidden"])
    model.params = {name: unpack(p).reshape(checkpoint.params[name].shape) for name, p in packed.items()}
    x = data.as_input(dataset.test_images, options["pixels"], dataset, np.float32)
    wrong = np.flatnonzero(model.forward(x).argmax(axis=1) != dataset.test_labels)
    chosen = [*range(READ), *wrong[wrong >= READ][:MISREAD].tolist()]
    return {
        "hidden": options["hidden"],
        "pixels": options["pixels"],
        "mean": dataset.mean,
        "std": dataset.std,
        "params": packed,
        "numbers": chosen,  # which of the test images
        "labels": dataset.test_labels[chosen].tolist(),
        "images": text(dataset.test_images[chosen]),
    }


def pack(array):
    """A float array as whole numbers from -32767 to 32767 and the scale that makes them weights again.

    No weight moves by more than half a scale: 1/65534 of the largest.
    """
    scale = float(np.abs(array).max()) / 32767 or 1.0
    return {"scale": scale, "int16": text(np.rint(array / scale).astype("<i2"))}


def unpack(packed):
    """The float32 weights that the page computes with, bit for bit, as a flat array."""
    whole = np.frombuffer(base64.b64decode(packed["int16"]), "<i2")
    return (whole.astype(np.float64) * packed["scale"]).astype(np.float32)


def text(array):
    return base64.b64encode(array.tobytes()).decode()


if __name__ == "__main__":
    sys.exit(program.run(main))
