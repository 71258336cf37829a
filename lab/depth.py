"""What the shortcut is for: train a residual network with and without it, shallow and deep -> png/shortcut.png.

Every block computes relu(second(relu(first(x))) + shortcut(x)); without its shortcut it is a plain stack of
convolutions. All networks are trained in the same way, for one epoch. The results are saved to results.json.
"""

import sys

from support import program

with program.import_guard("requirements.txt"):
    import numpy as np
    import torch
    import torch.nn.functional as F
    from torch import nn

    import data
    import main_torch
    from lab import results
    from loading.options import parse_options
    from support import drawing
    from support.drawing import BLUE, RED, new_figure, plot_style, style_axes, use_log_scale
    from support.history import get_machine_facts
    from support.options import Parser
    from support.place import Place
    from support.schedule import learning_rate, make_plan

BLOCKS_PER_STAGE = (1, 3, 5, 9)  # in each of the three stages: 8 to 56 layers


def make_options(n_blocks):
    """Return the options of a ResNet's run. n_blocks: blocks in each of its stages."""
    argv = ["--model", "resnet", "--blocks", n_blocks, "--batch-size", 128, "--epochs", 1, "--augment", "none"]
    return parse_options("torch", *argv, "--device", "cpu")


def build_resnet(options, has_shortcuts):
    """Return an untrained ResNet in PyTorch, with or without shortcuts."""
    model, _ = main_torch.build(options)
    if not has_shortcuts:
        for block in model.blocks:
            del block.shortcut
            block.shortcut = lambda x: 0
    return model


def compute_conv_gradient_norms(dataset, n_blocks, has_shortcuts):
    """Return |dW| of each 3 x 3 convolution, from the first to the last, in the untrained network for one batch."""
    options = make_options(n_blocks)
    model = build_resnet(options, has_shortcuts)
    x = torch.from_numpy(data.scale_pixels(dataset.train_images[:512], options))
    y = torch.from_numpy(dataset.train_labels[:512].astype(np.int64))
    F.cross_entropy(model(x), y).backward()
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
    return [float(conv.weight.grad.norm()) for conv in convolutions]


def measure_accuracy(dataset, n_blocks, has_shortcuts):
    options = make_options(n_blocks)
    model = build_resnet(options, has_shortcuts)
    optimizer = main_torch.make_optimizer(model, options)
    plan = make_plan(options, len(dataset.train_images))
    for step, (x, y) in enumerate(data.batches(dataset, options, 0, plan.steps)):
        x = torch.from_numpy(x)
        lr = learning_rate(step, plan.steps, options)
        main_torch.train_step(model, optimizer, x, torch.from_numpy(y), lr)
    return float(main_torch.evaluate(model, dataset, options, Place(options))[1])


@plot_style()
def draw_result(result):
    """Draw two plots: test accuracy by depth and gradients by layer, each with and without shortcuts."""
    figure = new_figure(8, 4)
    left, right = figure.subplots(1, 2)
    style_axes(left, "After one epoch", "test accuracy", "layers")
    right_title = f"Before training, {result['layers'][-1]} layers"
    style_axes(right, right_title, "size of the gradient, |dW|", "convolution, from the first to the last")
    use_log_scale(right.yaxis)
    for name, color in [("with", BLUE), ("without", RED)]:
        gradient = result[name]["gradient"]
        left.plot(result["layers"], result[name]["accuracy"], "o-", color=color, linewidth=2, label=f"{name} shortcuts")
        right.plot(np.arange(1, len(gradient) + 1), gradient, color=color, linewidth=2)
    left.legend(loc="lower left")
    return figure


def main():
    Parser(description=__doc__).parse_args()
    dataset = data.load()
    layers = [6 * blocks + 2 for blocks in BLOCKS_PER_STAGE]
    result = {"command": "python -m lab.depth", "layers": layers, "machine": get_machine_facts()}
    for name, shortcuts in [("with", True), ("without", False)]:
        accuracies = []
        for blocks in BLOCKS_PER_STAGE:
            accuracies.append(measure_accuracy(dataset, blocks, shortcuts))
            print(f"{name} shortcuts, {6 * blocks + 2} layers: test accuracy {accuracies[-1]:.4f}", flush=True)
        result[name] = {
            "accuracy": accuracies,
            "gradient": compute_conv_gradient_norms(dataset, BLOCKS_PER_STAGE[-1], shortcuts),
        }
    results.save_result("shortcut", result)
    drawing.save(draw_result(result), results.ROOT / "png" / "shortcut.png")


if __name__ == "__main__":
    sys.exit(program.run(main))
