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


def rewritten(value, draw):
    """The same numbers, whole ones written as the other kind."""
    if isinstance(value, dict):
        # What comes out is named by how windows are written.
        return {key: item if key == "windows" else rewritten(item, draw) for key, item in value.items()}
    if isinstance(value, list):
        return [rewritten(item, draw) for item in value]
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 2**53 or value != int(value):
        return value
    return draw.choice((int(value), float(value)))


def file(seed, count):
    vectors = []
    for quantity, drawn in quantities():
        for number in range(count):
            draw = Draw(f"{seed} {quantity} {number}")
            inputs = drawn(draw)
            expected = compute(quantity, inputs)
            inputs = rewritten(inputs, draw) if draw.random() < 0.3 else inputs
            vectors.append({
                "name": f"{quantity}@{seed}.{number}", "quantity": quantity, "inputs": inputs,
                "expected": expected,
                "tolerance": TOLERANCES.get(quantity, {"abs": 1e-9, "rel": 1e-9}),
            })
    return {"schema": "hifa-vectors/1", "count": len(vectors), "vectors": vectors}
