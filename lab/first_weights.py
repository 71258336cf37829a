"""How large should the first weights be? Train the same network from weights of three sizes -> png/first_weights.png.

It is the MLP's default run, with other first weights and four epochs. The results are saved to results.json.
"""

import sys

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    import data
    import main_np
    from lab import results
    from loading.options import parse_options
    from support import drawing
    from support.drawing import BLUE, INK, RED, make_logarithmic, new_figure, plot_style, style_axes
    from support.history import get_machine_facts
    from support.options import Parser
    from support.schedule import learning_rate, make_plan
    from support.threads import get_kept_array

N_EPOCHS = 4
# The standard deviation of a layer's weights as a function of its number of inputs.
WEIGHT_STD_FUNCTIONS = {
    "1": lambda inputs: 1.0,
    "0.01": lambda inputs: 0.01,
    "sqrt(2 / inputs)": lambda inputs: np.sqrt(2 / inputs),
}
COLORS = dict(zip(WEIGHT_STD_FUNCTIONS, (RED, INK, BLUE), strict=True))


def measure_run(compute_weight_std):
    """Train the MLP from first weights of this size.

    Return {"sum": the standard deviation of z1 before training, "loss": [of each step], "accuracy": [after each
    epoch]}. compute_weight_std(inputs): the standard deviation of a layer's weights.
    """
    options = parse_options("np", "--epochs", N_EPOCHS)
    dataset = data.load()
    network, optimizer = main_np.build(options)
    rng = np.random.default_rng(0)
    plan = make_plan(options, len(dataset.train_images))
    losses = []
    accuracies = []
    for name, p in network.params.items():
        if name.startswith("W"):
            p[...] = rng.normal(0, compute_weight_std(len(p)), p.shape)
    network.forward(data.scale_pixels(dataset.train_images[:1000], options))
    spread = float(np.std(get_kept_array(network, "z1")))
    for step, (x, y) in enumerate(data.batches(dataset, options, 0, plan.steps)):
        lr = learning_rate(step, plan.steps, options)
        losses.append(float(main_np.train_step(network, optimizer, x, y, lr)[0]))
        if (step + 1) % plan.steps_per_epoch == 0:
            accuracies.append(float(main_np.evaluate(network, dataset, options)[1]))
    return {"sum": spread, "loss": losses, "accuracy": accuracies}


@plot_style()
def draw_runs(runs):
    """Draw the loss of the first batches, and the test accuracy after each epoch.

    runs: {name: what `measure_run` returns}.
    """
    figure = new_figure(8, 3.8)
    left, right = figure.subplots(1, 2)
    style_axes(left, "The first 300 steps", "cross-entropy loss", "steps")
    make_logarithmic(left)
    style_axes(right, "The test accuracy", "", "epochs")
    for name, run in runs.items():
        smooth = np.convolve(run["loss"][:309], np.ones(10) / 10, "valid")  # the mean of ten batches
        left.plot(np.arange(1, 301), smooth, color=COLORS[name], linewidth=2, label=name)
        right.plot(range(1, N_EPOCHS + 1), run["accuracy"], "o-", color=COLORS[name], linewidth=2)
    left.legend(title="deviation of the first weights", alignment="left")
    return figure


def main():
    Parser(description=__doc__).parse_args()
    runs = {}
    for name, size in WEIGHT_STD_FUNCTIONS.items():
        run = measure_run(size)
        runs[name] = run
        first_loss = run["loss"][0]
        last_accuracy = run["accuracy"][-1]
        print(
            f"deviation {name}: z1 {run['sum']:.3g}, first loss {first_loss:.3g}, test accuracy {last_accuracy:.4f}",
            flush=True,
        )
    drawing.save(draw_runs(runs), results.ROOT / "png" / "first_weights.png")
    result = {name: {"z1": r["sum"], "first loss": r["loss"][0], "accuracy": r["accuracy"]} for name, r in runs.items()}
    results.save_result(
        "first_weights", {"command": "python -m lab.first_weights", "found": result, "machine": get_machine_facts()}
    )


if __name__ == "__main__":
    sys.exit(program.run(main))
