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
    "29_softmax_backward": {
        "dscores": """
            mean = (dweights * weights).sum(axis=-1, keepdims=True)
            dscores = weights * (dweights - mean)
        """
    },
    "30_layer_norm_dx": {
        "dx": """
            dxhat = dy * gamma
            mean = dxhat.mean(axis=-1, keepdims=True)
            along_xhat = (dxhat * xhat).mean(axis=-1, keepdims=True)
            dx = inverse * (dxhat - mean - xhat * along_xhat)
        """
    },
    "31_attention": {
        "dq": """
            dweights = dmixed @ v.swapaxes(2, 3)
            dscores = weights * (dweights - (dweights * weights).sum(axis=-1, keepdims=True))
            dscores /= np.sqrt(q.shape[-1])
            dq = dscores @ k
        """,
        "dk": "dscores.swapaxes(2, 3) @ q",
        "dv": "weights.swapaxes(2, 3) @ dmixed",
    },
}

# Other ways to write the same, as learners do: with loops, einsum, reshape, or the Jacobian itself.
ALSO_RIGHT = [
    (
        "29_softmax_backward",
        {
            "dscores": """
                dscores = np.zeros_like(weights)
                for b in range(weights.shape[0]):
                    for i in range(weights.shape[1]):
                        p = weights[b, i]
                        dscores[b, i] = (np.diag(p) - np.outer(p, p)) @ dweights[b, i]
            """
        },
    ),
    (
        "29_softmax_backward",
        {
            "dscores": """
                jacobian = -np.einsum("bij,bik->bijk", weights, weights)
                T = weights.shape[-1]
                jacobian[..., range(T), range(T)] += weights
                dscores = np.einsum("bijk,bij->bik", jacobian, dweights)
            """
        },
    ),
    (
        "29_softmax_backward",
        {"dscores": "weights * dweights - weights * np.einsum('bij,bij->bi', weights, dweights)[:, :, None]"},
    ),
    (
        "30_layer_norm_dx",
        {
            "dx": """
                B, T, C = dy.shape
                rows, dxhat = xhat.reshape(B * T, C), (dy * gamma).reshape(B * T, C)
                dx = C * dxhat - dxhat.sum(axis=1)[:, None] - rows * (dxhat * rows).sum(axis=1)[:, None]
                dx = (dx * inverse.reshape(B * T, 1) / C).reshape(B, T, C)
            """
        },
    ),
    (
        "30_layer_norm_dx",
        {
            "dx": """
                dx = np.zeros_like(dy)
                for b in range(dy.shape[0]):
                    for t in range(dy.shape[1]):
                        d, h = dy[b, t] * gamma, xhat[b, t]
                        dx[b, t] = inverse[b, t] * (d - np.mean(d) - h * np.mean(d * h))
            """
        },
    ),
    (
        "30_layer_norm_dx",
        {
            "dx": """
                C = dy.shape[-1]
                jacobian = np.eye(C) - 1 / C - np.einsum("bti,btj->btij", xhat, xhat) / C
                dx = inverse * np.einsum("bti,btij->btj", dy * gamma, jacobian)
            """
        },
    ),
    (
        "31_attention",
        {
            "dq": """
                d = q.shape[3]
                dweights = np.einsum("bhid,bhjd->bhij", dmixed, v)
                dscores = weights * (dweights - np.einsum("bhij,bhij->bhi", dweights, weights)[..., None])
                dq = np.einsum("bhij,bhjd->bhid", dscores, k) / d**0.5
            """,
            "dk": "np.einsum('bhij,bhid->bhjd', dscores, q) / d**0.5",
            "dv": "np.einsum('bhij,bhid->bhjd', weights, dmixed)",
        },
    ),
    (
        "31_attention",
        {
            "dq": "np.zeros_like(q)",
            "dk": "np.zeros_like(k)",
            "dv": """
                dv = np.zeros_like(v)
                B, h, T, d = q.shape
                for b in range(B):
                    for i in range(h):
                        p = weights[b, i]
                        dv[b, i] = p.T @ dmixed[b, i]
                        dp = dmixed[b, i] @ v[b, i].T
                        ds = np.zeros((T, T))
                        for t in range(T):
                            ds[t] = (np.diag(p[t]) - np.outer(p[t], p[t])) @ dp[t]
                        dq[b, i] = ds @ k[b, i] / np.sqrt(d)
                        dk[b, i] = ds.T @ q[b, i] / np.sqrt(d)
            """,
        },
    ),
    (
        "31_attention",
        {
            "dq": """
                B, h, T, d = q.shape
                q, k, v, dmixed = (a.reshape(B * h, T, d) for a in (q, k, v, dmixed))
                weights = weights.reshape(B * h, T, T)
                dweights = dmixed @ v.transpose(0, 2, 1)
                dscores = weights * (dweights - (dmixed * (weights @ v)).sum(axis=2, keepdims=True))
                dq = (dscores @ (k / np.sqrt(d))).reshape(B, h, T, d)
            """,
            "dk": "(dscores.transpose(0, 2, 1) @ (q / np.sqrt(d))).reshape(B, h, T, d)",
            "dv": "(weights.transpose(0, 2, 1) @ dmixed).reshape(B, h, T, d)",
        },
    ),
]


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
