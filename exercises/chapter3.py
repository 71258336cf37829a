"""Chapter 3: detective work. Short programs, each of which trains badly for one classic reason.

A case passes when three things hold: the learner says what is wrong, the cause is gone (its gradient, its labels, its
scale are probed; a nicer accuracy alone is not enough), and the program then learns as well as it should.
"""

from types import SimpleNamespace

import numpy as np

from exercises.chapter1 import network
from exercises.exercise import Exercise, agree
from mlp_np import MLP, init_he, softmax_cross_entropy

SUSPECTS = {  # what the learner may write into DIAGNOSIS
    "epochs": "it has not trained for long enough",
    "gradients": "gradients of earlier batches are never cleared",
    "in place": "an array that backward still needs has been overwritten",
    "labels": "the labels do not belong to their images",
    "mask": "the ReLU's mask is missing on the way back",
    "pixels": "pixels are scaled differently for training and for testing",
    "rate": "the learning rate is too large: the hidden units die",
    "size": "the network has too few hidden units",
    "softmax": "there is a softmax in front of a loss that has its own",
    "statistics": "the test uses the batch's own mean and variance",
    "sum": "the gradient is a sum over the batch where a mean belongs",
    "zeros": "all weights start at 0",
}

SIGNS = {  # how each would show itself
    "epochs": "Then the loss would still be falling at the end, and more epochs alone would bring it to the healthy "
    "one.",
    "gradients": "Then each step would go along the sum of all gradients so far: the loss falls at first, and later "
    "rises.",
    "in place": "Then a gradient would disagree with central differences, and two arrays would share their memory.",
    "labels": "Then the network would do no better than a guess, on the very batches it is trained on; and a picture "
    "printed beside its label would not match it.",
    "mask": "Then the gradients of all layers but the last would disagree with central differences.",
    "pixels": "Then the network would be good on the training images, and x.mean() and x.std() would differ between "
    "the two.",
    "rate": "Then the loss would jump in the first steps, most activations would be 0 for every image, and a tenth of "
    "the learning rate would cure it.",
    "size": "Then more hidden units alone would make it as good as the healthy one.",
    "softmax": "Then the loss could not fall below 1.46, however right the answers: -log(e / (e + 9)).",
    "statistics": "Then the answer for an image would depend on which others are read with it.",
    "sum": "Then a batch of the same image a hundred times would have a hundred times the gradient of that image "
    "alone.",
    "zeros": "Then all hidden units would be the same, and every gradient but the last bias's would be 0.",
}


def case(probe):
    """How to call a program: its probe first and then, only if that is right, its training."""

    def call(module, g):
        results = probe(module, g)
        right = all(agree(result, value) for result, value in zip(results, g.right, strict=True))
        return (*results, float(getattr(g, "accuracy", None) or module.train()) if right else 0.0), []

    return call


def right(*values):
    """The probe's right results, as the attributes that judge() looks up."""
    return {"right": values, **{f"result{i}": value for i, value in enumerate(values)}}


def gives(n):
    return (*(f"result{i}" for i in range(n)), "accuracy")


def deep(rng):
    """Four layers on random inputs. Each pair of neighbours is an MLP, which finds the lower one's gradient."""
    layers = [
        [W, rng.normal(0, 0.3, len(b))]
        for W, b in (init_he(rng, *s) for s in ((784, 64), (64, 64), (64, 64), (64, 10)))
    ]
    x, y = rng.normal(size=(7, 784)), rng.integers(10, size=7)
    activations = [x]
    for W, b in layers[:-1]:
        activations.append(np.maximum(activations[-1] @ W + b, 0))
    logits = activations[-1] @ layers[-1][0] + layers[-1][1]
    dlogits = dz = softmax_cross_entropy(logits, y)[1]
    found = [activations[-1].T @ dz]
    for i in (2, 1, 0):
        pair = MLP(64, dtype=np.float64)
        pair.params = {"W1": layers[i][0], "b1": layers[i][1], "W2": layers[i + 1][0], "b2": layers[i + 1][1]}
        pair.forward(activations[i])
        found.insert(0, pair.backward(dz)["W1"])
        dz = pair.dz1
    found[0] = found[0][::20]
    return SimpleNamespace(layers=layers, x=x, dlogits=dlogits, **right(*found))


def probe_deep(module, g):
    layers = [[p.copy() for p in layer] for layer in g.layers]
    gradients = module.backward(layers, module.forward(layers, g.x.copy()), g.dlogits.copy())
    found = [np.asarray(dW) for dW, _ in gradients]
    return (found[0][::20], *found[1:])


def one_step(rng):
    g, lr = network(rng), 0.1
    names = ("W1", "b1", "W2", "b2")
    moved = [getattr(g, name) - lr * getattr(g, f"d{name}") for name in names]
    params = {name: getattr(g, name) for name in names}
    moved[0] = moved[0][::20]
    return SimpleNamespace(x=g.x, y=g.y, H=g.H, lr=lr, params=params, **right(*moved))


def probe_step(module, g):
    model = MLP(g.H, dtype=np.float64)
    model.params = {name: p.copy() for name, p in g.params.items()}
    module.step(model, g.x.copy(), g.y.copy(), g.lr)
    W1, *others = model.params.values()
    return (W1[::20], *others)


def flag(rng):
    """For probes that answer yes or no."""
    return SimpleNamespace(x=rng.normal(size=(6, 784)), y=rng.integers(10, size=6), **right(np.float64(1)))


def probe_init(module, g):
    """Do the hidden units start different from each other, and are the second layer's weights not all 0?"""
    W1, _, W2, _ = (np.asarray(p) for p in module.new_model(np.random.default_rng(1)).params.values())
    differ = len(np.unique(W1.round(12), axis=1).T) == W1.shape[1] and len(np.unique(W2.round(12), axis=0)) == len(W2)
    return (float(differ and np.isfinite(W1).all() and W1.std() > 1e-4 and W2.std() > 1e-4),)


def numbered(rng):
    return SimpleNamespace(n=400, **right(np.zeros(400), np.arange(400.0)))


def probe_labels(module, g):
    """Each image is its own number: does each come with its label, and does each come once?"""
    images, labels = np.arange(float(g.n)).reshape(-1, 1), np.arange(g.n)
    pairs = list(module.batches(images, labels, np.random.default_rng(1)))
    seen = np.concatenate([np.asarray(x)[:, 0] for x, _ in pairs])
    said = np.concatenate([np.asarray(y) for _, y in pairs]).astype(float)
    return seen - said, np.sort(seen)


def probe_cleared(module, g):
    """Three steps: does each go along its own batch's gradient alone?"""
    torch, F = module.torch, module.torch.nn.functional
    torch.manual_seed(0)
    model = torch.nn.Linear(784, 10).double()
    own = torch.nn.Linear(784, 10).double()
    own.load_state_dict(model.state_dict())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = torch.from_numpy(g.x), torch.from_numpy(g.y)
    for i in (0, 2, 4):
        module.step(model, optimizer, x[i : i + 2], y[i : i + 2])
        loss = F.cross_entropy(own(x[i : i + 2]), y[i : i + 2])
        gradients = torch.autograd.grad(loss, list(own.parameters()))
        with torch.no_grad():
            for p, dp in zip(own.parameters(), gradients, strict=True):
                p -= 0.1 * dp
    return (float(torch.allclose(model.weight, own.weight, rtol=0, atol=1e-12)),)


def probe_softmax(module, g):
    """Is the loss the cross-entropy of what the last linear layer gives?"""
    torch, F = module.torch, module.torch.nn.functional
    torch.manual_seed(0)
    model, logits = module.new_model().double(), []
    for layer in model.modules():
        if isinstance(layer, torch.nn.Linear):
            layer.register_forward_hook(lambda layer, inputs, output: logits.append(output))
    x, y = torch.from_numpy(g.x), torch.from_numpy(g.y)
    loss = module.loss_of(model, x, y)
    return (float(torch.allclose(loss, F.cross_entropy(logits[-1], y), rtol=0, atol=1e-9)),)


def probe_statistics(module, g):
    """During a whole training: is every image that is only read, not learned from, normalised as remembered?"""
    torch = module.torch  # as the program has imported it: nothing of ours does
    seen, forward = set(), torch.nn.BatchNorm1d.forward

    def watched(layer, x):
        own = layer.training or layer.running_mean is None
        seen.add(("own" if own else "remembered", "learning" if torch.is_grad_enabled() else "reading"))
        return forward(layer, x)

    torch.nn.BatchNorm1d.forward = watched
    try:
        g.accuracy = module.train()
    finally:
        torch.nn.BatchNorm1d.forward = forward
    kinds = {kind for kind, _ in seen}
    return (float(("own", "reading") not in seen and kinds == {"own", "remembered"}),)


def probe_units(module, g):
    """After the training: are nearly all units on for some image?"""
    from exercises.digits import few_digits

    g.accuracy = module.train()
    module.model.forward(few_digits()[2])
    return (float((module.model.z1 > 0).any(axis=0).mean() > 0.8),)


def images(rng):
    return SimpleNamespace(images=rng.integers(0, 256, (9, 28, 28)).astype(np.uint8), **right(np.float64(1)))


def probe_pixels(module, g):
    """Does the same image give the same input in both?"""
    a, b = (np.asarray(f(g.images.copy()), float) for f in (module.training_input, module.test_input))
    return (float(a.shape == b.shape and np.abs(a - b).max() < 1e-5 * np.abs(a).max() and a.std() > 1e-3),)


MASK = Exercise(
    name="19_case_nan",
    title="Case: the loss is no longer a number",
    function="backward",
    takes=(),
    gives=gives(4),
    givens=(deep,),
    call=case(probe_deep),
    mistakes=(),
    hints=(
        "With a tenth of the learning rate it does learn, but falls short. Which is worse: a large step, or a wrong "
        "direction? There is a judge for directions.",
        "Compare the gradients with central differences, layer by layer (a small x, float64, numerical_gradient of "
        "mlp_np.py). Which layer's agrees, and where do they start to be wrong?",
        "Only the last layer's gradient agrees. What does a gradient pass on its way from one layer to the one below, "
        "besides W?",
    ),
    diagnosis="mask",
    against={
        "rate": "With 0.01 yours learns, and stays at 0.82 where 0.86 is possible: a smaller step hides something."
    },
    still="Compare the gradients of the first layer with central differences: they should agree to 1e-6.",
    evidence="Next time: a gradient that lacks a mask still points roughly downhill, so shallow networks hide it. "
    "Deeper ones, where the error grows from layer to layer, do not. Central differences on a tiny network show it "
    "in a second, and the layer where they begin to disagree is the place to look.",
    healthy=0.83,
)

SUM = Exercise(
    name="20_case_batch_size",
    title="Case: larger batches learn worse",
    function="step",
    takes=(),
    gives=gives(4),
    givens=(one_step,),
    call=case(probe_step),
    mistakes=(),
    hints=(
        "Set BATCH to 10, and then to 1000. What changes? Should the size of a step depend on the size of the batch?",
        "Print the size of dlogits for a batch of one image, and for a batch of that same image a hundred times. The "
        "loss is the same in both.",
        "The loss is a mean over the batch. Is the derivative that cross_entropy returns that of a mean?",
    ),
    diagnosis="sum",
    against={"rate": "Try batches of 10 and of 1000: does the best rate change with the batch?"},
    still="A batch of the same image a hundred times should give the gradient of that image. (A smaller learning rate "
    "would fit one batch size, and no other.)",
    evidence="Next time: if the best learning rate changes when the batch size does, in proportion, look for a sum "
    "where a mean belongs. The loss that is printed and the gradient that is used must belong to the same quantity.",
    healthy=0.78,
)

ZEROS = Exercise(
    name="21_case_flat",
    title="Case: the loss does not move",
    function="new_model",
    takes=(),
    gives=gives(1),
    givens=(flag,),
    call=case(probe_init),
    mistakes=(),
    hints=(
        "2.303 is log(10): every digit gets p = 0.1. Print the gradients after the first batch. Which are 0?",
        "All are 0 but the last bias. Follow dW2 = a1.T @ dlogits and da1 = dlogits @ W2.T: which factor makes them 0?",
        "Print model.params before the first step. If all units of a layer start alike, what could make them "
        "different?",
    ),
    diagnosis="zeros",
    or_else="Or are your new weights too large? Compare their size with init_he's.",
    still="Print W1 and W2 before the first step: no two hidden units should be alike.",
    evidence="Next time: a loss of log(number of classes) that does not move means that no gradient arrives. Print the "
    "size of each layer's gradient after one batch. The same constant for all weights is hardly better than 0: equal "
    "units get equal gradients, and stay equal for ever.",
    healthy=0.85,
)

LABELS = Exercise(
    name="22_case_guessing",
    title="Case: it trains and trains, and only guesses",
    function="batches",
    takes=(),
    gives=gives(2),
    givens=(numbered,),
    call=case(probe_labels),
    mistakes=(),
    hints=(
        "Let it train on a single batch, again and again: then the loss falls. So the network and its gradients work. "
        "What is left?",
        "Look at the data as the network sees it: print an image of a batch (coarsely, as characters) and its label.",
        "Does each label still stand at the place of its image after batches() has put them in a random order?",
    ),
    diagnosis="labels",
    still="Print some images of a batch beside their labels.",
    evidence="Next time: if one batch can be learned by heart, but all of them together cannot, look at the pairs that "
    "go in. Not at the arrays they came from: at what arrives in the training step.",
    healthy=0.85,
)

CLEARED = Exercise(
    name="23_case_restless",
    title="Case: it learns for a moment, and then it shakes (PyTorch)",
    function="step",
    takes=(),
    gives=gives(1),
    givens=(flag,),
    call=case(probe_cleared),
    mistakes=(),
    needs_torch=True,
    hints=(
        "Print the size of a gradient, model[0].weight.grad.norm(), after each of the first twenty steps. What does "
        "it do?",
        "It grows and grows, though the loss falls at first. What does backward() do with what is in .grad already?",
        "backward() adds to .grad. What removes the last batch's?",
    ),
    diagnosis="gradients",
    still="After a step, .grad should be the gradient of that step's batch alone. (A smaller learning rate only "
    "makes it last longer.)",
    evidence="Next time: print the norm of the gradient. If it grows while the loss falls, something is adding up. In "
    "PyTorch, every step needs optimizer.zero_grad() before backward().",
    healthy=0.84,
)

SOFTMAX_TWICE = Exercise(
    name="24_case_floor",
    title="Case: the loss has a floor (PyTorch)",
    function="loss_of",
    takes=(),
    gives=gives(1),
    givens=(flag,),
    call=case(probe_softmax),
    mistakes=(),
    needs_torch=True,
    hints=(
        "Train longer. Where does the training loss stop? What would the loss be if every answer were right and sure?",
        "A sure and right answer should have a loss of 0. Give cross_entropy the row [1, 0, 0, ...] with the label "
        "0: what does it return?",
        "cross_entropy wants logits. What does the model end with?",
    ),
    diagnosis="softmax",
    still="For answers that are sure and right, loss_of should come near 0. (A larger step or more epochs do not "
    "remove the floor.)",
    evidence="Next time: -log(e / (e + 9)) = 1.46. A cross-entropy of ten classes that gets stuck there has been given "
    "probabilities where it wants logits. Always ask what the loss of a perfect answer would be.",
    healthy=0.84,
)

STATISTICS = Exercise(
    name="25_case_one_at_a_time",
    title="Case: one digit at a time (PyTorch)",
    function="read",
    takes=(),
    gives=gives(1),
    givens=(flag,),
    call=case(probe_statistics),
    mistakes=(),
    needs_torch=True,
    hints=(
        "Read all test images at once, instead of first all zeros, then all ones. What changes, and should it?",
        "The answer for an image depends on the others in its batch. Which layer mixes the images of a batch?",
        "Batch normalisation uses the batch's own mean and variance while it learns. What should it use when it only "
        "reads, and how is it told?",
    ),
    diagnosis="statistics",
    still="Read one image alone, and then among others: its logits should be the same. (Mixed test batches only hide "
    "it.)",
    evidence="Next time: read the same image in two different batches. If its logits differ, a layer is still "
    "learning: model.eval() for the test, and model.train() before going on.",
    healthy=0.83,
)

RATE = Exercise(
    name="26_case_sudden",
    title="Case: after the first steps nothing happens any more",
    function="train",
    takes=(),
    gives=gives(1),
    givens=(flag,),
    call=case(probe_units),
    mistakes=(),
    hints=(
        "2.303 again. But look at the loss of the first steps, one by one: print it.",
        "It jumps, and then stays at log(10). Print (model.z1 > 0).mean() after each of the first ten steps.",
        "No unit is ever on again, so no gradient reaches W1. What switched them off?",
    ),
    diagnosis="rate",
    still="After the training, print (model.z1 > 0).any(axis=0).mean(): nearly all units should be on for some image. "
    "(Fewer epochs or more units do not bring the dead ones back.)",
    evidence="Next time: if the loss first jumps and is then stuck at log(number of classes), count the units that "
    "are on for no image at all. A ReLU that is off for every image gets no gradient, and never comes back. Divide the "
    "learning rate by 10 until the first ten steps are calm.",
    healthy=0.80,
)

IN_PLACE = Exercise(
    name="27_case_behind",
    title="Case: it learns, but stays behind",
    function="backward",
    takes=(),
    gives=gives(4),
    givens=(deep,),
    call=case(probe_deep),
    mistakes=(),
    hints=(
        "The formulas of backward are right: compare them with mlp_np.py. And yet central differences disagree. What "
        "else goes into a gradient?",
        "The activations. After forward(), print activations[1] and activations[2]. Are they what you expect?",
        "They are equal: np.shares_memory says why. Which line writes into an array that has already been stored?",
    ),
    diagnosis="in place",
    still="After forward(), no two entries of `activations` should share their memory. (More epochs or wider layers "
    "make up for it a little, but leave it wrong.)",
    evidence="Next time: if all formulas are right and central differences still disagree, look at what backward is "
    "given. `out=`, `+=` and slices write into memory that may still be needed. PyTorch counts such writes, and "
    "refuses.",
    healthy=0.84,
)

PIXELS = Exercise(
    name="28_case_strangers",
    title="Case: well practised, and lost in the test",
    function="training_input",
    takes=(),
    gives=gives(1),
    givens=(images,),
    call=case(probe_pixels),
    mistakes=(),
    hints=(
        "The training loss is as good as the healthy one's. So what is different about the test?",
        "Test on the training images, prepared as the test images are. Is it the images, or how they are prepared?",
        "Print x.mean() and x.std() for training and for testing.",
    ),
    diagnosis="pixels",
    still="The same image should give the same input in training_input and in test_input.",
    evidence="Next time: before you blame the network, print the mean, the standard deviation, the smallest and the "
    "largest number of its input in training and in the test. If one function serves both, they cannot differ.",
    healthy=0.86,
)

CHAPTER = (MASK, SUM, ZEROS, LABELS, CLEARED, SOFTMAX_TWICE, STATISTICS, RATE, IN_PLACE, PIXELS)
