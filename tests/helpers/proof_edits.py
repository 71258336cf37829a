"""Edits of the project's files, and what `python main_np.py --prove` says of each: see tests/lab/test_proof_edits.py."""

# ruff: noqa: E501

from typing import NamedTuple

MLP = "--hidden 16 --batch-size 64"
ADAMW = f"{MLP} --optimizer adamw --lr 1e-3"
DECAY = f"{MLP} --weight-decay 0.1"
RESNET = "--model resnet --widths 2,3 --batch-size 16"
VIT = "--model vit --width 12 --blocks 1 --heads 3 --batch-size 8"
GPT = "--model gpt --width 12 --blocks 1 --heads 3 --batch-size 8"
LLAMA = "--model llama --dataset names --width 8 --heads 2 --kv-heads 1 --hidden 8 --blocks 1 --batch-size 16"

PROVEN = "is proven, as far as these checks go."
RIGHT = "Your gradients are right; mlp_autograd.py and mlp_torch.py are another network."
DRAWS = "do not have the probabilities softmax(logits / temperature)."
OTHER_LOGITS = "`decode_step`, with its cache of keys and values, gives different logits from `forward`."
NO_DERIVATIVE = "not the derivative of its own loss"
OUTVOTED = "is not that of mlp_autograd.py, mlp_torch.py and central differences, which agree."

# Lines of the files, and what the rows below do to them.
M, T, TORCH, TAPE = "mlp_np.py", "mlp_torch.py", "main_torch.py", "autograd_np.py"
RELU, STEP = "self.a1 = np.maximum(self.z1, 0)", "    optimizer.step(network.params, grads, lr)\n"
Z1, X, LOGITS = "self.x @ W1 + b1 ", "self.x = x.reshape(len(x), -1)", "return self.a1 @ W2 + b2 "
DW1, DB1, DW2, DB2 = (
    "dW1 = self.x.T @ self.dz1", "db1 = self.dz1.sum(axis=0)", "dW2 = self.a1.T @ dlogits", "db2 = dlogits.sum(axis=0)",
)  # fmt: skip
RETURN, LOSS = 'return {"W1": dW1', "- shifted[rows, y]).mean()"
LEAKY = (M, "np.maximum(self.z1, 0)", "np.where(self.z1 > 0, self.z1, .1 * self.z1)")
LEAKY_SLOPE = (M, "self.da1 * (self.z1 > 0)", "self.da1 * np.where(self.z1 > 0, 1, .1)")
IN_A_THREAD = (
    "import threading; r = []; t = threading.Thread(target=lambda: r.append(np.maximum(self.z1, 0))); t.start(); "
    "t.join(); self.a1 = r[0]"
)
COPIES = (
    "    @property\n    def params(self): return {n: p.copy() for n, p in self._p.items()}\n\n    def forward(self, x):"
)
TWICE_IN_PYTORCH = "F.linear(a1, 2 * self.layer2.weight - self.layer2.weight.detach(), self.layer2.bias)"
COUNT = "self.n = getattr(self, 'n', 0) + 1"


class Edit(NamedTuple):
    """Changes of files, and the verdict on them."""

    name: str
    options: str
    changes: list  # [(file, what is there, what stands there then)]
    wrong: str  # the files and functions of which it says "... is wrong" or "... does not move", in alphabetical order
    words: str  # among those that it prints or, if the status is 2, among those on stderr; NN: a number of a line
    status: int


EDITS = [
    Edit("nothing", MLP, [], "", PROVEN, 0),
    Edit("W2 negative", MLP, [(M, DW2, "dW2 = -self.a1.T @ dlogits")], M, f"gradient of W2 is {NO_DERIVATIVE}", 1),
    Edit("the slope at 0", MLP, [(M, "(self.z1 > 0)", "(self.z1 >= 0)")], "", PROVEN, 0),
    Edit("mask of a1", MLP, [(M, "(self.z1 > 0)", "(self.a1 > 0)")], "", PROVEN, 0),
    Edit("b1 a mean", MLP, [(M, DB1, "db1 = self.dz1.mean(axis=0)")], M, f"gradient of b1 is {NO_DERIVATIVE}", 1),
    Edit("W2 of 16 images", MLP, [(M, DW2, "dW2 = self.a1[:16].T @ dlogits[:16]")], M, "gradient of W2 is", 1),
    Edit("W2 too large by 3e-6", MLP, [(M, DW2, f"{DW2} * (1 + 3e-6)")], M, f"in step 1, its gradient of W2 {OUTVOTED}", 1),
    Edit("W1 in float32", MLP, [(M, DW1, "dW1 = self.x.T.astype(np.float32) @ self.dz1.astype(np.float32)")], "", "mlp_np.py:NN, in backward: the gradient of W1 is float32", 2),
    Edit("W1 by float32", MLP, [(M, DW1, "dW1 = (self.x.T.astype(np.float32) @ self.dz1.astype(np.float32)).astype(float)")], M, "in step 1, its gradient of W1 is not that of", 1),
    Edit("b1 in large batches", MLP, [(M, DB1, f"{DB1} * (1 + (len(dlogits) > 20))")], M, "gradient of b1 is", 1),
    Edit("W2 in the third call", MLP, [(M, DW2, f"{COUNT}\n        {DW2} * (2 if self.n == 3 else 1)")], M, f"in step 3, its gradient of W2 {OUTVOTED}", 1),
    Edit("an error in forward", MLP, [(M, RELU, "raise ValueError('boom')")], "", "mlp_np.py:NN, raise ValueError('boom')", 2),
    Edit("an error in backward", MLP, [(M, DW2, "dW2 = self.nothing @ dlogits")], "", "mlp_np.py:NN, dW2 = self.nothing", 2),
    Edit("z1 nan", MLP, [(M, Z1, f"{Z1}+ np.nan ")], "", "mlp_np.py: the first array that is not finite is the logits, in step 1", 2),
    Edit("noise in forward", MLP, [(M, Z1, f"{Z1}+ np.random.normal(0, .1) ")], "", "mlp_np.py gives a different result every time", 2),
    Edit("x in place", MLP, [(M, X, f"{X}; self.x *= 0.5")], "", RIGHT, 0),
    Edit("dlogits in place", MLP, [(M, DW2, f"dlogits *= 2\n        {DW2}")], M, f"gradients of b2, W2, b1, W1 are {NO_DERIVATIVE}", 1),
    Edit("dlogits in place at the end", MLP, [(M, RETURN, f"dlogits *= 0\n        {RETURN}")], "", PROVEN, 0),
    Edit("a print", MLP, [(M, RELU, f"{RELU}; print('hi')")], "", PROVEN, 0),
    Edit("a thread", MLP, [(M, RELU, IN_A_THREAD)], "", PROVEN, 0),
    Edit("no backward", MLP, [(M, "def backward(self, dlogits)", "def backwards(self, dlogits)")], "", "mlp_np.py:NN: class MLP has no method `backward`", 2),
    Edit("no forward", MLP, [(M, "def forward(self, x)", "def fwd(self, x)")], "", "mlp_np.py:NN: class MLP has no method `forward`", 2),
    Edit("an inherited __init__", MLP, [(M, "class Nudged(MLP):", "class Base(MLP): pass\nMLP = Base\nclass Nudged(MLP):")], "", "mlp_np.Base does not know", 2),
    Edit("leaky", MLP, [LEAKY, LEAKY_SLOPE], "", RIGHT, 0),
    Edit("leaky in forward alone", MLP, [LEAKY], M, f"gradients of b1, W1 are {NO_DERIVATIVE}", 1),
    Edit("the loss a sum", MLP, [(M, LOSS, "- shifted[rows, y]).sum()"), (M, "dlogits /= len(y)", "pass")], "loss", "The loss is wrong: it is not the mean of -log p[y].", 1),
    Edit("a gradient too much", MLP, [(M, '"b2": db2}', '"b2": db2, "W3": db2}')], "", "W3 is in the result of backward, but not in params", 2),
    Edit("a gradient too few", MLP, [(M, ', "b2": db2}', "}")], "", "b2 is in params, but not in the result of backward", 2),
    Edit("a gradient as a list", MLP, [(M, '"b2": db2}', '"b2": [*db2]}')], "", "the gradient of b2 is not an array of floats, but a list", 2),
    Edit("a gradient of whole numbers", MLP, [(M, '"b2": db2}', '"b2": db2.astype(int)}')], "", "the gradient of b2 is not an array of floats, but int64", 2),
    Edit("no gradients", MLP, [(M, RETURN, f"return None\n        {RETURN}")], "", "backward does not return a dict of gradients, but NoneType", 2),
    Edit("nine logits", MLP, [(M, LOGITS, "return (self.a1 @ W2 + b2)[:, :9] ")], "", "mlp_np.py:NN", 2),
    Edit("logits as a list", MLP, [(M, LOGITS, "return (self.a1 @ W2 + b2).tolist() ")], "", "mlp_np.py:NN, in forward: it does not return an array of logits, but list", 2),
    Edit("an exit", MLP, [(M, RELU, "import sys; sys.exit(3)")], "", "mlp_np.py:NN, import sys; sys.exit(3)", 2),
    Edit("Ctrl-C", MLP, [(M, RELU, "raise KeyboardInterrupt")], "", "interrupted", 130),
    Edit("a recursion", MLP, [(M, RELU, "return self.forward(x)")], "", "maximum recursion depth exceeded", 2),
    Edit("too much memory", MLP, [(M, RELU, "np.empty(2**46)")], "", "not enough memory", 2),
    Edit("no Python", MLP, [(M, RELU, "self.a1 = = 3")], "", "mlp_np.py:NN, self.a1 = = 3  # (B, H): invalid syntax", 2),
    Edit("params that are copies", MLP, [(M, "self.params = {name: p.astype(dtype)", "self._p = {name: p.astype(dtype)"), (M, "    def forward(self, x):", COPIES)], "", "mlp_np.py:NN: `params` has a new array for W1 every time", 2),
    Edit("gradients that add up", MLP, [(M, DW2, "self.acc = getattr(self, 'acc', 0) + self.a1.T @ dlogits; dW2 = self.acc")], M, f"gradient of W2 is {NO_DERIVATIVE}", 1),
    Edit("Nesterov", MLP, [("main_np.py", "p -= lr * v  # p", "p -= lr * (dp + momentum * v)  # p")], "main_np.update", "main_np.update does not move the parameters as torch.optim.SGD does.", 1),
    Edit("clipped in the step", MLP, [("main_np.py", STEP, "    grads = {n: np.clip(g, -.001, .001) for n, g in grads.items()}\n" + STEP)], "main_np.train_step", "it changes the gradients", 1),
    Edit("the tape's ReLU", MLP, [(TAPE, "lambda dy: dy * (y > 0)", "lambda dy: dy * (y > .1)")], "mlp_autograd.py", "mlp_autograd.py is wrong, and mlp_np.py is right: their logits are the same.", 1),
    Edit("GELU in PyTorch", MLP, [(T, "relu", "gelu")], "", "Your gradients are right; mlp_torch.py is another network.", 0),
    Edit("nothing in the Llama", LLAMA, [], "", PROVEN, 0),
    Edit("turned on", LLAMA, [("llama_np.py", "return apply_rotary(dy, self.cos, -self.sin)", "return apply_rotary(dy, self.cos, self.sin)")], "llama_np.py", f"are {NO_DERIVATIVE}", 1),
    Edit("times 1", LLAMA, [("llama_np.py", "dproducts.swapaxes(2, 3) @ self.q)", "dproducts.swapaxes(2, 3) @ self.q * 1.0)")], "", PROVEN, 0),
    Edit("the table learns once", LLAMA, [("llama_np.py", 'grads["embed.E"][: head.vocab_size] += head.dE', "pass")], "llama_np.py", f"gradient of embed.E is {NO_DERIVATIVE}", 1),
    Edit("silu", LLAMA, [("llama_np.py", "(1 + self.a * (1 - self.sigmoid))", "(1 + self.a * (1 - self.sigmoid) * .999)")], "llama_np.py", NO_DERIVATIVE, 1),
    Edit("two eps", LLAMA, [("llama_np.py", "/ len(gamma) + self.eps)", "/ len(gamma) + 2 * self.eps)")], "", "Your gradients are right; llama_autograd.py and llama_torch.py are another network.", 0),
    Edit("0 of the batch", LLAMA, [("llama_np.py", "return gamma * self.xhat", "return gamma * self.xhat + 0 * x.mean(axis=0)")], "", PROVEN, 0),
    # Fifty more. What they should say was written down before any of them was run.
    Edit("b2 twice", MLP, [(M, DB2, "db2 = 2 * dlogits.sum(axis=0)")], M, f"gradient of b2 is {NO_DERIVATIVE}", 1),
    Edit("the size of x", MLP, [(M, DW1, "dW1 = np.abs(self.x).T @ self.dz1")], M, f"gradient of W1 is {NO_DERIVATIVE}", 1),
    Edit("W2 not transposed", MLP, [(M, "dlogits @ W2.T  #", "dlogits @ W2  #")], "", "mlp_np.py:NN, self.da1 = dlogits @ W2", 2),
    Edit("b1 too large by 1e-7", MLP, [(M, DB1, f"{DB1} * (1 + 1e-7)")], M, "in step 1, its gradient of b1 is not that of", 1),
    Edit("by 1e-8, three judges", MLP, [(M, DW2, f"{DW2} * (1 + 1e-8)"), (T, "relu", "gelu")], M, "in step 1, its gradient of W2 is not that of mlp_autograd.py and central differences, which agree.", 1),
    Edit("by 3e-9, three judges", MLP, [(M, DB1, f"{DB1} * (1 + 3e-9)"), (T, "relu", "gelu")], M, "in step 1, its gradient of b1 is not that of mlp_autograd.py and central differences, which agree.", 1),
    Edit("two against two", MLP, [(M, DW2, "dW2 = 2 * self.a1.T @ dlogits"), (T, "self.layer2(a1)", TWICE_IN_PYTORCH)], "", "It is open who is wrong, because there is no majority in the gradient of W2", 1),
    Edit("by 3e-6, three judges", MLP, [(M, DW2, f"{DW2} * (1 + 3e-6)"), (T, "relu", "gelu")], M, "in step 1, its gradient of W2 is not that of mlp_autograd.py and central differences, which agree.", 1),
    Edit("noise in backward", MLP, [(M, DW2, f"{DW2} + np.random.normal(0, 1e-3)")], "", "mlp_np.py gives a different result every time", 2),
    Edit("one entry", MLP, [(M, DW1, f"{DW1}; dW1[300, 3] += 1e-3")], M, f"gradient of W1 is {NO_DERIVATIVE}", 1),
    Edit("decay in backward", MLP, [(M, DW2, f"{DW2} + 0.01 * W2")], M, f"gradient of W2 is {NO_DERIVATIVE}", 1),
    Edit("a mask beside 0", MLP, [(M, "(self.z1 > 0)", "(self.z1 > 1e-9)")], "", PROVEN, 0),
    Edit("a sign for a mask", MLP, [(M, "self.da1 * (self.z1 > 0)", "self.da1 * np.sign(self.a1)")], "", PROVEN, 0),
    Edit("another order", MLP, [(M, '{"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}', '{"b2": db2, "W1": dW1, "W2": dW2, "b1": db1}')], "", PROVEN, 0),
    Edit("a row for a vector", MLP, [(M, '"b1": db1', '"b1": db1[np.newaxis]')], "", "b1 has the shape (16,) in params, and (1, 16) in the result of backward", 2),
    Edit("logits twice", MLP, [(M, LOGITS, "return 2 * (self.a1 @ W2 + b2) ")], M, f"gradients of b2, W2, b1, W1 are {NO_DERIVATIVE}", 1),
    Edit("forward shrinks W1", MLP, [(M, "self.z1 = self", "W1 *= 0.999; self.z1 = self")], M, "its forward changes W1, but only the optimizer should", 1),
    Edit("backward shrinks W2", MLP, [(M, 'W2 = self.params["W2"]\n', 'W2 = self.params["W2"]; W2 *= 0.99\n')], M, "its backward changes W2, but only the optimizer should", 1),
    Edit("logits in place", MLP, [(M, "shifted = logits - logits.max(axis=1, keepdims=True)", "logits -= logits.max(axis=1, keepdims=True); shifted = logits.copy()")], "", PROVEN, 0),
    Edit("half the loss", MLP, [(M, LOSS, f"{LOSS} * 0.5")], f"loss {M}", f"its dlogits, and each gradient that follows from it, is {NO_DERIVATIVE}", 1),
    Edit("a thousandth more", MLP, [(M, "dlogits[rows, y] -= 1", "dlogits[rows, y] -= 1.001")], M, f"its dlogits, and each gradient that follows from it, is {NO_DERIVATIVE}", 1),
    Edit("64 for the batch", MLP, [(M, "dlogits /= len(y)", "dlogits /= 64")], M, f"its dlogits, and each gradient that follows from it, is {NO_DERIVATIVE}", 1),
    Edit("dlogits too large by 3e-6", MLP, [(M, "dlogits /= len(y)", "dlogits /= len(y) / (1 + 3e-6)")], M, "in step 1, its dlogits is not that of mlp_torch.py and central differences, which agree.", 1),
    Edit("one more in the batch", LLAMA, [(M, "dlogits /= len(y)", "dlogits /= len(y) + 1")], M, f"its dlogits, and each gradient that follows from it, is {NO_DERIVATIVE}", 1),
    Edit("compute_loss doubles", MLP, [("main_np.py", "return loss, dlogits.reshape(logits.shape)", "return loss, 2 * dlogits.reshape(logits.shape)")], "main_np.compute_loss", f"its dlogits, and each gradient that follows from it, is {NO_DERIVATIVE}", 1),
    Edit("the step says twice the loss", MLP, [("main_np.py", "return loss, n_right /", "return 2 * loss, n_right /")], "main_np.train_step", "it does not return the loss that compute_loss finds", 1),
    Edit("forward twice", MLP, [("main_np.py", "    logits = network.forward(x)  #", "    network.forward(x)\n    logits = network.forward(x)  #")], "", PROVEN, 0),
    Edit("the step halves x", MLP, [("main_np.py", "    logits = network.forward(x)  #", "    logits = network.forward(0.5 * x)  #")], "main_np.train_step", "it does not pass the x of the batch to forward", 1),
    Edit("the step shrinks W1", MLP, [("main_np.py", STEP, f'{STEP}    network.params["W1"] *= 0.999\n')], "main_np.train_step", "it changes W1 after the optimizer", 1),
    Edit("the step doubles the rate", MLP, [("main_np.py", STEP, "    optimizer.step(network.params, grads, 2 * lr)\n")], "main_np.train_step", "it does not pass its own learning rate to the optimizer", 1),
    Edit("half the momentum", MLP, [("main_np.py", "v *= momentum  #", "v *= 0.5 * momentum  #")], "main_np.update", "main_np.update does not move the parameters as torch.optim.SGD does.", 1),
    Edit("biases decay", DECAY, [("main_np.py", "if weight_decay and p.ndim > 1:  # weights shrink", "if weight_decay:  # all shrink")], "main_np.update", "main_np.update does not move the parameters as torch.optim.SGD does.", 1),
    Edit("a step more", ADAMW, [("main_np.py", "m_total = 1 - beta1**step", "m_total = 1 - beta1 ** (step + 1)")], "main_np.update_adamw", "main_np.update_adamw does not move the parameters as torch.optim.AdamW does.", 1),
    Edit("an update to nan", MLP, [("main_np.py", "p -= lr * v  #", "p -= lr * v + np.where(p == p.max(), np.nan, 0)  #")], "", "main_np.update: the first array that is not finite is W1, in step 1", 2),
    Edit("PyTorch's loss twice", MLP, [(TORCH, "    loss.backward()", "    (2 * loss).backward()")], "main_torch.train_step", "main_torch.train_step is wrong, and mlp_np.py is right", 1),
    Edit("PyTorch clips", MLP, [(TORCH, "    loss.backward()", "    loss.backward()\n    torch.nn.utils.clip_grad_norm_(network.parameters(), 0.01)")], "main_torch.train_step", "main_torch.train_step is wrong, and mlp_np.py is right", 1),
    Edit("PyTorch smooths labels", MLP, [(TORCH, "ignore_index=-1, reduction", "ignore_index=-1, label_smoothing=0.1, reduction")], "main_torch.train_step", "main_torch.train_step is wrong, and mlp_np.py is right", 1),
    Edit("PyTorch's biases decay", DECAY, [(TORCH, '"weight_decay": 0}', '"weight_decay": options.run.weight_decay}')], "main_np.update", "main_np.update does not move the parameters as torch.optim.SGD does.", 1),
    Edit("PyTorch detaches", MLP, [(T, "F.relu(z1)", "F.relu(z1.detach())")], T, "mlp_torch.py is wrong, and mlp_np.py is right: their logits are the same.", 1),
    Edit("PyTorch fails", MLP, [(T, "x = x.flatten(1)", "x = x.flat(1)")], "", "mlp_torch.py:NN, x = x.flat(1)", 2),
    Edit("PyTorch is no Python", MLP, [(T, "a1 = F.relu(z1)", "a1 = = F.relu(z1)")], "", "mlp_torch.py:NN, a1 = = F.relu(z1) # (B, H): invalid syntax", 2),
    Edit("the tape times 1", MLP, [("mlp_autograd.py", "z1.relu()", "z1.relu() * 1.0")], "", PROVEN, 0),
    Edit("the tape takes a mean", MLP, [(TAPE, "dy.sum(axis=copy_axes, keepdims=True)", "dy.mean(axis=copy_axes, keepdims=True)")], "mlp_autograd.py", "autograd_np.py finds its derivatives", 1),
    Edit("the tape a hundredth more", MLP, [(TAPE, "lambda dy: dy @ b.swapaxes(-1, -2)", "lambda dy: 1.01 * dy @ b.swapaxes(-1, -2)")], "mlp_autograd.py", "mlp_autograd.py is wrong, and mlp_np.py is right", 1),
    Edit("the tape is no Python", MLP, [(TAPE, "y = np.maximum(self.value, 0)", "y = np.maximum(self.value, 0")], "", "autograd_np.py:NN", 2),
    Edit("by hand and on the tape", MLP, [(M, DW2, "dW2 = 2 * self.a1.T @ dlogits"), (TAPE, "lambda dy: dy * (y > 0)", "lambda dy: dy * (y > .1)")], M, f"gradient of W2 is {NO_DERIVATIVE}", 1),
    Edit("b2 of mlp, by PyTorch alone", MLP, [(T, "self.layer2(a1)", "self.layer2(a1) + 0 * self.layer2.bias")], "", PROVEN, 0),
    Edit("x in float32", MLP, [(M, X, "self.x = x.reshape(len(x), -1).astype(np.float32)")], "", RIGHT, 0),
    Edit("weights in float32", MLP, [(M, "p.astype(dtype)", "p.astype(np.float32)")], "", "mlp_np.py:NN: W1 is float32, although it should be float64", 2),
    Edit("logits in float32", MLP, [(M, LOGITS, "return (self.a1 @ W2 + b2).astype(np.float32) ")], "", "mlp_np.py:NN, in backward: the gradient of b2 is float32", 2),
    Edit("another class name", MLP, [(M, "class MLP:", "class Perceptron:")], "", "class Nudged(MLP):: name 'MLP' is not defined", 2),
    Edit("a package that is not there", MLP, [(M, "import numpy as np\n", "import numpy as np\nimport nmupy\n")], "", "nmupy is not installed", 2),
    Edit("another name of the loss", MLP, [(M, "def softmax_cross_entropy(", "def softmax_crossentropy(")], "", "cannot import name 'softmax_cross_entropy'", 2),
    Edit("an infinite gradient", MLP, [(M, DB2, f"{DB2} / 0")], "", "mlp_np.py: the first array that is not finite is the gradient of b2, in step 1", 2),
    Edit("the third call of forward", MLP, [(M, "self.z1 = self", f"{COUNT}; x = x * (1.001 if self.n == 3 else 1); self.z1 = self"), (M, X, f"{X} * 1"), (M, Z1, "x.reshape(len(x), -1) @ W1 + b1 ")], "", "mlp_torch.py and mlp_np.py are not the same run", 1),
    Edit("the batch's mean", RESNET, [("resnet_np.py", "(dy - dbeta / self.n - dgamma", "(dy - dgamma")], "resnet_np.py", f"are {NO_DERIVATIVE}", 1),
    Edit("a kernel not turned", RESNET, [("resnet_np.py", "convolve(dy, W[::-1, ::-1].swapaxes(2, 3), 1)", "convolve(dy, W.swapaxes(2, 3), 1)")], "resnet_np.py", f"are {NO_DERIVATIVE}", 1),
    Edit("another variance to remember", RESNET, [("resnet_np.py", "var * (n / max(n - 1, 1))", "var")], "", "resnet_torch.py and resnet_np.py are not the same run", 1),
    Edit("a mean forgotten", VIT, [("vit_np.py", "(dxhat - mean - self.xhat * along_xhat)", "(dxhat - self.xhat * along_xhat)")], "vit_np.py", f"are {NO_DERIVATIVE}", 1),
    Edit("half a bias", VIT, [("layers_np.py", "channel_sum(dy_rows)", "0.5 * channel_sum(dy_rows)")], "vit_np.py", NO_DERIVATIVE, 1),
    Edit("the scale forgotten", VIT, [("vit_np.py", "dproducts = dscores * self.scale", "dproducts = dscores * 1")], "vit_np.py", f"are {NO_DERIVATIVE}", 1),
    Edit("one word of two", GPT, [("gpt_np.py", "np.add.at(dE, self.x, dy)", "dE[self.x] += dy")], "gpt_np.py", f"gradient of embed.E is {NO_DERIVATIVE}", 1),
    Edit("a mask that shows one more", GPT, [("gpt_np.py", "np.tri(scores.shape[-1], dtype=bool)", "np.tri(*scores.shape[-2:], 1, dtype=bool)")], "gpt_np.py", "Your gradients are right; gpt_autograd.py and gpt_torch.py are another network.", 1),
    Edit("the gate by itself", LLAMA, [("llama_np.py", "du = dproduct * self.a * self.sigmoid", "du = dproduct * self.sigmoid")], "llama_np.py", NO_DERIVATIVE, 1),
    Edit("PyTorch turns the other way", LLAMA, [("llama_torch.py", "first * cos - second * sin", "first * cos + second * sin")], "", "Your gradients are right; llama_torch.py is another network.", 0),
    Edit("decode_step without the scale", GPT, [("gpt_np.py", "softmax(q @ k.swapaxes(2, 3) * self.scale)", "softmax(q @ k.swapaxes(2, 3))")], "gpt_np.py", OTHER_LOGITS, 1),
    Edit("decode_step without the scale in the Llama", LLAMA, [("llama_np.py", "scores = ungroup_heads(products, self.heads) * self.scale", "scores = ungroup_heads(products, self.heads)")], "llama_np.py", OTHER_LOGITS, 1),
    Edit("keys are rotated for the first position", LLAMA, [("llama_np.py", "split(key.forward(x), self.kv_heads), position)", "split(key.forward(x), self.kv_heads), 0)")], "llama_np.py", OTHER_LOGITS, 1),
    Edit("half a per cent of each token's part", GPT, [("gpt_np.py", "ends[:, -1:] >= ends)", "ends[:, -1:] >= ends + 0.005)")], "", DRAWS, 1),
    Edit("the temperature upside down", GPT, [("gpt_np.py", "logits.astype(np.float64) / temperature", "logits.astype(np.float64) * temperature")], "", DRAWS, 1),
    Edit("one token more of the top", LLAMA, [("gpt_np.py", "np.sort(logits)[:, -top_k:]", "np.sort(logits)[:, -top_k - 1 :]")], "", "with top-k, token", 1),
    Edit("one token less of top-p", LLAMA, [("gpt_np.py", "likelier < top_p", "likelier + ranked < top_p")], "", "with top-p, token", 1),
]  # fmt: skip
