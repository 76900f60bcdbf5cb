"""An independent reference of the methods' quantities, written from the methods reference and not from the code.

    vectors.py check FILE              the reference against a file of vectors
    vectors.py generate SEED COUNT     COUNT fresh vectors for every quantity, on standard output

One function a quantity, of the quantity's name, in stage1, stage2, stage34 and validation. Inputs are SYNTHETIC.
"""

import json
import sys

import numpy as np

import stage1
import stage2
import stage34
import validation

MODULES = (stage1, stage2, stage34, validation)


def compute(quantity, inputs):
    for module in MODULES:
        if hasattr(module, quantity):
            return plain(getattr(module, quantity)(**inputs))
    raise KeyError(f"the reference has no quantity {quantity}")


def plain(value):
    """numpy's numbers as Python's."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def differences(at, expected, found, tolerance):
    if isinstance(expected, dict) and isinstance(found, dict):
        for key in expected:
            yield from differences(f"{at}.{key}", expected[key], found.get(key), tolerance)
    elif isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        for index, pair in enumerate(zip(expected, found)):
            yield from differences(f"{at}.{index}", *pair, tolerance)
    elif isinstance(expected, (int, float)) and isinstance(found, (int, float)):
        if not abs(expected - found) <= max(tolerance["abs"], tolerance["rel"] * abs(expected)):
            yield f"{at}: expected {expected!r}, found {found!r}"
    elif expected != found:
        yield f"{at}: expected {expected!r}, found {found!r}"


def check(path):
    with open(path, encoding="utf-8") as file:
        vectors = json.load(file)["vectors"]
    wrong = 0
    for vector in vectors:
        found = compute(vector["quantity"], vector["inputs"])
        for line in differences(vector["name"], vector["expected"], found, vector["tolerance"]):
            wrong += 1
            print(line)
    print(f"{len(vectors)} vectors, {wrong} differences")
    return wrong


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["check", path]:
            sys.exit(1 if check(path) else 0)
        case ["generate", seed, count]:
            import generate

            json.dump(generate.file(int(seed), int(count)), sys.stdout)
        case _:
            sys.exit(__doc__)
