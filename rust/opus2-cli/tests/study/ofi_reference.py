"""OFI regressions with numpy, from the raw files: what `opus2 study ofi` is compared with.

Shares nothing with the Rust code but the definitions, which it states anew: its own parsing, its own book, its own order
flow imbalance, numpy's least squares. Prints one JSON object.

    ofi_reference.py lobster FILE
    ofi_reference.py binance SNAPSHOT UPDATES TRADES
"""

import csv
import gzip
import json
import sys
from bisect import bisect_right
from decimal import Decimal

import numpy as np

BAR_NS = 10 * 10**9
BLOCK_NS = 30 * 60 * 10**9
BLOCK_BARS = BLOCK_NS // BAR_NS
LEVELS = 5
UNIT = Decimal(10) ** 8


def units(text):
    """A decimal as an integer number of 1e-8."""
    value = Decimal(text) * UNIT
    assert value == int(value), text
    return int(value)


def open_text(path):
    return gzip.open(path, "rt", encoding="utf-8")


# --- Books and trades -------------------------------------------------------------------------------------------------


def read_lobster(path):
    """A book of one level after every message, and executions signed by who took: the opposite of who rested."""
    books, trades = [], []
    with open_text(path) as file:
        for row in csv.DictReader(file):
            at = int(Decimal(row["Secs"]) * 10**9)
            bid = (units(row["Bidp1"]), units(row["Bids1"]))
            ask = (units(row["Askp1"]), units(row["Asks1"]))
            books.append((at, [bid], [ask]))
            if row["Type"] in ("4", "5"):
                trades.append((at, -int(row["TradeDirection"]) * units(row["Size"])))
    return books, trades, units("0.01"), 1


def read_binance(snapshot_path, updates_path, trades_path):
    """The book after each update that the snapshot does not cover yet."""
    with open_text(snapshot_path) as file:
        snapshot = json.load(file)
    with open_text(updates_path) as file:
        updates = json.load(file)
    with open_text(trades_path) as file:
        prints = json.load(file)
    sides = {side: {units(p): units(q) for p, q in snapshot[name]} for side, name in (("b", "bids"), ("a", "asks"))}
    reached = snapshot["lastUpdateId"]
    books = []
    for update in updates:
        if update["u"] <= reached:
            continue
        assert update["U"] <= reached + 1, "a hole in the numbering"
        reached = update["u"]
        for side in ("b", "a"):
            for price, quantity in update[side]:
                if units(quantity) == 0:
                    sides[side].pop(units(price), None)
                else:
                    sides[side][units(price)] = units(quantity)
        bids = sorted(sides["b"].items(), reverse=True)[:LEVELS]
        asks = sorted(sides["a"].items())[:LEVELS]
        assert bids[0][0] < asks[0][0], "a crossed book"
        books.append((update["E"] * 10**6, bids, asks))
    trades = [(p["T"] * 10**6, units(p["q"]) * (-1 if p["m"] else 1)) for p in prints]
    return books, sorted(trades), units("0.000001"), LEVELS


# --- Bars -------------------------------------------------------------------------------------------------------------


def bid_term(old, new):
    if new[0] > old[0]:
        return new[1]
    if new[0] < old[0]:
        return -old[1]
    return new[1] - old[1]


def ask_term(old, new):
    """What is added to the asks, which presses down."""
    if new[0] < old[0]:
        return new[1]
    if new[0] > old[0]:
        return -old[1]
    return new[1] - old[1]


def make_bars(books, trades, tick, levels):
    """Bars between the last books at or before each multiple of the bar's length; whole ones only."""
    stamps = [at for at, _, _ in books]
    first = -(-stamps[0] // BAR_NS)
    last = stamps[-1] // BAR_NS
    ends = [boundary * BAR_NS for boundary in range(first, last + 1)]
    cuts = [bisect_right(stamps, end) - 1 for end in ends]
    trade_stamps = [at for at, _ in trades]
    mids = [bids[0][0] + asks[0][0] for _, bids, asks in books]
    bars = []
    for start, stop, end in zip(cuts, cuts[1:], ends[1:]):
        ofi = [0] * levels
        depth, count = 0, 0
        for at in range(start + 1, stop + 1):
            (_, old_bids, old_asks), (_, bids, asks) = books[at - 1], books[at]
            for level in range(levels):
                ofi[level] += bid_term(old_bids[level], bids[level]) - ask_term(old_asks[level], asks[level])
                depth += bids[level][1] + asks[level][1]
                count += 1
        best_depth = sum(books[at][1][0][1] + books[at][2][0][1] for at in range(start + 1, stop + 1))
        after, until = bisect_right(trade_stamps, stamps[start]), bisect_right(trade_stamps, stamps[stop])
        bars.append(
            {
                "end_ns": end,
                "ofi": [value / 1e8 for value in ofi],
                "over_depth": ofi[0] / (best_depth / 2 / (stop - start)) if stop > start else 0.0,
                "scaled": [value / (depth / 2 / count) if count else 0.0 for value in ofi],
                "flow": sum(size for _, size in trades[after:until]) / 1e8,
                "mid_change_ticks": (mids[stop] - mids[start]) / 2 / tick,
            }
        )
    return bars


# --- Regressions ------------------------------------------------------------------------------------------------------


def least_squares(x, y):
    """A prediction, its slopes, and the columns that these multiply."""
    design = np.column_stack([np.ones(len(y)), x])
    solution, *_ = np.linalg.lstsq(design, y, rcond=None)
    return lambda rows: np.column_stack([np.ones(len(rows)), rows]) @ solution, solution[1:], x


def ridge(x, y):
    """The penalty as rows more: least squares of centred columns under the square root of it."""
    centre, mean = x.mean(axis=0), y.mean()
    inner = x - centre
    penalty = 0.1 * np.trace(inner.T @ inner) / x.shape[1]
    stacked = np.vstack([inner, np.sqrt(penalty) * np.eye(x.shape[1])])
    target = np.concatenate([y - mean, np.zeros(x.shape[1])])
    solution, *_ = np.linalg.lstsq(stacked, target, rcond=None)
    return lambda rows: mean + (rows - centre) @ solution, solution, x


def integrated(x, y):
    """Least squares on the first principal component, its weights' absolute values summing to one."""
    _, _, axes = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)
    weights = axes[0] / np.abs(axes[0]).sum()
    weights = weights * np.sign(weights.sum())
    line, slope, _ = least_squares((x @ weights)[:, None], y)
    return lambda rows: line((rows @ weights)[:, None]), slope, (x @ weights)[:, None]


def r2(predict, x, y, mean):
    return 1 - ((y - predict(x)) ** 2).sum() / ((y - mean) ** 2).sum()


def t_values(x, y):
    """Of a single slope: as if errors were alike and independent, and after Newey and West."""
    predict, slope, _ = least_squares(x, y)
    error = y - predict(x)
    design = np.column_stack([np.ones(len(y)), x])
    bread = np.linalg.inv(design.T @ design)
    plain = slope[0] / np.sqrt(error @ error / (len(y) - 2) * bread[1, 1])
    lags = int(np.floor(4 * (len(y) / 100) ** (2 / 9)))
    moments = design * error[:, None]
    meat = moments.T @ moments
    for lag in range(1, lags + 1):
        product = moments[lag:].T @ moments[:-lag]
        meat += (1 - lag / (lags + 1)) * (product + product.T)
    robust = slope[0] / np.sqrt((bread @ meat @ bread)[1, 1])
    return plain, robust


def regression(fit, x, y, ends):
    predict, slopes, columns = fit(x, y)
    found = {"beta": slopes.tolist(), "r2": r2(predict, x, y, y.mean())}
    if len(slopes) == 1:
        found["t_plain"], found["t_hac"] = t_values(columns, y)
    blocks = -(-ends // BLOCK_NS)
    inside = []
    for block in np.unique(blocks):
        of = blocks == block
        if 2 * of.sum() >= BLOCK_BARS and y[of].std() > 0:
            inside.append(r2(fit(x[of], y[of])[0], x[of], y[of], y[of].mean()))
    found["r2_blocks_mean"] = float(np.mean(inside))
    # Train and test 60:40, one bar left out between, on by the length of a test.
    train, missed, variation = BLOCK_BARS * 3 // 5, 0.0, 0.0
    test = BLOCK_BARS - train
    for start in range(0, len(y) - train - 1 - test + 1, test):
        old = slice(start, start + train)
        new = slice(start + train + 1, start + train + 1 + test)
        predict, *_ = fit(x[old], y[old])
        missed += ((y[new] - predict(x[new])) ** 2).sum()
        variation += ((y[new] - y[old].mean()) ** 2).sum()
    found["r2_out_of_sample"] = 1 - missed / variation
    return found


def main():
    form, *paths = sys.argv[1:]
    books, trades, tick, levels = {"lobster": read_lobster, "binance": read_binance}[form](*paths)
    bars = make_bars(books, trades, tick, levels)
    y = np.array([bar["mid_change_ticks"] for bar in bars])
    ends = np.array([bar["end_ns"] for bar in bars])
    levels_of = np.array([bar["ofi"] for bar in bars])
    best = levels_of[:, :1]
    column = lambda name: np.array([[bar[name]] for bar in bars])
    half = len(y) // 2
    found = {
        "ofi": regression(least_squares, best, y, ends),
        "ofi_over_depth": regression(least_squares, column("over_depth"), y, ends),
        "trade_flow": regression(least_squares, column("flow"), y, ends),
        "ofi_next_bar": regression(least_squares, best[:-1], y[1:], ends[1:]),
        "ofi_placebo": regression(least_squares, best, np.roll(y, half), ends),
    }
    if levels > 1:
        scaled = np.array([bar["scaled"] for bar in bars])
        found["levels_ols"] = regression(least_squares, levels_of, y, ends)
        found["levels_ridge"] = regression(ridge, levels_of, y, ends)
        found["levels_integrated"] = regression(integrated, scaled, y, ends)
    json.dump({"numpy": np.__version__, "bars": bars, "regressions": found}, sys.stdout)


main()
