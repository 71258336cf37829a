"""Is what stands in the files proven? python main_np.py --prove, with any options of a run, also --resume, starts this.

A few steps of that run in float64, in lockstep with everything that knows better: the definition of the derivative, the
tape, PyTorch, the batch in other parts, PyTorch's optimizer, and the run that was saved and resumed. All arrays of all
steps are compared. What holds is a line with its bound. What does not is the first entry that differs, with the number
that each judge has there, so that it is clear who is wrong. Nothing is written.

It is a program of its own, because it knows both frameworks, and main_np.py starts without PyTorch. Its long form is
`python -m lab.twins`.
"""

import contextlib
import copy
import io
import sys
import tempfile
import traceback
from pathlib import Path
from typing import NamedTuple

from support import program

with program.needing("requirements-np.txt"):
    import numpy as np
    from tqdm import tqdm

    import data
    import main_np
    from networks import arrays_of, begin, make, read
    from support.checkpoint import save_checkpoint
    from support.errors import UserError
    from support.history import History
    from support.lockstep import Departure, departure, differs
    from support.options import changed, run_options
    from support.rounding import above
    from support.run import learning_rate, make_plan
    from support.slopes import Slopes, one_at, true_loss

ROOT = Path(__file__).resolve().parent.parent
STEPS = 6
BOUND, LEAST = 1e-9, 1e-3  # what is more than rounding, in the units of support.lockstep.departure
FEW = 16  # examples of the loss whose slope is measured
DRAWN = 3  # entries of each array for which it is, beside that with the largest gradient


class Row(NamedTuple):
    """What a judge has found."""

    judge: str
    said: str
    holds: bool = True


# --- The forms of a training ------------------------------------------------------------------------------------------


class Watched:
    """A network or an optimizer, as main_np.train_step uses it, which keeps what passes through."""

    def __init__(self, watched):
        self.watched = watched

    def __getattr__(self, name):
        return getattr(self.watched, name)

    def forward(self, x):
        self.logits = self.watched.forward(x)
        return self.logits

    def backward(self, dlogits):
        self.dlogits = dlogits
        return self.watched.backward(dlogits)

    def step(self, params, grads, lr):
        main_np.check_gradients(params, grads)
        self.grads = {name: dp.copy() for name, dp in grads.items()}
        self.watched.step(params, grads, lr)


class InNumPy:
    """A training in NumPy, by hand or, if the options say so, on the tape."""

    def __init__(self, options, checkpoint=None):
        self.network, self.optimizer = main_np.build(options, checkpoint)

    def step(self, x, y, lr, told=...):
        """Take a step: {group: {name: array}} of all that it computes, in this order; at the end, what a run keeps."""
        network, optimizer = Watched(self.network), Watched(self.optimizer)
        loss, _ = main_np.train_step(network, optimizer, x, y, lr, told)
        return computed(network.logits, loss, network.dlogits, optimizer.grads) | self.kept()

    def kept(self):
        return main_np.get_arrays(self.network, self.optimizer)


class InPyTorch:
    """The same in PyTorch, on the CPU."""

    def __init__(self, options, checkpoint=None):
        import main_torch

        self.train_step = main_torch.train_step
        self.model, self.optimizer = main_torch.build(options, checkpoint)
        self.hook = self.model.register_forward_hook(self.keep)

    def keep(self, model, inputs, logits):
        if logits.requires_grad:
            logits.retain_grad()
        self.logits = logits

    def step(self, x, y, lr, told=...):
        import torch

        from support.names import parameters

        loss, _ = self.train_step(self.model, self.optimizer, torch.from_numpy(x), torch.from_numpy(y), lr, told)
        grads = {n: turn(torch.zeros_like(p) if p.grad is None else p.grad) for n, p, turn in parameters(self.model)}
        grads = {name: gradient.numpy() for name, gradient in grads.items()}
        found = computed(self.logits.detach().numpy(), loss, self.logits.grad.numpy(), grads)
        kept = self.kept()
        # Without momentum, PyTorch keeps no velocities: they stay 0.
        return found | {group: arrays for group, arrays in kept.items() if any(a.any() for a in arrays.values())}

    def kept(self):
        from support.names import to_numpy

        return to_numpy(self.model, self.optimizer)


def computed(logits, loss, dlogits, grads):
    one = {"logits": logits, "loss": np.asarray(float(loss)), "dlogits": dlogits}
    back = dict(reversed([*grads.items()]))  # in the order in which they are found, from the loss back
    return {name: {"": array} for name, array in one.items()} | {"gradient": back}


def label(group, name):
    """An array in words."""
    if not name:
        return {"logits": "the logits", "loss": "the loss"}.get(group, group)
    return {"gradient": f"the gradient of {name}", "params": name}.get(group, f"{name} ({group})")


# --- The judges -------------------------------------------------------------------------------------------------------


class Twin:
    """Another form of the training, its first `Departure` from the one by hand, and in which step that is."""

    shares = ""  # what it cannot judge, because both forms use the same lines

    def __init__(self, judge, file, form):
        self.judge, self.file, self.form = judge, file, form
        self.largest, self.first, self.step, self.fails, self.values = 0.0, None, None, "", {}

    @classmethod
    def of(cls, judge, file, make_form):
        """One that cannot be made says why."""
        twin = cls(judge, file, None)
        try:
            twin.form = make_form()
        except UserError as error:
            twin.fails = str(error)
        return twin

    @property
    def is_another(self):
        """Whether it is another network: its logits differ before any backward pass; or it is not to be compared."""
        return bool(self.fails) or (self.first is not None and (self.first.group, self.step) == ("logits", 1))

    def take(self, number, found, *batch):
        """A step beside that of the network by hand, which has `found`, until the two differ."""
        if self.fails or self.first:
            return
        try:
            mine = self.form.step(*batch)
            largest, self.first = departure(found, mine, BOUND, LEAST)
        except MemoryError:
            raise
        except Exception as error:  # whatever a form that does not fit runs into
            self.fails = f"{error} ({type(error).__name__})" if not isinstance(error, UserError) else str(error)
            return
        self.largest, self.step = max(self.largest, largest), number
        if self.first:
            self.values = {"by hand": self.first.one, self.file or "in other parts": self.first.other}

    def row(self):
        if self.fails:
            return Row(self.judge, f"{self.file} is another network: {self.fails}")
        if self.is_another:
            return Row(self.judge, f"{self.file} is another network: its logits differ before any backward pass")
        if self.first:
            return Row(self.judge, where(self.step, self.first, self.values), False)
        return Row(self.judge, f"no array of any step {differs(self.largest)} from {self.file}'s{self.shares}")


def where(step, first, values):
    """The first entry that differs, and what everybody has there."""
    entry = f"[{', '.join(map(str, first.entry))}]" if first.entry else ""
    numbers = ", ".join(f"{who} {value:.6g}" for who, value in values.items())
    return f"the first array that differs is {label(first.group, first.name)}{entry}, in step {step}: {numbers}"


def slopes_of(options, kept, x, y):
    """The `Slopes` of the network by hand, whole, at the weights and statistics that a training has kept."""
    model = make("np", changed(options, autograd=False))
    for group, arrays in arrays_of(model).items():
        for name, array in arrays.items():
            array[...] = kept[group][name]
    return Slopes(model, main_np.loss_of, x, y)


def by_differences(slopes, progress):
    """(the `Row`, [the arrays whose gradients are wrong]).

    Of each array a few entries, and one direction in which all of them move at once: no wrong entry is missed by it.
    """
    if not np.isfinite(loss := slopes.loss()):
        return Row("central differences", f"cannot be measured: the loss is {loss}"), []
    if slopes.loss() != loss:
        said = "cannot be measured: with the same weights the loss is another every time"
        return Row("central differences", f"{said} (CONTRIBUTING.md says how a network draws random numbers)"), []
    grads, rng, worst, wrong, first = slopes.gradients(), np.random.default_rng(0), 0.0, [], None
    for name, gradient in grads.items():
        progress.update()
        norm, size = float(np.linalg.norm(gradient)), float(np.abs(gradient).max())
        entries = [np.unravel_index(i, gradient.shape) for i in rng.integers(gradient.size, size=DRAWN)]
        entries = dict.fromkeys(
            tuple(map(int, e)) for e in [np.unravel_index(np.abs(gradient).argmax(), gradient.shape), *entries]
        )
        direction = rng.choice([-1.0, 1.0], gradient.shape)
        fine, slope, apart = slopes.agrees(float((gradient * direction).sum()), {name: direction}, norm)
        found = []
        for entry in entries if fine else [*entries, *more(gradient, rng)]:
            agreed, value, far = slopes.agrees(float(gradient[entry]), {name: one_at(gradient.shape, entry)}, size)
            apart = max(apart, far) if agreed and fine else apart
            if not agreed:
                found.append(Departure("gradient", name, entry, float(gradient[entry]), value))
                break
        if fine and not found:
            worst = max(worst, apart) if size > 0 else worst
            continue
        wrong.append(name)
        if first is None:
            first = found[0] if found else Departure("gradient", name, (), float((gradient * direction).sum()), slope)
    if first is None:
        said = f"dlogits and the {len(grads) - 1} gradients are those of its own loss, within {above(worst)}"
        return Row("central differences", said), []
    what = first.name if first.name == "dlogits" else f"the gradient of {first.name}"
    at = f"[{', '.join(map(str, first.entry))}]" if first.entry else ", along a line"
    said = f"{what}{at}: by hand {first.one:.6g}, differences of its own loss {first.other:.6g}"
    return Row("central differences", said, False), wrong


def without_slope(slopes):
    """The arrays whose gradients are 0, by hand and by differences."""
    grads, rng = slopes.gradients(), np.random.default_rng(0)
    largest = max(float(np.abs(gradient).max()) for gradient in grads.values())
    found = {n: rng.choice([-1.0, 1.0], g.shape) for n, g in grads.items() if np.abs(g).max() <= 1e-12 * largest}
    return [name for name, direction in found.items() if slopes.agrees(0.0, {name: direction}, 0.0)[0]]


def more(gradient, rng):
    """More entries, to find one that is wrong."""
    for i in rng.permutation(gradient.size)[:40]:
        yield tuple(map(int, np.unravel_index(i, gradient.shape)))


class OptimizersStep:
    """PyTorch's optimizer, which is given the same weights, gradients and memory in every step."""

    def __init__(self, options, make_optimizer):
        self.options, self.make_optimizer, self.largest, self.row_ = options, make_optimizer, 0.0, None

    def take(self, number, before, found, lr, steps):
        import torch

        if self.row_:
            return
        theirs = [torch.nn.Parameter(torch.from_numpy(p.copy())) for p in before["params"].values()]
        optimizer = self.make_optimizer(torch.nn.ParameterList(theirs), self.options)
        remembers = self.options.rule.remembers
        for name, p in zip(before["params"], theirs, strict=True):
            p.grad = torch.from_numpy(found["gradient"][name].copy())
            for ours, its in remembers.items():
                optimizer.state[p][its] = torch.from_numpy(before[ours][name].copy())
            optimizer.state[p]["step"] = torch.tensor(float(steps))
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.step()
        mine = {"params": {n: p.detach().numpy() for n, p in zip(before["params"], theirs, strict=True)}}
        for ours, its in remembers.items():
            kept = {n: optimizer.state[p][its].numpy() for n, p in zip(before["params"], theirs, strict=True)}
            if self.options.momentum or not all((kept[n] == before[ours][n]).all() for n in kept):
                mine[ours] = kept
        largest, first = departure({g: found[g] for g in mine}, mine, BOUND, LEAST)
        self.largest = max(self.largest, largest)
        if first:
            rule = self.options.rule
            values = {rule.by_hand: first.one, rule.in_pytorch: first.other}
            self.row_ = Row("the optimizer", where(number, first, values), False)

    def row(self):
        rule = self.options.rule
        return self.row_ or Row(
            "the optimizer", f"no step of {rule.by_hand} {differs(self.largest)} from {rule.in_pytorch}'s"
        )


def save(options, form, history, path):
    """The checkpoint of this moment, as a run saves it."""
    facts, letters = options.source.kept()
    save_checkpoint(path, run_options(options) | {"data": facts}, form.kept() | {"data": letters}, history)


def history_of(checkpoint, steps):
    """That of a run which has gone on for so many steps."""
    numbers = checkpoint.history.numbers() if checkpoint else History().numbers()
    more = dict.fromkeys(("train_loss", "train_accuracy"), [0.0] * steps)
    return History(**{name: [*values, *more.get(name, [])] for name, values in numbers.items()})


def in_processes(file, form, model, x):
    """Whether the processes that torchrun starts may share a batch, where a network draws random numbers in forward.

    form: `InPyTorch`, or None if there is none; model: by hand, whole; x: a few examples.
    """
    none = Row("torchrun", "not needed: forward draws no random numbers")
    if form is None:
        model = copy.deepcopy(model)
        model.training = True
        first, second = (np.array(model.forward(x)) for _ in "12")
        return none if (first == second).all() else Row("torchrun", f"missing: {file} cannot be tried here")
    import torch

    form.hook.remove()  # what it keeps cannot be copied
    x = torch.from_numpy(x)
    with torch.no_grad():
        model = copy.deepcopy(form.model).train()
        if (model(x) == model(x)).all():
            return none
        logits = []
        for rank in range(2):
            model = copy.deepcopy(form.model).train()
            for layer in model.modules():
                if hasattr(layer, "part"):
                    layer.part = rank, 2
            logits.append(model(x))
    if (logits[0] == logits[1]).all():
        said = f"two processes would draw the same random numbers in {file}, for different images"
        return Row("torchrun", f"{said}: see `part` in CONTRIBUTING.md", False)
    return Row("torchrun", "each process draws random numbers of its own")


def missing(judge):
    return Row(judge, "missing: PyTorch is not installed")


# --- All of them ------------------------------------------------------------------------------------------------------


def with_pytorch():
    try:
        import torch  # noqa: F401
    except ImportError:
        return False
    return True


def steps_of(options, dataset, first, last):
    """(x, y, learning rate, which answers are told of) of steps first, ..., last - 1, as main_np.train_step takes them.

    A run that has ended goes on with a tenth of its highest rate.
    """
    plan = make_plan(options, len(dataset.train_images))
    for step, (images, labels) in enumerate(data.batches(dataset, options, first, last), first):
        x, y = options.network.batch(images, labels, options)
        lr = learning_rate(step, plan.steps, options) if step < plan.steps else options.lr / 10
        yield x, y, lr, options.source.told_of(x)


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def judged(options, checkpoint=None, steps=STEPS):
    """(the `Row` of each judge, what follows from them in words, the program's status)."""
    options = changed(options, dtype="float64", autograd=False)
    dataset, file = data.load(options.source, options.hold_out), options.network.classes.split(".")[0]
    begun = checkpoint.history.step if checkpoint else 0
    other_parts = 1 if options.parts > 1 else 2
    by_hand = InNumPy(options, checkpoint)
    tape = Twin.of("the tape", f"{file}_autograd.py", lambda: InNumPy(changed(options, autograd=True), checkpoint))
    tape.shares = " (it shares the lines of the loss and dlogits)"
    parts = Twin("in parts", "", InNumPy(changed(options, parts=other_parts), checkpoint))
    twins, optimizer, theirs = [tape], None, None
    if with_pytorch():
        theirs = Twin.of("PyTorch", f"{file}_torch.py", lambda: InPyTorch(options, checkpoint))
        twins.append(theirs)
        import main_torch

        optimizer = OptimizersStep(options, main_torch.make_optimizer)
    loss_apart, loss_row, middle = 0.0, None, max(1, steps // 2)
    progress = tqdm(total=steps + 2 + len(by_hand.network.params), disable=None, leave=False)
    unsaid = contextlib.redirect_stderr(io.StringIO())  # "gets its batches whole", of each form: a row says it once
    with progress, unsaid, tempfile.TemporaryDirectory(prefix="prove") as folder:
        path = Path(folder) / "checkpoint.npz"
        for number, batch in enumerate(steps_of(options, dataset, begun, begun + steps), 1):
            x, y, lr, _ = batch
            before = {g: {n: a.copy() for n, a in arrays.items()} for g, arrays in by_hand.kept().items()}
            if number == 1:  # beside a file's weights, one of two thin matrices begins with zeros: the other waits
                nothing = [] if options.begun else without_slope(slopes_of(options, before, x[:FEW], y[:FEW]))
            found = by_hand.step(*batch)
            if number == 1:
                strayed = other_than_found(slopes_of(options, before, x, y), found)
            own, right = float(main_np.loss_of(found["logits"][""], y)[0]), true_loss(found["logits"][""], y)
            loss_apart = max(loss_apart, abs(own - right) / max(1.0, abs(right)))
            if loss_row is None and not loss_apart <= BOUND:
                loss_row = Row(
                    "the loss", f"step {number}: it is {own:.6g}, and the mean of -log p[y] is {right:.6g}", False
                )
            for twin in (*twins, parts):
                twin.take(number, found, *batch)
                if twin.first and twin.step == number:
                    if twin.first.group in ("dlogits", "gradient"):
                        slope = slopes_of(options, before, x, y).at(twin.first.name or "dlogits", twin.first.entry)
                        twin.values["differences of its loss"] = slope
                    elif twin.first.group == "loss":
                        twin.values["-log p[y]"] = right
            if optimizer:
                optimizer.take(number, before, found, lr, begun + number - 1)
            if number == middle:
                with contextlib.suppress(UserError):  # numbers that are not finite: other judges say more
                    save(options, by_hand, history_of(checkpoint, number), path)
            progress.update()
        rows = [loss_row or Row("the loss", f"no step's loss {differs(loss_apart)} from the mean of -log p[y]")]
        slopes = slopes_of(options, by_hand.kept(), x[:FEW], y[:FEW])
        differences, wrong = by_differences(slopes, progress)
        if strayed:
            said = f"main_np.train_step takes another {strayed} than {file}_np.py and loss_of find"
            rows.append(Row("the step", said, False))
        rows += [differences, tape.row(), theirs.row() if theirs else missing("PyTorch")]
        rows += [parts_row(parts, by_hand, options), optimizer.row() if optimizer else missing("the optimizer")]
        progress.update()
        rows.append(resumed_row(path, dataset, options, begun, middle, steps, by_hand))
        rows.append(in_processes(f"{file}_torch.py", theirs and theirs.form, slopes.model, x[:FEW]))
    return rows, *verdict(rows, twins, wrong, nothing, options)


def other_than_found(slopes, found):
    """The first of dlogits and the gradients with which the training moves, but which its network does not find."""
    taken = {"dlogits": found["dlogits"][""], **found["gradient"]}
    for name, gradient in slopes.gradients().items():
        size = max(float(np.abs(gradient).max()), float(np.abs(taken[name]).max()))
        if np.abs(taken[name] - gradient).max() > BOUND * size:  # and not if they are no numbers: others say that
            return name
    return ""


def parts_row(parts, by_hand, options):
    if parts.fails:
        return Row("in parts", parts.fails, False)
    if parts.first:
        return Row("in parts", where(parts.step, parts.first, parts.values), False)
    n = max(options.parts, 2)
    if any(len(form.network.copies) == 1 < form.network.number for form in (by_hand, parts.form)):
        return Row("in parts", f"not used: in {n} parts, logits or gradients are others than those of the whole batch")
    return Row("in parts", f"in {n} parts, no array of any step {differs(parts.largest)} from the whole batch's")


def resumed_row(path, dataset, options, begun, saved, steps, by_hand):
    """The run that was saved goes on, and its arrays are compared with those of the one that did not stop."""
    if not path.exists():
        return Row("resumed", "missing: its numbers are not finite, and are not saved")
    try:
        _, checkpoint = read("np", path)
        form = InNumPy(options, checkpoint)
        for batch in steps_of(options, dataset, begun + saved, begun + steps):
            form.step(*batch)
        _, first = departure(by_hand.kept(), form.kept(), 0.0)
    except UserError as error:
        return Row("resumed", str(error).replace(f"{path}", "the checkpoint"), False)
    if first:
        values = {"the run that did not stop": first.one, "resumed": first.other}
        return Row("resumed", f"saved after {saved} steps: {where(steps, first, values)}", False)
    return Row("resumed", f"saved after {saved} steps and resumed, no array {differs(0.0)}")


def few(names):
    """The first names of a list, and how many more there are."""
    return ", ".join(names[:4]) + f" and {len(names) - 4} more" * (len(names) > 4)


def verdict(rows, twins, wrong, nothing, options):
    """(what follows, in words, and the status)."""
    file, said = f"{options.network.classes.split('.')[0]}_np.py", []
    failed = {row.judge for row in rows if not row.holds}
    others = [twin.file for twin in twins if twin.is_another]
    own = failed & {"the loss", "central differences", "in parts", "resumed"}
    if "the loss" in failed:
        said.append("The loss is wrong: it is not the mean of -log p[y].")
    if wrong:
        what = f"its gradients of {few(wrong)} are" if len(wrong) > 1 else f"its gradient of {few(wrong)} is"
        what = "its dlogits, and so each gradient that follows from it, is" if "dlogits" in wrong else what
        agree = [twin.file for twin in twins if twin.first and twin.first.group in ("dlogits", "gradient")]
        also = f" ({' and '.join(agree)} had the same logits, and has another one.)" if agree else ""
        if len(agree) > 1:
            also = also.replace("has another one", "have another one")
        said.append(f"{file} is wrong: {what} not the derivative of its own loss.{also}")
    if "the step" in failed:
        said.append("main_np.train_step is wrong: it does something to the gradients.")
    for twin in twins:
        if twin.first and not twin.is_another and not wrong and not failed & {"the loss", "the step"}:
            if twin.first.group in ("dlogits", "gradient", "loss"):
                said.append(f"{twin.file} is wrong, and {file} is right: their logits are the same.")
            elif "the optimizer" not in failed:
                said.append(f"{twin.file} and {file} are not the same run: one does what the other does not.")
    if "the optimizer" in failed:
        said.append(f"{options.rule.by_hand} does not move the parameters as {options.rule.in_pytorch} does.")
    if "in parts" in failed:
        said.append("The parts of a batch do not add up to the batch.")
    if "resumed" in failed:
        said.append("A run that was saved cannot go on as if it had not stopped.")
    if "torchrun" in failed:
        said.append("With torchrun, several processes are not the run of one.")
    if nothing:
        what = f"gradients of {few(nothing)} are" if len(nothing) > 1 else f"gradient of {few(nothing)} is"
        said.append(f"The {what} 0 by hand and by differences: are all units alike?")
    if others:
        are = "are another network" if len(others) > 1 else "is another network"
        right = "" if own else "Your gradients are right; "
        said.append(f"{right}{' and '.join(others)} {are}.")
    if not failed and not others:
        gone = sum(row.said.startswith("missing") for row in rows)
        said.append(f"{file} is proven, as far as these go" + (f"; {gone} are missing." if gone else "."))
    return said, 1 if failed else 0


def blamed(error):
    """An error in one of the lessons' lines, with its place; the error itself, if it is none of theirs."""
    lines = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).parent == ROOT]
    if not lines:
        raise error
    return f"{Path(lines[-1].filename).name}:{lines[-1].lineno}, {lines[-1].line}: {error}"


def main(argv=None):
    framework, *argv = sys.argv[1:] if argv is None else argv
    if framework not in ("np", "torch"):
        raise UserError(f"{framework}: `python main_np.py --prove` starts this program")
    options, checkpoint = begin(framework, __doc__, argv)
    begun = checkpoint.history.step if checkpoint else 0
    whence = f"from step {begun:,} of {checkpoint.path}" if checkpoint else "from its first weights"
    print(f"{options.network.title(options)}, as the files have it now: {STEPS} steps in float64 {whence}", flush=True)
    try:
        rows, said, status = judged(options, checkpoint)
    except (UserError, MemoryError):
        raise
    except Exception as error:  # whatever a line that was changed runs into
        raise UserError(blamed(error)) from error
    width = max(len(row.judge) for row in rows)
    for row in rows:
        print(f"{row.judge:{width}}  {'' if row.holds else 'NO: '}{row.said}")
    print(*said, sep="\n")
    return status


if __name__ == "__main__":
    sys.exit(program.run(main, has_batch_size=True))
