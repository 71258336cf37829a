"""Train a network to read digits, or to write, with PyTorch: autograd and torch.optim.

main_np.py is the same program with our own derivatives; read the two side by side. On several processes:
`torchrun --nproc-per-node=2 main_torch.py ...`.
"""

import sys

from support import program

with program.import_guard("requirements.txt"):
    import torch
    import torch.nn.functional as F

    import data
    import plot
    from loading.network import get_arrays_by_group, get_frozen_arrays_by_group, import_name, make_network
    from loading.options import parse_options_and_checkpoint
    from support.place import ALONE, Place
    from support.run import Run
    from support.torch_names import check_twin, copy_from_numpy, to_numpy_by_group


def main(argv=None):
    options, checkpoint = parse_options_and_checkpoint("torch", __doc__, argv)
    if options.call.prove:
        # in place of a run
        return program.run_module("lab.prove", "torch", *(sys.argv[1:] if argv is None else argv))
    place = Place(options)  # a device, a precision, and perhaps other processes
    dataset = data.load(options.source, options.run.hold_out)  # 60,000 images to learn from, 10,000 to test with
    model, optimizer = build(options, checkpoint, place.device)  # main_np.py's first weights, or the checkpoint's
    network = place.prepare(model)  # the same network: compiled perhaps, its gradients averaged over the processes

    run = Run(options, dataset, to_numpy_by_group(model, optimizer)["params"], checkpoint, place)
    with run.watch():  # a progress bar; Ctrl-C waits until a step is done
        if run.is_before_fine_tuning:  # from the file of a network that has learned already
            run.print_first_test(*evaluate(network, dataset, options, place))
        for x, y in data.batches(dataset, options, run.step, run.plan.stop):  # pixels (B, 28, 28), digits (B,)
            x, y = place.own_part_on_device(x, y)  # as tensors on the computing device
            loss, accuracy = train_step(network, optimizer, x, y, run.learning_rate, place)
            run.record(loss, accuracy)  # counts the step: run.step is one more from here on
            if run.epoch_ends:  # this step was the last of an epoch, or of the run
                run.record_test(evaluate, network, dataset, options, place)
            if run.epoch_ends or run.is_interrupted:
                run.save_and_report(to_numpy_by_group(model, optimizer))
            if run.is_interrupted:
                break
    plot.save_learning_curves(run)
    return run.finish()


def train_step(network, optimizer, x, y, lr, place=ALONE):
    """Take one training step. Return (loss, accuracy) of the batch, as they were before the step, as tensors."""
    with place.precision:
        logits = network(x)  # (B, 10): a row for each answer in y
        total_loss = compute_total_loss(logits, y)
    n_right, n_answers = count_answers(logits, y)
    loss_sum, n_right, n_answers = place.sum(total_loss.detach(), n_right, n_answers)  # over all processes
    loss = total_loss / (n_answers / place.size)  # the gradients are then averaged over the processes
    optimizer.zero_grad()
    loss.backward()
    for group in optimizer.param_groups:
        group["lr"] = lr  # by hand: a scheduler would count steps of its own, and a resumed run starts in the middle
    optimizer.step()
    return loss_sum / n_answers, n_right / n_answers


def compute_total_loss(logits, y):
    """Return the sum of the losses of all answers, a tensor. For logits and y, see main_np.compute_loss."""
    return F.cross_entropy(logits.flatten(0, -2), y.flatten(), ignore_index=-1, reduction="sum")


def count_answers(logits, y):
    """Return (number of right answers, number of answers), as tensors. logits, y: as for `compute_total_loss`."""
    n_right = (logits.argmax(dim=-1) == y).sum()
    n_answers = (y != -1).sum()
    return n_right, n_answers


@torch.no_grad()
def evaluate(network, dataset, options, place):
    """Return (mean loss, accuracy) of the network on all test examples, over all processes of `place`, as tensors."""
    network.eval()  # for batch normalisation, which then uses the statistics that it remembers
    total_loss = total_right = total_answers = 0
    for x, y in data.test_batches(dataset, options, 500, place.rank, place.size):
        x, y = place.to_device(x, y)
        logits = network(x)
        n_right, n_answers = count_answers(logits, y)
        total_loss += compute_total_loss(logits, y)
        total_right += n_right
        total_answers += n_answers
    network.train()
    total_loss, total_right, total_answers = place.sum(total_loss, total_right, total_answers)
    return total_loss / total_answers, total_right / total_answers


def build(options, checkpoint=None, device="cpu"):
    """Return (network, optimizer) as the options describe them: new, or restored from a checkpoint."""
    if checkpoint:
        groups = checkpoint.groups
        steps = checkpoint.history.step
        source_name = checkpoint.path
    else:  # PyTorch cannot draw NumPy's random numbers: the first weights are those of the network by hand
        groups = get_arrays_by_group(make_network("np", options))
        steps = 0
        source_name = "its twin in NumPy"
    groups = groups | get_frozen_arrays_by_group(options)
    with torch.device("meta"):  # names and shapes only: a wrong checkpoint is refused before it fills the memory
        model = make_network("torch", options)
        check_twin(model, groups, source_name)
    # NumPy's arrays replace all the model's own in the end. For a file's weights, the model need not draw any first.
    model = model.to_empty(device=device) if options.base_model else make_network("torch", options)
    model.to(device, getattr(torch, options.run.dtype))
    if torch.device(device).type != "mps":  # convolutions, with weights of four axes, are faster so; on mps, some wrong
        model.to(memory_format=torch.channels_last)
    optimizer = make_optimizer(model, options)
    copy_from_numpy(model, optimizer, groups, steps, source_name)
    return model, optimizer


def make_optimizer(model, options):
    """Return a new PyTorch optimizer for the model's parameters, as the options describe it."""
    learns = [p for p in model.parameters() if p.requires_grad]
    weights = [p for p in learns if p.ndim > 1]
    vectors = [p for p in learns if p.ndim == 1]  # biases, gammas and betas do not decay
    groups = [{"params": weights, "weight_decay": options.run.weight_decay}, {"params": vectors, "weight_decay": 0}]
    make = import_name(options.optimizer.in_pytorch)  # torch.optim.SGD or torch.optim.AdamW
    optimizer = make(groups, lr=options.run.lr, **options.optimizer.torch_arguments(options.run))
    optimizer.options = options  # main_np.Optimizer has this attribute, too
    return optimizer


if __name__ == "__main__":
    sys.exit(program.run(main, has_batch_size=True))
