"""Train a network to read digits, or to write, by hand: NumPy, and the derivatives in mlp_np.py and its neighbours.

main_torch.py is the same program with PyTorch in place of our own derivatives; read the two side by side. With
--autograd, the tape in autograd_np.py finds the derivatives.
"""

import sys

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    import data
    import plot
    from loading.network import get_arrays_by_group, import_name, make_network
    from loading.options import parse_options_and_checkpoint
    from mlp_np import softmax_cross_entropy
    from support.checkpoint import describe_misfit
    from support.errors import UserError
    from support.run import Run
    from support.threads import share_work


def main(argv=None):
    # options.run: how to train (saved in checkpoints). options.call: settings of this call only, such as --out.
    # options.source: the data. options.network, options.optimizer: their entries in the tables of networks.py.
    options, checkpoint = parse_options_and_checkpoint("np", __doc__, argv)
    if options.call.prove:
        # Another program runs instead of a training.
        return program.run_module("lab.prove", "np", *(sys.argv[1:] if argv is None else argv))
    dataset = data.load(options.source, options.run.hold_out)  # 60,000 images to learn from, 10,000 to test with
    network, optimizer = build(options, checkpoint)  # random weights, or those of the checkpoint

    run = Run(options, dataset, network.params, checkpoint)
    with run.watch():  # a progress bar; Ctrl-C waits until a step is done
        if run.is_before_fine_tuning:  # from the file of a network that has learned already
            run.print_first_test(*evaluate(network, dataset, options))
        for x, y in data.batches(dataset, options, run.step, run.plan.stop):  # pixels (B, 28, 28), digits (B,)
            loss, accuracy = train_step(network, optimizer, x, y, run.learning_rate)
            run.record(loss, accuracy)  # counts the step: run.step is one more from here on
            if run.epoch_ends:  # this step was the last of an epoch, or of the run
                run.record_test(evaluate, network, dataset, options)
            if run.epoch_ends or run.is_interrupted:
                run.save_and_report(get_all_arrays_by_group(network, optimizer))
            if run.is_interrupted:
                break
    plot.save_learning_curves(run)
    return run.finish()


def train_step(network, optimizer, x, y, lr):
    """Take one training step, in place. Return (loss, accuracy) of the batch, as they were before the step."""
    logits = network.forward(x)  # (B, 10): a row for each answer in y
    loss, dlogits = compute_loss(logits, y)
    n_right, n_answers = count_answers(logits, y)
    grads = network.backward(dlogits)
    optimizer.step(network.params, grads, lr)
    return loss, n_right / n_answers


def compute_loss(logits, y):
    """Return (loss, dlogits): the mean loss over all answers, and its derivative.

    An answer is the row of scores for one target in y. For images, logits is (B, 10), and y is (B,). For a network that
    writes, logits is (B, T, K), and y is (B, T): at each of T positions, it scores all K tokens, and the target is the
    next one. Where y is -1 there is nothing to predict: such a target counts nowhere, and its dlogits are 0.
    """
    is_answer = y != -1
    if is_answer.all():  # always so for images: the reshapes then change nothing
        loss, dlogits = softmax_cross_entropy(logits.reshape(y.size, -1), y.ravel())
        return loss, dlogits.reshape(logits.shape)
    dlogits = np.zeros_like(logits)
    loss, dlogits[is_answer] = softmax_cross_entropy(logits[is_answer], y[is_answer])
    return loss, dlogits


def count_answers(logits, y):
    """Return (number of right answers, number of answers). logits, y: as for `compute_loss`."""
    n_right = (logits.argmax(axis=-1) == y).sum()
    is_answer = y != -1
    n_answers = y.size if is_answer.all() else is_answer.sum()
    return n_right, n_answers


class Optimizer:
    """Updates the parameters with `update` or `update_adamw`, and keeps that function's state from step to step.

    state: {name of a state: {name of a parameter: array of its shape}}, all 0 before the first step. OPTIMIZERS in
    networks.py lists the states of each optimizer.
    """

    def __init__(self, params, options):
        self.options = options
        self.steps = 0  # taken so far
        self.update = import_name(options.optimizer.by_hand)  # one of the functions below
        self.state = {}
        for state_name in options.optimizer.state_names:
            self.state[state_name] = {name: np.zeros_like(p) for name, p in params.items()}

    def step(self, params, grads, lr):
        """Move all parameters against their gradients, in place. lr: the learning rate.

        Raises UserError unless each parameter has a gradient of its shape, or if the parameters are replaced by new
        arrays.
        """
        check_gradients(params, grads)
        self.steps += 1
        momentum = self.options.run.momentum  # beta1 in `update_adamw`
        decay = self.options.run.weight_decay
        arrays_before = dict(params)
        self.update(params, *self.state.values(), grads, lr, momentum, decay, self.steps)
        for name, array in arrays_before.items():
            if params[name] is not array:
                advice = "change the existing array in place, as p -= lr * v does"
                raise UserError(f"{self.options.optimizer.by_hand} replaces {name} by a new array: {advice}")


def check_gradients(params, grads):
    """Raise UserError unless `grads` is a dict of float arrays with the keys and shapes of `params`."""
    problem = describe_misfit(params, grads)
    if problem:
        raise UserError(problem)


def update(params, velocity, grads, lr, momentum, weight_decay=0.0, step=None):
    """Move all parameters against their gradients, with momentum, in place.

    The parameters move like a ball that rolls downhill and keeps some of its speed (Polyak 1964, in PyTorch's form).
    velocity: {name: array}, changed in place. `step` is not used.
    """
    for name, p in params.items():
        v = velocity[name]
        dp = grads[name]
        if weight_decay and p.ndim > 1:  # weights shrink, but not biases, gammas or betas
            dp = dp + weight_decay * p
        v *= momentum  # v = momentum v + dp
        v += dp
        p -= lr * v  # p = p - lr v


def update_adamw(params, means, squares, grads, lr, beta1=0.9, weight_decay=0.0, step=1, beta2=0.999, eps=1e-8):
    """Move all parameters against their gradients, each with a step length of its own, in place: AdamW.

    Where a gradient keeps its sign from batch to batch, the step is about lr, however small the gradient is; where the
    sign changes, the step is shorter. m is a running mean of the gradient, and s of its square. Both start at 0, and so
    are too small at first: after `step` steps the weights in each mean add up to 1 - beta^step. Dividing by this sum
    corrects it. Weight decay shrinks the weights directly, and not through the gradient. Kingma & Ba 2015 (Adam);
    Loshchilov & Hutter 2019 (AdamW); in PyTorch's form.

    means, squares: {name: array} of m and s, changed in place. step: the number of this step, from 1. beta1: the option
    --momentum.
    """
    m_total = 1 - beta1**step
    s_total = 1 - beta2**step
    for name, p in params.items():
        m = means[name]
        s = squares[name]
        dp = grads[name]
        m *= beta1  # m = beta1 m + (1 - beta1) dp
        m += (1 - beta1) * dp
        s *= beta2  # s = beta2 s + (1 - beta2) dp^2
        s += (1 - beta2) * dp * dp
        if weight_decay and p.ndim > 1:
            p *= 1 - lr * weight_decay
        p -= lr / m_total * m / (np.sqrt(s / s_total) + eps)  # p = p - lr mean / (sqrt(mean square) + eps)


def evaluate(network, dataset, options):
    """Return (mean loss, accuracy) of the network on all test examples."""
    network.training = False  # for batch normalisation, which then uses the statistics that it remembers
    total_loss = total_right = total_answers = 0
    for x, y in data.test_batches(dataset, options):
        logits = network.forward(x)
        loss, _ = compute_loss(logits, y)
        n_right, n_answers = count_answers(logits, y)
        total_loss += loss * n_answers
        total_right += n_right
        total_answers += n_answers
    network.training = True
    return total_loss / total_answers, total_right / total_answers


def build(options, checkpoint=None):
    """Return (network, optimizer) as the options describe them: new, or restored from a checkpoint."""
    model = make_network("autograd" if options.call.autograd else "np", options, checkpoint)
    network = share_work(model, options.run.parts, options.run.batch_size)  # the same, perhaps on several threads
    optimizer = Optimizer(network.params, options)
    if checkpoint:
        checkpoint.copy_to(get_all_arrays_by_group(network, optimizer))
        optimizer.steps = checkpoint.history.step
    return network, optimizer


def get_all_arrays_by_group(network, optimizer):
    """Return the arrays that a run needs to continue, {group: {name: array}}.

    The groups are the parameters, the network's `statistics` (such as the running means of batch normalisation), and
    the optimizer's state.
    """
    return get_arrays_by_group(network) | optimizer.state


if __name__ == "__main__":
    # Python calls the file that it runs __main__. `Optimizer` imports "main_np.update", which is in this same module.
    sys.modules["main_np"] = sys.modules["__main__"]
    # limit_memory: a full memory raises MemoryError. has_batch_size: the message then advises a smaller --batch-size.
    sys.exit(program.run(main, limit_memory=True, has_batch_size=True))
