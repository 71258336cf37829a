"""Train the PyTorch network for exercises/prove.py, in a process of its own: python -m exercises.torch_twin FILE.npz

FILE.npz holds the first weights, the batches and the settings of the training. After each step, the process writes the
loss and then all weights to stdout, as float64 numbers. exercises/prove.py starts the process and reads them.
"""

import json
import sys
from importlib import import_module

import numpy as np
import torch
import torch.nn.functional as F

from support.torch_names import iter_parameters


def main(job_path):
    """Train the network that `job_path` describes. Writes the loss and the weights to stdout after each step."""
    torch.set_num_threads(1)  # as in the process that it is compared with
    with np.load(job_path) as arrays_in_file:
        file, name, options, lr, momentum = json.loads(arrays_in_file["how"].item())
        first_params = {
            key.removeprefix("params/"): arrays_in_file[key] for key in arrays_in_file if key.startswith("params/")
        }
        batches = list(zip(arrays_in_file["x"], arrays_in_file["y"], strict=True))
    model = getattr(import_module(file), name)(**options).double()
    optimizer = torch.optim.SGD(model.parameters(), lr, momentum)
    arrays = {
        key: to_project_layout(p.data).numpy() for key, p, to_project_layout in iter_parameters(model)
    }  # views of the weights
    for key, array in arrays.items():
        array[...] = first_params[key]
    for x, y in batches:
        logits = model(torch.from_numpy(x))  # (..., K), with a class for each row in y (...)
        loss = F.cross_entropy(logits.flatten(0, -2), torch.from_numpy(y).flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        sys.stdout.buffer.write(
            np.concatenate([[loss.item()], *(arrays[key].ravel() for key in first_params)]).tobytes()
        )


if __name__ == "__main__":
    main(sys.argv[1])
