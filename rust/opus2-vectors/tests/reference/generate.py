"""Fresh vectors of every quantity: SYNTHETIC inputs from a seed, and what the reference makes of them."""

import inspect

import inputs_decision
import inputs_market
from draw import Draw
from vectors import compute

MODULES = (inputs_market, inputs_decision)
# Those of the given file that are not 1e-9.
TOLERANCES = {
    "amihud": {"abs": 1e-18, "rel": 1e-9},
    "rv_bipower": {"abs": 1e-16, "rel": 1e-9},
    "microprice_estimation": {"abs": 1e-12, "rel": 1e-12},
    "rls": {"abs": 1e-7, "rel": 1e-7},
    "latency_interpolation": {"abs": 1.0, "rel": 0.0},
} | dict.fromkeys(
    (
        "integrated_ofi_pca", "ridge_mlofi", "bvc", "resilience", "var_es", "var_cornish_fisher",
        "cont_kukanov_single", "almgren_chriss", "wilson_interval", "psr", "dsr", "min_track_record",
    ),
    {"abs": 1e-8, "rel": 1e-8},
)


def quantities():
    for module in MODULES:
        for name, drawn in inspect.getmembers(module, inspect.isfunction):
            if not name.startswith("_"):
                yield name, drawn


def file(seed, count):
    vectors = []
    for quantity, drawn in quantities():
        for number in range(count):
            inputs = drawn(Draw(f"{seed} {quantity} {number}"))
            vectors.append({
                "name": f"{quantity}@{seed}.{number}", "quantity": quantity, "inputs": inputs,
                "expected": compute(quantity, inputs),
                "tolerance": TOLERANCES.get(quantity, {"abs": 1e-9, "rel": 1e-9}),
            })
    return {"schema": "hifa-vectors/1", "count": len(vectors), "vectors": vectors}
