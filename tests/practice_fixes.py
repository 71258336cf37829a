"""How people fix the detective's cases: soundly, in many ways, and not. Each is (name, (old, new), ...)."""

BN_READ = "    with torch.no_grad():\n        return model(x)\n"
BOTH = '''    return ((images.reshape(-1, 784) - 33.0) / 79.0).astype(np.float32)


def test_input(images):
    """The same for testing."""
    return (images.reshape(-1, 784) / 255.0).astype(np.float32)
'''
ONE = "    return ((images.reshape(-1, 784) - 33.0) / 79.0).astype(np.float32)\n"

SOUND = [
    ("case_nan", ("        dz = dz @ W.T\n", "        dz = dz @ W.T\n        dz[a <= 0] = 0\n")),
    ("case_nan", ("        dz = dz @ W.T\n", "        dz = np.where(a > 0, dz @ W.T, 0)\n")),
    ("case_nan", ("        dz = dz @ W.T\n", "        dz = (dz @ W.T) * np.sign(np.maximum(a, 0))\n")),
    ("case_nan", ("return activations\n", "return activations, 'more'\n"),
     ("activations[-2::-1]", "activations[0][-2::-1]"), ("activations[-1], y[batch]", "activations[0][-1], y[batch]"),
     ("forward(layers, x_test)[-1]", "forward(layers, x_test)[0][-1]"), ("dz = dz @ W.T", "dz = (dz @ W.T) * (a > 0)")),
    ("case_batch_size", ("    return loss, p\n", "    p /= len(y)\n    return loss, p\n")),
    ("case_batch_size", ("model.backward(dlogits)", "model.backward(dlogits / len(x))")),
    ("case_batch_size", ("lr * gradient", "lr / len(y) * gradient"), ("EPOCHS = 0.01", "EPOCHS = 0.1")),
    ("case_batch_size", ("    return loss, p\n", "    return loss, p / len(y)\n"), ("EPOCHS = 0.01", "EPOCHS = 0.1")),
    ("case_batch_size", ("from mlp_np import MLP", "from mlp_np import MLP, softmax_cross_entropy as cross_entropy"),
     ("def cross_entropy", "def old"), ("EPOCHS = 0.01", "EPOCHS = 0.1")),
    ("case_flat", ("np.zeros((inputs, outputs), np.float32)", "rng.normal(0, 0.05, (inputs, outputs)).astype('f')")),
    ("case_flat", ("np.zeros((inputs, outputs), np.float32)", "rng.uniform(-1, 1, (inputs, outputs)) / inputs**0.5")),
    ("case_flat", ("    model.params[\"W1\"], model.params[\"b1\"] = init(rng, 784, HIDDEN)\n", ""),
     ("    model.params[\"W2\"], model.params[\"b2\"] = init(rng, HIDDEN, 10)\n", "")),
    ("case_guessing", ("    x = rng.permutation(x)\n", "    i = rng.permutation(len(x))\n    x, y = x[i], y[i]\n")),
    ("case_guessing", ("    x = rng.permutation(x)\n", ""),
     ("in range(0, len(x), BATCH)", "in np.split(rng.permutation(len(x)), 40)"),
     ("x[i : i + BATCH], y[i : i + BATCH]", "x[i], y[i]")),
    ("case_guessing", ("    x = rng.permutation(x)\n", "    pairs = list(zip(x, y))\n    rng.shuffle(pairs)\n"
     "    x, y = (np.array(a) for a in zip(*pairs))\n")),
    ("case_restless", ("    loss.backward()\n", "    model.zero_grad()\n    loss.backward()\n")),
    ("case_restless", ("    optimizer.step()\n", "    optimizer.step()\n    optimizer.zero_grad()\n")),
    ("case_restless",
     ("    loss.backward()\n", "    for p in model.parameters():\n        p.grad = None\n    loss.backward()\n")),
    ("case_restless", ("[step(model, optimizer, x[batch], y[batch]) for",
     "[(optimizer.zero_grad(), step(model, optimizer, x[batch], y[batch]))[1] for")),
    ("case_floor", (", torch.nn.Softmax(dim=1)", "")),
    ("case_floor", ("torch.nn.Softmax(dim=1)", "torch.nn.LogSoftmax(dim=1)")),
    ("case_floor", ("F.cross_entropy(model(x), y)", "F.nll_loss(torch.log(model(x)), y)")),
    ("case_floor", ("F.cross_entropy(model(x), y)", "F.cross_entropy(model[:-1](x), y)")),
    ("case_one_at_a_time", (BN_READ, "    model.eval()\n" + BN_READ)),
    ("case_one_at_a_time", ("        # How many", "        model.eval()\n        # How many")),
    ("case_one_at_a_time",
     (BN_READ, "    model.train(False)\n    logits = model(x)\n    model.train()\n    return logits\n")),
    ("case_sudden", ("5.0, 100, 6", "0.5, 100, 6")),
    ("case_sudden", ("5.0, 100, 6", "0.05, 100, 6")),
    ("case_sudden", ("5.0, 100, 6", "0.1, 100, 6"), ("model = MLP(64)\n", ""),
     ("    rng = np.random.default_rng(0)\n", "    rng, model = np.random.default_rng(0), MLP(64)\n")),
    ("case_sudden", ("LR * gradient", "0.02 * LR * gradient")),
    ("case_behind", ("np.maximum(activations[-1] @ W + b, 0, out=a)", "a = np.maximum(activations[-1] @ W + b, 0)")),
    ("case_behind", ("activations.append(a)", "activations.append(a.copy())")),
    ("case_behind", ("in layers[:-1]:\n", "in layers[:-1]:\n        a = np.empty((len(x), 64), x.dtype)\n")),
    ("case_strangers", ("(images.reshape(-1, 784) / 255.0)", "((images.reshape(-1, 784) - 33.0) / 79.0)")),
    ("case_strangers", (BOTH, ONE), ("test_input(test_images)", "training_input(test_images)")),
    ("case_strangers", (BOTH, ONE), ("def training_input", "def as_input"),
     ("training_input(images), test_input(test_images)", "as_input(images), as_input(test_images)")),
    ("case_strangers", (" - 33.0) / 79.0", " / 255.0)")),
    ("case_strangers", ("training_input(images), test_input(test_images)",
     "[(i.reshape(-1, 784) / 255.0).astype(np.float32) for i in (images, test_images)]")),
]  # fmt: skip

TRAIN = "def train():\n"
UNSOUND = [  # with the mark of each
    ("case_sudden", "not fixed", (TRAIN, TRAIN + "    return 0.9\n")),
    ("case_sudden", "not fixed", ("    return accuracy\n", "    return 0.9\n")),
    ("case_restless", "not fixed", (TRAIN, TRAIN + "    return 0.9\n")),
    ("case_one_at_a_time", "not fixed", (BN_READ, "    return model(x)\n")),
    ("case_guessing", "not fixed", ("    x = rng.permutation(x)\n", "")),
    ("case_strangers", "not fixed", ("/ 255.0", "* 0.0")),
    ("case_strangers", "not fixed", ("training_input(images), test_input(test_images)",
     "[(i.reshape(-1, 784) - i.mean()) / i.std() for i in (images, test_images)]")),
    ("case_batch_size", "does not fit", ("    return accuracy\n", "")),
    ("case_nan", "does not fit", ("activations, dlogits):\n", "activations, dlogits, y):\n"),
     ("backward(layers, activations, dlogits), strict", "backward(layers, activations, dlogits, 0), strict"),
     ("dz = dz @ W.T", "dz = (dz @ W.T) * (a > 0)")),
    ("case_flat", "does not fit", ("def new_model", "def model_of"), ("new_model(rng)", "model_of(rng)")),
]  # fmt: skip
