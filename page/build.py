"""Write the interactive page: one HTML file in which you can draw for a trained network, look inside and teach it.

`python -m page.build --weights FILE` puts another network's numbers into page/index.html, together with some of MNIST's
images; the rest of the page stays. `python -m page.build` without them is for those who change page/*.js, page.css,
template.html or the lines of mlp_np.py that the page shows: it bundles the scripts again, which needs npm, and the
network stays. The result opens from disk and contacts no server: its content security policy names the SHA-256 of its
own script and style, and forbids everything else. Whatever enters the page is a number, or is escaped.
"""

import base64
import gzip
import hashlib
import html
import inspect
import json
import re
import sys
from pathlib import Path

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    import data
    from mlp_np import MLP, softmax, softmax_cross_entropy
    from page.bundle import FOLDER, bundle, fill, icon, licences
    from page.shown import load_mlp
    from support.errors import UserError
    from support.files import atomic_write, check_output
    from support.options import Parser, test_set_name

ROOT = Path(__file__).resolve().parent.parent
MAX_BYTES = 1_750_000  # of the page: the size of a photograph
READ, MISREAD = 50, 10  # the test images to pick from: the first ones, then the first that the network misreads
# The images that a new network learns from, and those that test it. Their number, and the settings that the page opens
# with, were chosen on held-out training images: 1,000 are enough for 85 %, and 1,500 leave some margin.
TRAINING, TESTING = 1500, 500
NETWORK = r'(<script type="application/json" id="network">)(.*?)(</script>)'  # where its numbers stand in the page
FUNCTIONS = {f.__name__: f for f in (MLP.forward, softmax_cross_entropy, MLP.backward)}  # whose lines the page shows
# How the lines begin that compute what page/stages.js shows.
NAMES = ("x", "z1", "a1", "loss", "dW2", "db2", "da1", "dz1", "dW1", "db1")
COMPUTED = {name: rf"(self\.)?{name} [+]?= " for name in NAMES}
COMPUTED |= {"logits": r"return self\.a1", "p": "(shifted|exp|total|dlogits) = ", "dlogits": r"dlogits(\[| /=)"}


def main(argv=None):
    parser = Parser(prog="python -m page.build", description=__doc__)
    out = str(FOLDER / "index.html")
    parser.add_argument("--weights", metavar="FILE", help="an MLP's checkpoint (default: the network stays)")
    parser.add_argument("--out", metavar="FILE", default=out, help="where to write (default: page/index.html)")
    arguments = parser.parse_args(argv)
    check_output("--out", arguments.out, ".html", FOLDER / "template.html", arguments.weights)
    page = (FOLDER / "index.html").read_text(encoding="utf-8")
    if arguments.weights:
        page = with_network(page, network(*load_mlp(arguments.weights)))
    else:
        page = with_network(shell(script()), known(page))
    page = page.encode()
    if len(page) > MAX_BYTES:
        advice = ": train with fewer --hidden units (512 fit)" if arguments.weights else ""
        raise UserError(f"the page would have {len(page):,} bytes, more than {MAX_BYTES:,}{advice}")
    with atomic_write(arguments.out) as file:
        file.write(page)
    print(f"see {arguments.out}: {len(page):,} bytes")


def script():
    """The scripts, with what they import from npm, as one; its licences first."""
    licence = "\n\n".join(f"{name}\n\n{text.strip()}" for name, text in licences("preact"))
    return f"/* This script holds the following packages.\n\n{licence} */\n{bundle('main.jsx', '--format=esm')}"


def shell(script):
    """The page without a network: page/template.html, its holes filled with style, script and lines of mlp_np.py."""
    template, style = ((FOLDER / name).read_text(encoding="utf-8") for name in ("template.html", "page.css"))
    parts = {"policy": policy(script, style), "style": style, "script": script, "icon": icon()}
    parts["code"] = "".join(map(code, FUNCTIONS))
    for name, function in FUNCTIONS.items():  # their first lines, and the last ones before `return`
        source, first = inspect.getsourcelines(function)
        parts |= {f"{name}_first": str(first), f"{name}_last": str(first + len(source) - 2)}
    template = template.replace('href="../', 'target="_blank" rel="noopener" href="../')  # keep the work
    return fill(template, parts)


def known(page):
    """What a page knows of its network, and the images."""
    return json.loads(re.search(NETWORK, page, re.S)[2])


def with_network(page, network):
    """That page with these numbers in place of its own."""
    numbers = json.dumps(network).replace("<", "\\u003c")
    return re.sub(NETWORK, lambda found: found[1] + numbers + found[3], page, count=1, flags=re.S)


def policy(*texts):
    """A content security policy under which this inline script and this style run, and nothing is fetched.

    data: is for the page's icon, which is in it.
    """
    script, style = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts)
    sources = f"default-src 'none'; img-src data:; script-src 'sha256-{script}'; style-src 'sha256-{style}'; "
    return sources + "base-uri 'none'; form-action 'none'"


def code(function):
    """Those lines of that function that compute something, as HTML: each with the name of what it computes."""
    items = []
    for line in inspect.getsource(FUNCTIONS[function]).splitlines()[1:]:
        statement = line.partition("  #")[0].strip()
        for name, start in COMPUTED.items():
            if re.match(start, statement):
                items.append(f'<div role="option" data-stage="{name}"><code>{html.escape(statement)}</code></div>')
    return f'<h3>{function}</h3><div role="listbox" aria-label="the lines of {function}">{"".join(items)}</div>'


def run_line(options, history):
    """Which run the weights are from, and how well it reads, according to its history."""
    line = f"784-{options.run.hidden}-10, seed {options.run.seed}, {history.step:,} training steps"
    if history.test_step and history.test_step[-1] == history.step:
        line += f", {test_set_name(options)} accuracy {history.test_accuracy[-1]:.4f}"
    return line


def network(model, options, history):
    """What the page knows: the run, the weights, how pixels become input; images to pick, to learn from, to test on."""
    dataset = data.load(options.source)
    scales, packed = [], []
    for name, p in model.params.items():
        scale, content, model.params[name] = pack(p)  # as the page has it: so are the model's mistakes
        scales.append(scale)
        packed.append(content)
    x = data.to_input(dataset.test_images, options).astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        logits = model.forward(x)
    if not np.isfinite(logits).all():
        raise UserError("the numbers overflow: the network's weights are too large; train again with a lower --lr")
    p = softmax(logits)
    wrong = np.flatnonzero(p.argmax(axis=1) != dataset.test_labels)
    chosen = [*range(READ), *wrong[wrong >= READ][:MISREAD].tolist()]
    belief = p[chosen, dataset.test_labels[chosen]] + ~np.isin(chosen, wrong)  # in the true digit, of the misread
    images = dataset.test_images[chosen], dataset.train_images[:TRAINING], dataset.test_images[:TESTING]
    content = b"".join([*packed, *(array.tobytes() for array in images)])
    return {
        "run": run_line(options, history),
        "hidden": len(model.params["b1"]),
        "pixels": options.run.pixels,
        "mean": options.source.mean_and_std[0],
        "std": options.source.mean_and_std[1],
        "scales": scales,
        "numbers": chosen,  # which of the test images
        "labels": dataset.test_labels[chosen].tolist(),
        "opens": int(belief.argmin()),  # on the misread image that surprises the network most
        "trainingLabels": dataset.train_labels[:TRAINING].tolist(),
        "testingLabels": dataset.test_labels[:TESTING].tolist(),
        "packed": base64.b64encode(gzip.compress(content, 9, mtime=0)).decode(),
    }


def pack(array):
    """A float array as whole numbers from -32767 to 32767: their scale and bytes, and the float32 array on the page.

    No weight changes by more than half a scale: 1/65534 of the largest. The low bytes come first, then the high bytes,
    which are similar and compress well.
    """
    scale = float(np.abs(array).max()) / 32767 or 1.0
    whole = np.rint(array / scale).astype("<i2")
    content = whole.reshape(-1, 1).view(np.uint8).T.tobytes()
    return scale, content, (whole.astype(np.float64) * scale).astype(np.float32)


if __name__ == "__main__":
    sys.exit(program.run(main))
