"""What a learner might write into the stubs. (The references are the project's own; these only fill in the dots.)"""

import re
import textwrap

from exercises.house import STUBS

# For each stub, what replaces `name = ...`: an expression, or whole lines.
RIGHT = {
    "01_logits": {"logits": "a1 @ W2 + b2"},
    "02_softmax": {
        "p": """
            shifted = logits - logits.max(axis=1, keepdims=True)
            e = np.exp(shifted)
            p = e / e.sum(axis=1, keepdims=True)
        """
    },
    "03_loss": {"loss": "-np.log(p[np.arange(len(y)), y]).mean()"},
    "04_dlogits": {
        "dlogits": """
            dlogits = p.copy()
            dlogits[np.arange(len(y)), y] -= 1
            dlogits /= len(y)
        """
    },
    "05_dW2_db2": {"dW2": "a1.T @ dlogits", "db2": "dlogits.sum(axis=0)"},
    "06_da1": {"da1": "dlogits @ W2.T"},
    "07_dz1": {"dz1": "da1 * (z1 > 0)"},
    "08_dW1_db1": {"dW1": "x.T @ dz1", "db1": "dz1.sum(axis=0)"},
    "09_update": {"v": "momentum * old_v + dp", "p": "old_p - lr * v"},
    "10_numerical_gradient": {
        "gradient": """
            gradient = np.zeros_like(array)
            for i in np.ndindex(array.shape):
                kept = array[i]
                array[i] = kept + h
                above = f()
                array[i] = kept - h
                gradient[i] = (above - f()) / (2 * h)
                array[i] = kept
        """
    },
    "11_tanh": {"dz1": "da1 * (1 - a1**2)"},
    "12_second_hidden_layer": {
        "dz2": "(dlogits @ W3.T) * (z2 > 0)",
        "dW2": "a1.T @ dz2",
        "dz1": "(dz2 @ W2.T) * (z1 > 0)",
        "dW1": "x.T @ dz1",
    },
    "13_weight_decay": {
        "v": "momentum * old_v + dp + (weight_decay * old_p if old_p.ndim > 1 else 0)",
        "p": "old_p - lr * v",
    },
    "14_torch_gradient": {
        "dz1": """
            W1 = torch.from_numpy(W1).requires_grad_()
            z1 = torch.from_numpy(x) @ W1 + torch.from_numpy(b1)
            z1.retain_grad()
            logits = torch.relu(z1) @ torch.from_numpy(W2) + torch.from_numpy(b2)
            F.cross_entropy(logits, torch.from_numpy(y)).backward()
            dz1 = z1.grad.numpy()
        """,
        "dW1": "W1.grad.numpy()",
    },
    "15_batch_norm_dx": {
        "dx": """
            axes = (0, 1, 2)
            dx = gamma * inverse * (dy - dy.mean(axis=axes) - xhat * (dy * xhat).mean(axis=axes))
        """
    },
    "16_conv_dW": {
        "dW": """
            B, height, width, O = dy.shape
            dW = np.zeros((3, 3, padded.shape[3], O))
            for u in range(3):
                for v in range(3):
                    seen = padded[:, u : u + height, v : v + width].reshape(-1, padded.shape[3])
                    dW[u, v] = seen.T @ dy.reshape(-1, O)
        """
    },
    "17_conv_dx": {
        "dx": """
            B, height, width, O = dy.shape
            padded_dy = np.pad(dy, ((0, 0), (1, 1), (1, 1), (0, 0)))
            dx = np.zeros((B, height, width, W.shape[2]))
            for u in range(3):
                for v in range(3):
                    dx += padded_dy[:, 2 - u : 2 - u + height, 2 - v : 2 - v + width] @ W[u, v].T
        """
    },
    "18_shortcut": {
        "dx": """
            dz2 = dy * (y > 0)
            dx = branch(dz2) + dz2
        """
    },
}


def filled(name, answers):
    """The stub with these answers in place of its dots."""
    text = (STUBS / f"{name}.py").read_text(encoding="utf-8")
    for variable, answer in answers.items():
        lines = answer if "\n" in answer else f"{variable} = {answer}"
        lines = textwrap.indent(textwrap.dedent(lines).strip("\n"), "    ")
        text, n = re.subn(rf"^    {variable} = \.\.\..*$", lambda _, lines=lines: lines, text, flags=re.M)
        assert n == 1, f"{name} has no {variable} = ..."
    return text


def write(folder, name, answers=None):
    """That, as a file of a learner's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.py"
    path.write_text(filled(name, RIGHT[name] if answers is None else answers), encoding="utf-8")
    return path
