"""The loss has a floor.
The marker calls `new_model` and `loss_of` with these arguments, and `train`, which returns the test accuracy."""

import torch
from torch.nn import functional as F

from exercises.digits import few_digits

DIAGNOSIS = ...  # in place of the dots a word in quotes, from the list of suspects
LR, BATCH, EPOCHS = 0.1, 100, 6


def new_model():
    return torch.nn.Sequential(
        torch.nn.Linear(784, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10), torch.nn.Softmax(dim=1)
    )


def loss_of(model, x, y):
    """Return the cross-entropy loss of a batch."""
    return F.cross_entropy(model(x), y)


def train():
    torch.manual_seed(0)
    x, y, x_test, y_test = map(torch.from_numpy, few_digits())
    model = new_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    for epoch in range(1, EPOCHS + 1):
        losses = []
        for batch in torch.randperm(len(x)).split(BATCH):
            loss = loss_of(model, x[batch], y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        with torch.no_grad():
            accuracy = (model(x_test).argmax(1) == y_test).float().mean().item()
        print(f"epoch {epoch}: training loss {sum(losses) / len(losses):.3f}, test accuracy {accuracy:.3f}")
    return accuracy


if __name__ == "__main__":
    train()


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter3

CASE = chapter3.Case("softmax", chapter3.probe_softmax, 0.84)
WRONG = """\
        torch.nn.Linear(784, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10), torch.nn.Softmax(dim=1)
"""
RIGHT = """\
        torch.nn.Linear(784, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10)
"""

HINTS = """
1. Train longer. Where does the training loss stop falling? What would the loss be if every answer were right and
   certain?
2. A right and certain answer should have a loss of 0. What does cross_entropy return for the row [1, 0, 0, ...] and the
   label 0?
3. cross_entropy expects logits. What is the last layer of the model?
"""

STILL = """
For right and certain answers, loss_of should be close to 0. (A larger step or more epochs do not remove the floor.)
"""
AGAINST = {
    "epochs": "After more epochs, the network does classify more digits correctly. But where does the training loss "
    "stop falling, and where does it stop in a healthy run? Why does it stop so early?"
}
EVIDENCE = """
Next time, remember that -log(e / (e + 9)) = 1.46. If a cross-entropy with ten classes gets stuck there, it gets
probabilities where it expects logits. Always check the loss of a perfect answer.
"""
