"""Show where the network's time goes, node by node, next to what the core can do at most.

ONNX Runtime's own profile of single windows on one core, the median of each node. Arithmetic is
counted as the graph has it, padding of channels included, and compared with numpy's matrix
product (OpenBLAS) of 256 x 256 floats, in the same process. Needs ``onnx``.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from common import ROOT, write_table

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before numpy is loaded
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before onnxruntime is: phone nobody

import numpy as np
import onnx
import onnxruntime as ort


def peak_flops(runs: int = 300) -> float:
    """Return floating-point operations a second of a large matrix product."""
    size = 256  # as short as a convolution: others would interrupt a longer one
    a = np.random.default_rng(0).random((size, size), np.float32)
    b, out, times = a.copy(), np.empty_like(a), []
    for _ in range(runs):
        started = time.perf_counter()
        np.matmul(a, b, out=out)
        times.append(time.perf_counter() - started)
    return float(2 * size**3 / statistics.median(times))


def operations(path: str) -> dict[str, int]:
    """Return the multiplications and additions of each convolution for one window."""
    graph = onnx.shape_inference.infer_shapes(onnx.load(path)).graph
    kernels = {tensor.name: tensor.dims for tensor in graph.initializer}
    shapes = {
        value.name: [d.dim_value or 1 for d in value.type.tensor_type.shape.dim]
        for value in graph.value_info
    }
    return {
        node.name: 2
        * int(np.prod(shapes[node.output[0]]))
        * int(np.prod(kernels[node.input[1]][1:]))
        for node in graph.node
        if node.op_type == "Conv"
    }


def node_times(path: str, runs: int) -> dict[str, float]:
    """Return each node's median in microseconds, as ONNX Runtime reports them."""
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.enable_profiling = True
    patch = np.random.default_rng(0).uniform(0, 6, (1, 187, 96)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        options.profile_file_prefix = str(Path(folder) / "profile")
        net = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        for _ in range(runs):
            net.run(None, {"mel": patch})
        events = json.loads(Path(net.end_profiling()).read_text())
    times = defaultdict(list)
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            times[event["name"].removesuffix("_kernel_time")].append(event["dur"])
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    """Print, and write where asked, the nodes that take the most time."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="msd-musicnn")
    parser.add_argument("--runs", type=int, default=300, help="windows (default: 300)")
    parser.add_argument("--most", type=int, default=15, help="nodes to show (default: 15)")
    parser.add_argument("--out", type=Path, help="folder for network_nodes.md and .json")
    given = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    path = str(ROOT / "models" / f"{given.model}.onnx")
    counted = operations(path)
    times = node_times(path, given.runs)
    peak = peak_flops()
    total = sum(times.values())
    rows = []
    for name, value in sorted(times.items(), key=lambda pair: -pair[1])[: given.most]:
        # A blocked convolution carries its activation's name.
        count = counted.get(name.removesuffix("_nchwc").replace("_relu", "_conv"), 0)
        flops = count / value * 1e6
        rows.append(
            {
                "node": name,
                "µs": f"{value:.0f}",
                "share": f"{value / total:.0%}",
                "GFLOP/s": f"{flops / 1e9:.0f}" if count else "",
                "of the matrix product's": f"{flops / peak:.0%}" if count else "",
            }
        )
    write_table(rows, "network_nodes", given.out)
    print(f"\nall nodes: {total:.0f} µs; matrix product: {peak / 1e9:.0f} GFLOP/s")


if __name__ == "__main__":
    main()
