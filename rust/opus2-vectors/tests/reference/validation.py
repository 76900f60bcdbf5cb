"""Round trips, performance and its validation: sections 8 and 9 of the methods reference."""

import itertools
import math

import numpy as np

from distributions import NORMAL

EULER_GAMMA = 0.5772156649015329


def round_trips_fifo(fills):
    trades, lots, current = [], [], None
    for t, side, qty, price, fee in fills:
        current = current or {"gross": 0.0, "fees": 0.0, "volume": 0.0, "time": 0.0}
        current["fees"] += fee
        if not lots or lots[0][1] == side:
            lots.append([t, side, qty, price])
            continue
        while qty > 1e-12:
            lot = lots[0]
            part = min(qty, lot[2])
            current["gross"] += lot[1] * (price - lot[3]) * part
            current["volume"] += part
            current["time"] += (t - lot[0]) * part
            lot[2], qty = lot[2] - part, qty - part
            if lot[2] <= 1e-12:
                lots.pop(0)
        if not lots:
            trades.append({
                "net_pnl": current["gross"] - current["fees"], "gross_pnl": current["gross"],
                "fees": current["fees"], "duration": current["time"] / current["volume"],
            })
            current = None
    # Money: what subtraction leaves below a billionth is nothing.
    net = [trade["net_pnl"] if abs(trade["net_pnl"]) > 1e-9 else 0.0 for trade in trades]
    lost, n = -sum(x for x in net if x < 0), len(net)
    return {
        "trades": trades, "win_rate": sum(x > 0 for x in net) / n if n else None,
        "profit_factor": sum(x for x in net if x > 0) / lost if lost > 0 else None,
        "mean_duration": sum(trade["duration"] for trade in trades) / n if n else None,
    }


def wilson_interval(k, n, conf):
    z = NORMAL.inv_cdf(0.5 + conf / 2)
    p = k / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return {"lo": middle - half, "hi": middle + half}


def performance_metrics(eq, per_year):
    eq = np.asarray(eq, float)
    returns = eq[1:] / eq[:-1] - 1
    n, mean = len(returns), returns.mean()
    sd = returns.std(ddof=1) if n > 1 else None
    downside = math.sqrt((np.minimum(returns, 0) ** 2).mean())
    fallen = 1 - eq / np.maximum.accumulate(eq)
    longest = max((len(list(run)) for under, run in itertools.groupby(fallen > 0) if under), default=0)
    cagr = (eq[-1] / eq[0]) ** (per_year / n) - 1
    sharpe = mean / sd if sd else None
    return {
        "total_return": eq[-1] / eq[0] - 1, "mean": mean, "sd": sd, "sharpe_period": sharpe,
        "sharpe_annual": sharpe * math.sqrt(per_year) if sharpe is not None else None,
        "sortino_annual": mean / downside * math.sqrt(per_year) if downside > 0 else None,
        "max_drawdown": fallen.max(), "longest_underwater_periods": longest, "cagr": cagr,
        "calmar": cagr / fallen.max() if fallen.max() > 0 else None,
    }


def sharpe_autocorr_lo(rho, q):
    inner = q + 2 * sum((q - k) * rho[k - 1] for k in range(1, min(q, len(rho) + 1)))
    return {"eta": q / math.sqrt(inner) if inner > 0 else None}


def _scale(sr, sk, ku):
    return 1 - sk * sr + (ku - 1) / 4 * sr**2


def sharpe_standard_error(sr, T, sk, ku):
    return {"se_iid_normal": math.sqrt((1 + sr**2 / 2) / T), "se_general": math.sqrt(_scale(sr, sk, ku) / (T - 1))}


def psr(sr, sr0, T, sk, ku):
    return {"psr": NORMAL.cdf((sr - sr0) * math.sqrt(T - 1) / math.sqrt(_scale(sr, sk, ku)))}


def dsr(sr, T, sk, ku, var_sr, n_trials):
    best = (1 - EULER_GAMMA) * NORMAL.inv_cdf(1 - 1 / n_trials)
    best += EULER_GAMMA * NORMAL.inv_cdf(1 - 1 / (n_trials * math.e))
    sr0 = math.sqrt(var_sr) * best
    return {"sr0": sr0, "dsr": psr(sr, sr0, T, sk, ku)["psr"]}


def min_track_record(sr, sr0, sk, ku, conf):
    return {"min_trl": 1 + _scale(sr, sk, ku) * (NORMAL.inv_cdf(conf) / (sr - sr0)) ** 2}


def pbo_cscv(M, S):
    M = np.asarray(M, float)
    blocks = M.reshape(S, len(M) // S, M.shape[1])
    logits = []
    for chosen in itertools.combinations(range(S), S // 2):
        rest = [block for block in range(S) if block not in chosen]
        inside, outside = (np.concatenate(blocks[list(part)]) for part in (chosen, rest))
        sharpe = [part.mean(axis=0) / part.std(axis=0, ddof=1) for part in (inside, outside)]
        best = int(sharpe[0].argmax())
        omega = (sharpe[1] <= sharpe[1][best]).sum() / (M.shape[1] + 1)
        logits.append(math.log(omega / (1 - omega)))
    return {"logits": logits, "pbo": sum(logit <= 0 for logit in logits) / len(logits)}


def stationary_bootstrap_indices(n, p, u, v):
    index = []
    for i in range(n):
        fresh = i == 0 or u[i] < p
        index.append(int(v[i] * n) if fresh else (index[-1] + 1) % n)
    return {"index": index}


def monte_carlo_permutation_mdd(pnl, equity0):
    paths = equity0 + np.cumsum(np.array(list(itertools.permutations(pnl))), axis=1)
    paths = np.column_stack([np.full(len(paths), equity0), paths])
    deepest = np.sort((1 - paths / np.maximum.accumulate(paths, axis=1)).max(axis=1))
    count = len(deepest)
    rank = -(-95 * count // 100)
    return {"count": count, "mean": deepest.mean(), "p95_nearest_rank": deepest[rank - 1], "max": deepest[-1]}


def walk_forward_folds(n, train, test, step, embargo):
    starts = range(0, n - train - embargo - test + 1, step)
    return {"folds": [[s, s + train, s + train + embargo, s + train + embargo + test] for s in starts]}


def parameter_drift(params, lo, hi):
    span = np.asarray(hi, float) - np.asarray(lo, float)
    steps = np.sqrt(((np.diff(np.asarray(params, float), axis=0) / span) ** 2).mean(axis=1))
    return {"step_drift": steps.tolist(), "mean_drift": steps.mean(), "max_drift": steps.max()}


def walk_forward_efficiency(is_sr, oos_sr):
    inside, outside = np.mean(is_sr), np.mean(oos_sr)
    return {
        "wfe": outside / inside if inside > 0 else None,
        "oos_positive_fraction": sum(sr > 0 for sr in oos_sr) / len(oos_sr),
    }
