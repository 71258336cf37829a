"""What mends each case: lines of its program, and what they should be. symptoms.py writes them into cases.json."""

MENDS = {
    "19_case_nan": ("        dz = dz @ W.T\n", "        dz = (dz @ W.T) * (a > 0)\n"),
    "20_case_batch_size": ("    return loss, p\n", "    return loss, p / len(y)\n"),
    "21_case_flat": (
        "    return np.zeros((inputs, outputs), np.float32), np.zeros(outputs, np.float32)\n",
        "    W = rng.normal(0, np.sqrt(2 / inputs), (inputs, outputs))\n"
        "    return W.astype(np.float32), np.zeros(outputs, np.float32)\n",
    ),
    "22_case_guessing": (
        "    x = rng.permutation(x)\n",
        "    order = rng.permutation(len(x))\n    x, y = x[order], y[order]\n",
    ),
    "23_case_restless": ("    loss.backward()\n", "    optimizer.zero_grad()\n    loss.backward()\n"),
    "24_case_floor": (
        "        torch.nn.Linear(784, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10), torch.nn.Softmax(dim=1)\n",
        "        torch.nn.Linear(784, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10)\n",
    ),
    "25_case_one_at_a_time": ("    with torch.no_grad():\n", "    model.eval()\n    with torch.no_grad():\n"),
    "26_case_sudden": ("LR, BATCH, EPOCHS = 5.0, 100, 6\n", "LR, BATCH, EPOCHS = 0.1, 100, 6\n"),
    "27_case_behind": (
        "        np.maximum(activations[-1] @ W + b, 0, out=a)\n",
        "        a = np.maximum(activations[-1] @ W + b, 0)\n",
    ),
    "28_case_strangers": (
        "    return (images.reshape(-1, 784) / 255.0).astype(np.float32)\n",
        "    return training_input(images)\n",
    ),
}
