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
