"""Where and how PyTorch computes: the device, the precision, and how several processes share the work."""

import atexit
import os
from contextlib import nullcontext

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from support.errors import UserError

FULL_PRECISION = nullcontext()


class Alone:
    """A stand-in for `Place` without options: this process alone, in full precision."""

    size = 1
    precision = FULL_PRECISION

    def sum(self, *numbers):
        """Return scalar tensors as tensors of the first one's dtype. `Place.sum` adds them up over all processes."""
        return [number.to(numbers[0].dtype) for number in numbers]


ALONE = Alone()


class Place:
    """The device and the precision of this process, and its share of every batch if torchrun started several.

    Raises UserError if the options or the environment do not fit the processes or the device.
    """

    def __init__(self, options):
        size = os.environ.get("WORLD_SIZE", "1")
        if size != "1" and "TORCHELASTIC_RUN_ID" not in os.environ:  # PyTorch would wait for others, silently
            words = f"the environment's WORLD_SIZE={size} is not from torchrun"
            raise UserError(f"{words}: unset WORLD_SIZE, or use torchrun")
        self.size = int(size)
        self.rank = int(os.environ["RANK"]) if size != "1" else 0
        if options.run.batch_size % self.size:
            raise UserError(f"--batch-size {options.run.batch_size} cannot be split evenly among {self.size} processes")
        options.network.check(options, options.run.batch_size // self.size)
        if 0 < options.run.hold_out < self.size:
            raise UserError(f"--hold-out {options.run.hold_out} cannot be split among {self.size} processes")
        self.first = self.rank == 0
        self.device = choose_device(options.call.device, options.run.dtype, is_only_process=self.size == 1)
        if options.call.amp and options.run.dtype == "float64":
            raise UserError("--amp multiplies in bfloat16, but --dtype float64 in float64: leave one of them out")
        # --amp computes in bfloat16. It is the default on cuda if the network's entry says so.
        amp = (
            self.device.type == "cuda" and options.network.bfloat16_on_cuda
            if options.call.amp is None
            else options.call.amp
        )
        amp = amp and options.run.dtype != "float64"
        precision = "bfloat16" if amp else options.run.dtype
        self.precision = torch.autocast(self.device.type, torch.bfloat16) if amp else FULL_PRECISION
        self.compile = options.call.compile
        # For the history.
        self.record = {"device": self.device.type, "processes": self.size, "precision": precision}
        self.where = f", on {self.device}" if self.size == 1 else f", on {self.size} x {self.device.type}"
        if self.size > 1:
            self.join_processes()

    def join_processes(self):
        """Join the other processes and, on GPUs, select the GPU of this process.

        Raises UserError if there are fewer GPUs than processes.
        """
        if self.device.type == "cuda":
            local_rank = int(os.environ["LOCAL_RANK"])
            gpus = torch.cuda.device_count()
            if local_rank >= gpus:
                gpu_count = f"{gpus} GPU" if gpus <= 1 else f"{gpus} GPUs"
                raise UserError(f"--nproc-per-node: only {gpu_count} here; or use --device cpu")
            self.device = torch.device("cuda", local_rank)
            torch.cuda.set_device(self.device)
        dist.init_process_group("nccl" if self.device.type == "cuda" else "gloo")
        atexit.register(dist.destroy_process_group)

    def prepare(self, model):
        """Return the network to call in training: the model, compiled if --compile is given.

        If there are several processes, its gradients are averaged over them. A layer with an attribute `part`, because
        it draws random numbers, gets (rank, number of processes) there, which tell it its share of the batch.
        """
        for layer in model.modules():
            if hasattr(layer, "part"):
                layer.part = self.rank, self.size
        network = torch.compile(model) if self.compile else model
        return DistributedDataParallel(network) if self.size > 1 else network

    def own_part_on_device(self, *arrays):
        """Return this process's share of each array of a batch, as tensors on its device."""
        n = len(arrays[0]) // self.size
        return self.to_device(*(array[self.rank * n : (self.rank + 1) * n] for array in arrays))

    def to_device(self, *arrays):
        """Return a list of NumPy arrays as tensors on this process's device."""
        return [torch.from_numpy(array).to(self.device) for array in arrays]

    def sum(self, *numbers):
        """Return the sum of each number over all processes, as scalar tensors of the first one's dtype."""
        numbers = ALONE.sum(*numbers)
        if self.size == 1:
            return numbers
        total = torch.stack(numbers)
        dist.all_reduce(total)
        return total.unbind()

    def agree_on_signal(self, signal):
        """Return the signal that any of the processes has received, or None, so that all stop after the same step.

        signal: the number of the signal that this process has received, or None.
        """
        largest = torch.tensor(signal or 0, device=self.device)
        dist.all_reduce(largest, dist.ReduceOp.MAX)
        return int(largest) or None


def choose_device(name, dtype="float32", is_only_process=True):
    """Return the torch.device that --device NAME means on this machine. Raises UserError if it is not available.

    dtype: mps does not support "float64". is_only_process: False if there are several processes, which cannot
    communicate on mps.
    """
    is_available = {
        "cuda": torch.cuda.is_available(),
        "mps": is_only_process and torch.backends.mps.is_available(),
        "cpu": True,
    }
    if dtype == "float64" and name == "mps":
        raise UserError("--device mps has no float64: use --dtype float32 or --device cpu")
    if name == "auto":
        is_available["mps"] &= dtype != "float64"
        name = next(name for name, is_there in is_available.items() if is_there)
    if not is_available[name]:
        scope = "on this machine" if is_only_process or name != "mps" else "for several processes on this machine"
        raise UserError(f"--device {name}: PyTorch finds none {scope}; leave --device out")
    return torch.device(name)
