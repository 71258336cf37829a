"""One digit at a time.
The marker calls `train`, which returns the test accuracy."""

import torch
from torch.nn import functional as F

from exercises.digits import few_digits

DIAGNOSIS = ...  # in place of the dots a word in quotes, from the list of suspects
LR, BATCH, EPOCHS = 0.1, 100, 6


def new_model():
    return torch.nn.Sequential(
        torch.nn.Linear(784, 64), torch.nn.BatchNorm1d(64), torch.nn.ReLU(), torch.nn.Linear(64, 10)
    )


def read(model, x):
    """Return the logits of images x (N, 784)."""
    with torch.no_grad():
        return model(x)


def train():
    torch.manual_seed(0)
    x, y, x_test, y_test = map(torch.from_numpy, few_digits())
    model = new_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    for epoch in range(1, EPOCHS + 1):
        model.train()
        losses = []
        for batch in torch.randperm(len(x)).split(BATCH):
            loss = F.cross_entropy(model(x[batch]), y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        # How many are read right: first all zeros are read, then all ones, ...
        correct = sum(int((read(model, x_test[y_test == digit]).argmax(1) == digit).sum()) for digit in range(10))
        accuracy = correct / len(x_test)
        print(f"epoch {epoch}: training loss {sum(losses) / len(losses):.3f}, test accuracy {accuracy:.3f}")
    return accuracy


if __name__ == "__main__":
    train()


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter3

CASE = chapter3.Case("statistics", chapter3.probe_statistics, 0.83)
WRONG = """\
    with torch.no_grad():
"""
RIGHT = """\
    model.eval()
    with torch.no_grad():
"""

HINTS = """
1. Classify all test images at once, instead of first all zeros, then all ones. What changes? Should anything change?
2. The result for an image depends on the other images in its batch. Which layer mixes the images of a batch?
3. In training, batch normalisation uses the mean and variance of the batch. What should it use at test time, and how do
   you tell it to?
"""

STILL = "Classify an image alone and then in a batch: its logits should be the same. (Mixed test batches only hide it.)"
EVIDENCE = """
Next time, classify the same image in two different batches. If its logits differ, a layer is still in training mode.
Call model.eval() for the test, and model.train() before you go on training.
"""
