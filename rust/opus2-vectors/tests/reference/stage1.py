"""Book primitives and signal detection: sections 1 and 2 of the methods reference, in plain floating point."""

import math
from statistics import median

import numpy as np


def sign(x):
    return (x > 0) - (x < 0)


def book_basics(bids, asks):
    if not bids or not asks:
        return {"valid": False, "mid": None, "spread": None, "spread_bps": None, "crossed": False, "locked": False}
    bid, ask = bids[0][0], asks[0][0]
    mid, spread = (bid + ask) / 2, ask - bid
    return {
        "valid": bid < ask, "mid": mid, "spread": spread, "spread_bps": spread / mid * 1e4,
        "crossed": bid > ask, "locked": bid == ask,
    }


def queue_imbalance_l1(qb, qa):
    return {"value": (qb - qa) / (qb + qa) if qb + qa > 0 else None}


def depth_imbalance_decay(bids, asks, n, decay):
    ranks = min(n, len(bids), len(asks))
    weights = [math.exp(-decay * i) for i in range(ranks)]
    b = sum(w * bids[i][1] for i, w in enumerate(weights))
    a = sum(w * asks[i][1] for i, w in enumerate(weights))
    return {"value": (b - a) / (b + a) if a + b > 0 else None}


def depth_within_bps(bids, asks, bps):
    if not bids or not asks:
        return dict.fromkeys(("bid_depth", "ask_depth", "bid_notional", "ask_notional", "imbalance"))
    mid = (bids[0][0] + asks[0][0]) / 2
    near_bids = [(p, q) for p, q in bids if p >= mid * (1 - bps * 1e-4)]
    near_asks = [(p, q) for p, q in asks if p <= mid * (1 + bps * 1e-4)]
    b, a = sum(q for _, q in near_bids), sum(q for _, q in near_asks)
    return {
        "bid_depth": b, "ask_depth": a,
        "bid_notional": sum(p * q for p, q in near_bids), "ask_notional": sum(p * q for p, q in near_asks),
        "imbalance": (b - a) / (b + a) if a + b > 0 else None,
    }


def weighted_mid(pb, qb, pa, qa):
    return {"value": (pa * qb + pb * qa) / (qb + qa) if qb + qa > 0 else (pb + pa) / 2}


def _bid_term(old, new):
    (p0, q0), (p1, q1) = old, new
    return (q1 if p1 >= p0 else 0) - (q0 if p1 <= p0 else 0)


def _ask_term(old, new):
    (p0, q0), (p1, q1) = old, new
    return (q1 if p1 <= p0 else 0) - (q0 if p1 >= p0 else 0)


def ofi_events(quotes):
    e = [
        _bid_term(old[:2], new[:2]) - _ask_term(old[2:], new[2:])
        for old, new in zip(quotes, quotes[1:])
    ]
    return {"e": e, "ofi": sum(e)}


def ofi_normalised(quotes):
    ofi = ofi_events(quotes)["ofi"]
    depths = [(qb + qa) / 2 for _, qb, _, qa in quotes[1:]]
    average = sum(depths) / len(depths) if depths else None
    return {"ofi": ofi, "avg_depth": average, "ofi_over_depth": ofi / average if average else None}


def mlofi_events(books, M):
    rows = []
    for old, new in zip(books, books[1:]):
        both = [all(m < len(book[side]) for book in (old, new) for side in ("bids", "asks")) for m in range(M)]
        rows.append([
            _bid_term(old["bids"][m], new["bids"][m]) - _ask_term(old["asks"][m], new["asks"][m]) if both[m] else None
            for m in range(M)
        ])
    return {"rows": rows, "mlofi": [sum(row[m] or 0 for row in rows) for m in range(M)]}


def ofi_regression(x, y):
    x, y = np.asarray(x, float), np.asarray(y, float)
    n = len(x)
    if n < 2 or np.ptp(x) == 0:
        return dict.fromkeys(("alpha", "beta", "r2", "t_beta"))
    (alpha, beta), *_ = np.linalg.lstsq(np.column_stack([np.ones(n), x]), y, rcond=None)
    residual = y - alpha - beta * x
    total = ((y - y.mean()) ** 2).sum()
    squares = (residual**2).sum()
    standard_error = math.sqrt(squares / (n - 2) / ((x - x.mean()) ** 2).sum()) if n > 2 else 0.0
    return {
        "alpha": alpha, "beta": beta, "r2": 1 - squares / total if total > 0 else None,
        "t_beta": beta / standard_error if standard_error > 0 else None,
    }


def integrated_ofi_pca(rows):
    rows = np.asarray(rows, float)
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(rows, rowvar=False)))
    first = vectors[:, -1]
    first = first * (1 if first.sum() > 0 else -1)
    weights = first / np.abs(first).sum()
    return {
        "weights_l1": weights.tolist(), "integrated": (rows @ weights).tolist(),
        "explained": values[-1] / values.sum(),
    }


def ridge_mlofi(X, y, lam):
    X, y = np.asarray(X, float), np.asarray(y, float)
    columns = X - X.mean(axis=0)
    beta = np.linalg.solve(columns.T @ columns + lam * np.eye(X.shape[1]), columns.T @ (y - y.mean()))
    return {"beta": beta.tolist(), "intercept": y.mean() - X.mean(axis=0) @ beta}


def microprice_recursion(Q, R1, K, R2, n_iter):
    Q, R1, K, R2 = (np.asarray(part, float) for part in (Q, R1, K, R2))
    eye = np.eye(len(Q))
    first = np.linalg.solve(eye - Q, R1 @ K)
    landing = np.linalg.solve(eye - Q, R2)
    total, term = np.zeros(len(Q)), first
    for _ in range(n_iter):
        total, term = total + term, landing @ term
    return {"g1": first.tolist(), "B": landing.tolist(), "G1": first.tolist(), f"G{n_iter}": total.tolist()}


def microprice_estimation(states, n_imb, n_spread, half_ticks):
    size = n_imb * n_spread
    stays, moves, lands = np.zeros((size, size)), np.zeros((size, len(half_ticks))), np.zeros((size, size))

    def count(imb0, spread0, imb1, spread1, move):
        old, new = imb0 * n_spread + spread0, imb1 * n_spread + spread1
        if move == 0:
            stays[old, new] += 1
        elif move in half_ticks:
            moves[old, half_ticks.index(move)] += 1
            lands[old, new] += 1

    for (imb0, spread0, mid0), (imb1, spread1, mid1) in zip(states, states[1:]):
        count(imb0, spread0, imb1, spread1, mid1 - mid0)
        count(n_imb - 1 - imb0, spread0, n_imb - 1 - imb1, spread1, mid0 - mid1)
    visits = stays.sum(axis=1) + moves.sum(axis=1)
    share = np.divide(1, visits, out=np.zeros(size), where=visits > 0)[:, None]
    return {"Q": (stays * share).tolist(), "R1": (moves * share).tolist(), "R2": (lands * share).tolist()}


def trade_sign_lee_ready(trades):
    signs, last_price, last_change = [], None, 0
    for price, bid, ask in trades:
        if last_price is not None and price != last_price:
            last_change = sign(price - last_price)
        last_price = price
        signs.append(sign(price - (bid + ask) / 2) or last_change)
    return {"sign": signs}


def signed_volume_windows(trades, t_now, windows):
    found = {}
    for w in windows:
        inside = [(q, s) for t, _, q, s in trades if t_now - w < t <= t_now]
        buy, sell = sum(q for q, s in inside if s > 0), sum(q for q, s in inside if s < 0)
        found[str(w)] = {
            "buy": buy, "sell": sell, "signed": buy - sell, "vir": (buy - sell) / (buy + sell) if buy + sell else 0.0,
            "count": len(inside), "buy_count": sum(s > 0 for _, s in inside),
        }
    return found


def ewma_flow(trades, tau):
    buy = sum(q * math.exp(-(trades[-1][0] - t) / tau) for t, _, q, s in trades if s > 0)
    sell = sum(q * math.exp(-(trades[-1][0] - t) / tau) for t, _, q, s in trades if s < 0)
    return {"buy": buy, "sell": sell, "vir": (buy - sell) / (buy + sell) if buy + sell else 0.0}


def wall_robust_z(history, q):
    logs = [math.log(size) for size in history]
    middle = median(logs)
    mad = median(abs(x - middle) for x in logs)
    spread = 1.4826 * mad if mad > 0 else 1.2533 * sum(abs(x - middle) for x in logs) / len(logs)
    scale = max(spread, 0.05)
    return {"median": middle, "mad": mad, "scale": scale, "z": (math.log(q) - middle) / scale}


def wall_episode(events, t0, q0, tau, near_bps):
    before, peak = q0, q0
    # What is left of a size from which a part of it was taken in floating point.
    dust = 1e-12 * max(q0, *(size for _, size, _, _ in events))
    executed = cancelled = refilled = near = 0.0
    for _, after, traded, distance in events:
        base = max(0.0, before - traded)
        gone = max(0.0, base - after)
        gone = gone if gone > dust else 0.0
        executed, cancelled, refilled = executed + traded, cancelled + gone, refilled + max(0.0, after - base)
        near += gone if distance <= near_bps else 0.0
        before, peak = after, max(peak, after)
    life = events[-1][0] - t0
    found = {"executed": executed, "cancelled": cancelled, "refilled": refilled, "peak": peak, "life_s": life}
    # What a denominator of zero makes of the ratios, neither the text nor a given vector says: not stated.
    if cancelled > 0:
        pull, share = cancelled / (cancelled + executed), near / cancelled
        found |= {"pull_ratio": pull, "near_fraction": share, "spoof_likeness": pull * share * math.exp(-life / tau)}
    elif executed > 0:
        found["pull_ratio"] = 0.0
    if executed > 0:
        found["refill_ratio"] = refilled / executed
    return found


def cusum(x, k, h):
    up = down = 0.0
    path, alarms = [], []
    for at, value in enumerate(x):
        up, down = max(0.0, up + value - k), max(0.0, down - value - k)
        path.append([up, down])
        if up > h or down > h:
            alarms.append([at, 1 if up > h else -1])
            up = down = 0.0
    return {"path_before_reset": path, "alarms": alarms}


def micro_move_z(mid0, mid1, dt, sigma, tick):
    ret = math.log(mid1 / mid0)
    return {"ret": ret, "ret_bps": ret * 1e4, "z": ret / max(sigma * math.sqrt(dt), tick / (2 * mid0))}


def hawkes_exponential(ts, T, mu, alpha, beta):
    """By the direct sums, not by the recursion."""
    before = [mu + sum(alpha * math.exp(-beta * (t - s)) for s in ts[:i]) for i, t in enumerate(ts)]
    at_end = mu + sum(alpha * math.exp(-beta * (T - s)) for s in ts)
    compensator = mu * T + alpha / beta * sum(1 - math.exp(-beta * (T - s)) for s in ts)
    branching = alpha / beta
    mean = mu / (1 - branching) if branching < 1 else None
    return {
        "intensity_before_event": before, "intensity_at_T": at_end, "compensator": compensator,
        "loglik": sum(math.log(rate) for rate in before) - compensator, "branching": branching,
        "baseline_mean": mean, "burst_ratio_at_T": at_end / mean if mean else None,
    }
