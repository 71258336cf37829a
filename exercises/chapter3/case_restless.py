"""It learns for a moment, and then it shakes.
The marker calls `train`, which returns the test accuracy."""

import torch
from torch.nn import functional as F

from exercises.digits import few_digits

DIAGNOSIS = ...  # in place of the dots a word in quotes, from the list of suspects
LR, BATCH, EPOCHS = 0.1, 100, 6


def new_model():
    return torch.nn.Sequential(torch.nn.Linear(784, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))


def step(model, optimizer, x, y):
    """Take one step of gradient descent. Return the loss before the step."""
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.item()


def train():
    torch.manual_seed(0)
    x, y, x_test, y_test = map(torch.from_numpy, few_digits())
    model = new_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    for epoch in range(1, EPOCHS + 1):
        losses = [step(model, optimizer, x[batch], y[batch]) for batch in torch.randperm(len(x)).split(BATCH)]
        with torch.no_grad():
            accuracy = (model(x_test).argmax(1) == y_test).float().mean().item()
        print(f"epoch {epoch}: training loss {sum(losses) / len(losses):.3f}, test accuracy {accuracy:.3f}")
    return accuracy


if __name__ == "__main__":
    train()


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter3

CASE = chapter3.Case("gradients", chapter3.probe_cleared, 0.84)
WRONG = """\
    loss.backward()
"""
RIGHT = """\
    optimizer.zero_grad()
    loss.backward()
"""

HINTS = """
1. Print the size of a gradient, model[0].weight.grad.norm(), after each of the first twenty steps. How does it change?
2. It keeps growing, although the loss falls at first. What does backward() do if .grad already contains a gradient?
3. backward() adds to .grad. What removes the gradient of the last batch?
"""

STILL = """
After a step, .grad should be the gradient of that step's batch alone. (A smaller learning rate only delays the
trouble.)
"""
EVIDENCE = """
Next time, print the norm of the gradient. If it grows while the loss falls, something is accumulating. In PyTorch,
every step needs optimizer.zero_grad() before backward().
"""
