"""Fresh inputs for the quantities of sections 4 to 9: a function a quantity, of the quantity's name."""

import math


def walk_the_book(draw):
    bids, asks = draw.book(1, 12)
    depth = sum(q for _, q in asks)
    qty = draw.choice((draw.size(), bids[0][1], asks[0][1], depth * 0.5, depth * 3))
    return {
        "side": draw.choice((1, -1)), "qty": qty, "bids": bids, "asks": asks,
        "fee": draw.choice((0.001, 0.0, -0.0001, 0.00055)),
    }


def walk_the_book_notional(draw):
    bids, asks = draw.book(1, 12)
    value = sum(p * q for p, q in asks)
    notional = draw.choice((0.1, 0.5, 0.9, 4)) * value
    if draw.random() < 0.6:
        notional = max(round(notional, 2), 0.01)
    return {"side": draw.choice((1, -1)), "notional": notional, "bids": bids, "asks": asks}


def sqrt_impact(draw):
    return {
        "Y": draw.choice((1, 0.5, 1.3)), "sigma_d": draw.number(0.005, 0.1), "Q": draw.size(),
        "V": draw.number(1e3, 1e6),
    }


def impact_almgren_2005(draw):
    volume = draw.choice((1.0, draw.number(1e5, 1e7, 0)))
    share = draw.choice((0.1, draw.log_uniform(1e-3, 1)))
    return {
        "X": share * volume, "V": volume, "Theta": volume * draw.number(10, 400),
        "sigma": draw.number(0.005, 0.05), "T": draw.choice((0.1, 0.5, 1, 3.0)),
    }


def resilience(draw):
    dinf = draw.size(8, 12)
    times = draw.times(draw.choice((1, 2, 3, 6, 20)), -0.5, draw.choice((0.1, 1)))
    kappa = draw.number(0.2, 2)
    depth = [dinf * (1 - 0.6 * math.exp(-kappa * t) * draw.number(0.9, 1.1)) for t in times]
    if draw.random() < 0.4:
        depth[-1] = draw.choice((dinf, dinf * 1.1))
    return {"ts": times, "depth": depth, "dinf": dinf}


def effective_realised_spread(draw):
    mid, tick = draw.price()
    later = mid + draw.choice((-2, -0.5, 0, 1)) * tick
    return {"side": draw.choice((1, -1)), "p": mid + draw.choice((-1, 0.5, 1)) * tick, "m0": mid, "m1": later}


def var_es(draw):
    return {
        "sigma": draw.number(0.001, 0.1), "mu": draw.choice((0, 0.0, 0.001, -0.002)),
        "alpha": draw.choice((0.95, 0.975, 0.99, 0.999, 0.9)), "h": draw.choice((0.25, 1, 10.0, 1 / 24)),
        "nu": draw.choice((4.0, 3, 5, 2.5, 30.0)),
    }


def var_cornish_fisher(draw):
    return {
        "sigma": draw.number(0.001, 0.1), "skew": draw.number(-0.95, 0.95), "exk": draw.number(0, 3.9),
        "alpha": draw.choice((0.95, 0.975, 0.99)),
    }


def var_es_historical(draw):
    losses = draw.normals(draw.choice((1, 7, 10, 40, 250)), 2, draw.choice((1, 0, None)))
    return {"losses": losses, "alpha": draw.choice((0.8, 0.95, 0.975, 0.99, 0.9, 0.55))}


def kelly_capped(draw):
    gain = draw.number(0.0005, 0.02)
    return {
        "p": draw.number(0.05, 0.95), "G": gain, "L": draw.number(0.0005, 0.02),
        "cost": draw.choice((0, 0.0002, gain * 0.5, gain * 1.5)), "frac": draw.choice((0.25, 0.5, 1)),
        "cap": draw.choice((0.1, 0.02, 5.0, 1000)),
    }


def exchange_health(draw):
    x = {
        "age_s": draw.choice((0.1, 0.8, 5, draw.number(0, 20))), "gaps_per_min": draw.choice((0, 0.5, 12.0)),
        "p99_ms": draw.choice((20.0, 120, 480.5, 900.0)), "crossed_frac": draw.choice((0.0, 0.001, 0.2)),
        "reject_frac": draw.choice((0, 0.01, 0.07)), "reconnects_per_h": draw.choice((0.0, 1, 9.0)),
    }
    raw = [draw.number(0.1, 1) for _ in range(6)]
    names = ("staleness", "gaps", "latency", "crossed", "rejects", "reconnects")
    given = (0.25, 0.2, 0.2, 0.1, 0.15, 0.1)
    weights = given if draw.random() < 0.5 else [value / sum(raw) for value in raw]
    return {"x": x, "cfg": {
        "age_ok_s": draw.choice((0.5, 0, 2)), "age_tau_s": draw.choice((2.0, 5)), "gap_scale": draw.choice((3.0, 1)),
        "lat_ok_ms": draw.choice((50.0, 100)), "lat_max_ms": draw.choice((500.0, 1000)), "crossed_scale": 0.01,
        "reject_scale": draw.choice((0.05, 0.1)), "reconnect_scale": draw.choice((4.0, 2)),
        "weights": dict(zip(names, weights)),
    }}


def data_quality_score(draw):
    received = draw.randint(50, 100_000)
    part = lambda: draw.choice((0, received // 100, received // 3, int(received * 0.7), draw.randint(0, received)))
    checks = draw.randint(1, 900)
    names = ("completeness", "timeliness", "validity", "consistency", "uniqueness", "ordering")
    raw = [draw.number(0.1, 1) for _ in names]
    weights = (0.25, 0.2, 0.2, 0.15, 0.1, 0.1) if draw.random() < 0.5 else [value / sum(raw) for value in raw]
    few, is_numbered = draw.random() < 0.6, draw.random() < 0.8
    bad = (lambda: draw.randint(0, received // 50)) if few else part
    return {"x": {
        "missing": bad() if is_numbered else draw.choice((None, 0)),
        "expected": received + draw.randint(0, 50) if is_numbered else draw.choice((None, 0)), "received": received,
        "on_time": received - bad(), "valid": received - bad(), "checks": checks,
        "checks_passed": checks - draw.randint(0, checks // 10), "duplicates": bad(), "out_of_order": bad(),
    }, "cfg": {"weights": dict(zip(names, weights))}}


def route_greedy(draw):
    mid, tick = draw.price()
    side, venues = draw.choice((1, -1)), []
    for name in draw.sample("ABCDEFGH", draw.choice((1, 2, 3, 6))):
        fee = draw.choice((0.001, 0.0004, 0.0026, 0, -0.0002, draw.number(0, 0.005)))
        start = round(mid + draw.randint(-5, 5) * tick, 8)
        # Without float noise: prices that differ by it are one price to a venue.
        levels = draw.ladder(start, side * tick, draw.choice((0, 1, 3, 5, 10)) if len(venues) else 3)
        levels = [[round(price, 8), size] for price, size in levels]
        venues.append({"name": draw.choice(("", "kraken-")) + name, "fee": fee, "levels": levels})
    depth = sum(size for venue in venues for _, size in venue["levels"])
    qty = draw.choice((draw.size(), depth * 0.3, depth * 0.8, depth * 2))
    return {"side": side, "qty": qty if draw.decimals is None else round(qty, 9), "venues": venues}


def cont_kukanov_single(draw):
    return {
        "S": draw.number(100, 3000, draw.choice((0, None))), "Q": draw.number(200, 5000, draw.choice((0, None))),
        "h": draw.choice((0.02, 0.005)), "f": draw.choice((0.003, 0.0, 0.01)), "r": draw.choice((0.002, 0.0, -0.001)),
        "lam_u": draw.log_uniform(0.01, 0.3), "mean": draw.number(500, 5000),
    }


def twap(draw):
    lot = draw.choice((1.0, 1, 0.1, 0.01, 0.25, 0.001, 5))
    return {"X": round(draw.randint(1, 400) * lot, 6), "n": draw.choice((1, 3, 4, 7, 12, 60)), "lot": lot}


def vwap_slices(draw):
    profile = draw.sizes(draw.choice((1, 3, 24)), 0.0, 9)
    if draw.random() < 0.3:
        profile.append(0.0)
    return {"X": draw.choice((100.0, 7, draw.size(), draw.number(1, 1e6))), "profile": profile}


def almgren_chriss(draw):
    given = {
        "X": 1000000.0, "T": 5.0, "n": 5, "sigma": 0.95, "eps": 0.0625, "gamma": 2.5e-07, "eta": 2.5e-06, "lam": 1e-06,
    }
    small = {"X": 12.5, "T": 60.0, "n": 12, "sigma": 4.0, "eps": 0.05, "gamma": 0.001, "eta": 0.2, "lam": 0.0005}
    changes = {
        "n": draw.choice((1, 5, 10, 100)), "lam": draw.choice((given["lam"], 0, 1e-9, 1e-5)), "T": draw.choice((1, 5.0, 0.5)),
        "sigma": draw.number(0.1, 2), "X": draw.choice((1e6, 5e4, -2e5)), "gamma": draw.choice((0, 2.5e-7)),
    }
    if draw.random() < 0.7:
        return given | changes
    return small | {"lam": draw.log_uniform(1e-6, 1), "n": draw.choice((3, 12, 600))}


def round_trip_cost(draw):
    fees = (0.001, 0.0005, -0.0001, 0, draw.number(0, 0.01))
    return {
        "taker_in": draw.choice(fees), "taker_out": draw.choice(fees), "half_spread_bps": draw.number(0, 3),
        "slip_bps": draw.choice((0, 0.5, 3)),
    }


def combine_stages(draw):
    count = draw.randint(1, 10)
    return {
        "x": [max(-5.0, min(5.0, x)) for x in draw.normals(count, 1.2, draw.choice((1, None)))],
        "w": draw.normals(count, 0.8, draw.choice((1, None))),
        "b": draw.choice((0, -0.05, 0.4)), "ctx_mult": draw.choice((0.8, 1, 0.25, 1.5)), "risk_gate": draw.choice((0.7, 0, 1)),
    }


def logistic_online(draw):
    size, count = draw.choice((1, 2, 6)), draw.choice((1, 4, 60))
    xs = [[1, *draw.normals(size - 1, 1, draw.choice((1, None)))] for _ in range(count)]
    return {
        "xs": xs, "ys": [draw.choice((0, 1)) for _ in xs], "eta": draw.choice((0.1, 0.01, 0.5)),
        "l2": draw.choice((0.001, 0, 1e-4)),
    }


def brier_murphy_ece(draw):
    count = draw.choice((2, 10, 200))
    # Never on a bound between bins: which side a double falls is not the method's.
    ps = [draw.choice((0, 1.0, 0.5003)) if draw.random() < 0.1 else round(draw.random(), 3) + 0.0003 for _ in range(count)]
    ps = [min(p, 1.0) for p in ps]
    return {"ps": ps, "ys": [int(draw.random() < p) for p in ps], "bins": draw.choice((5, 10, 20, 1))}


def isotonic_pav(draw):
    count = draw.choice((1, 8, 40))
    if draw.random() < 0.3:
        return {"ys": draw.normals(count, 1, 2)}
    return {"ys": [int(draw.random() < (i + 1) / (count + 1)) for i in range(count)]}


def hysteresis(draw):
    at, obs = draw.choice((0.0, 100.0)), []
    for _ in range(draw.choice((1, 10, 80))):
        obs.append([round(at, 2), draw.choice((draw.random(), round(draw.random(), 2)))])
        at += draw.choice((0.1, 0.5, 0.7, 1.0, 3))
    return {
        "obs": obs, "enter": draw.choice((0.6, 0.55, 0.7)), "exit_": draw.choice((0.5, 0.45, 0.52)),
        "cool": draw.choice((2.0, 0.0, 1)), "min_hold": draw.choice((1.0, 0, 2)), "max_hold": draw.choice((30.0, 3, 1e9)),
    }


def latency_interpolation(draw):
    at, rows = draw.choice((1000, 1_700_000_000_000_000_000)), []
    for _ in range(draw.choice((1, 2, 5, 30))):
        lag = draw.randint(100, 50_000_000)
        rows.append([at, at + lag, at + lag + draw.randint(100, 10_000_000)])
        at += draw.randint(100_000_000, 1_000_000_000)
    return {
        "rows": rows,
        "t": draw.choice((rows[0][0] - 500, rows[0][0], rows[-1][0] + 700, draw.randint(rows[0][0], rows[-1][0]))),
    }


def _level_events(draw):
    """Trades never take more than is in front before the last event: after it the order is filled."""
    front = draw.size(8, 20)
    shown, events, ahead = front + draw.choice((0, draw.size(1, 9))), [], front
    for _ in range(draw.randint(1, 12)):
        if draw.random() < 0.4:
            traded = draw.choice((0.1, 0.25)) * ahead if draw.decimals is None else round(0.2 * ahead, 8)
            events.append(["trade", traded])
            ahead -= traded
        else:
            after = shown * draw.choice((0.8, 0.9, 1.0, 1.2))
            after = after if draw.decimals is None else round(after, 8)
            events.append(["depth", shown, after])
            ahead, shown = min(ahead, after) * 0.5, after
    if draw.random() < 0.5:
        events.append(["trade", front * 2])
    return {"q0": front, "events": events}


def queue_prob_model(draw):
    kind = draw.choice(("power", "log", "power3"))
    return _level_events(draw) | {"kind": kind, "n": 1.0 if kind == "log" else draw.choice((3.0, 2, 1, 0.5))}


def queue_risk_averse(draw):
    return _level_events(draw)


def taker_fill_after_latency(draw):
    at, books = draw.choice((900, 1_700_000_000_000_000_000)), []
    first = at
    for _ in range(draw.choice((1, 3, 10))):
        books.append([at, *draw.book(1, 6)])
        at += draw.randint(1, 60)
    return {
        "side": draw.choice((1, -1)), "qty": draw.choice((draw.size(), draw.size(50, 500))), "t_local": draw.randint(first, at),
        "entry": draw.choice((0, 40, 7)), "resp": draw.choice((35, 0)), "books": books,
        "fee": draw.choice((0.0005, 0, 0.0026, -0.0001, draw.number(0, 0.01))),
    }


def round_trips_fifo(draw):
    fills, position = [], 0.0
    mid, tick = draw.price()
    lot, most = draw.choice((1.0, 0.5, 0.001, 0.1)), draw.choice((2, 8, 40))
    for at in draw.times(most, step=5, decimals=draw.choice((0, 3, None))):
        mid = mid + draw.randint(-3, 3) * tick
        lots = draw.randint(1, 6)
        side = draw.choice((1, -1))
        if position and side * position < 0:
            lots = min(lots, abs(position))
        position += side * lots
        qty = round(lots * lot, 6)
        fills.append([at, side, qty, mid, draw.choice((0.1, 0, -0.02, qty * mid * 0.0005))])
    return {"fills": fills}


def wilson_interval(draw):
    n = draw.choice((1, 10, 100, 2500))
    return {"k": draw.choice((0, n, draw.randint(0, n))), "n": n, "conf": draw.choice((0.95, 0.9, 0.99, 0.8))}


def performance_metrics(draw):
    value, equity = draw.choice((100.0, 10_000, 1e6)), []
    drift = draw.choice((0, 0.002, 0.02))
    for _ in range(draw.choice((3, 8, 100, 400))):
        equity.append(round(value, 2))
        value *= 1 + abs(draw.gauss(drift, 0.01)) if drift == 0.02 else 1 + draw.gauss(drift, 0.01)
    return {"eq": equity, "per_year": draw.choice((365.0, 365, 252, 1000))}


def sharpe_autocorr_lo(draw):
    return {
        "rho": draw.normals(draw.choice((0, 1, 3, 11, 40)), 0.1, draw.choice((2, None))),
        "q": draw.choice((1, 2, 12, 24, 365)),
    }


def _shape(draw):
    return {"sk": draw.number(-1.5, 1.5), "ku": draw.choice((3, 6.0, 10))}


def sharpe_standard_error(draw):
    return {"sr": draw.number(-0.2, 0.3), "T": draw.choice((20, 365, 1250))} | _shape(draw)


def psr(draw):
    return {
        "sr": draw.number(-0.1, 0.2), "sr0": draw.choice((0, 0.0, 0.05))} | {"T": draw.choice((20, 365, 1250)),
    } | _shape(draw)


def dsr(draw):
    return {
        "sr": draw.number(0, 0.3), "T": draw.choice((60, 1250)), "var_sr": draw.log_uniform(1e-4, 0.05),
        "n_trials": draw.choice((2, 10, 100, 5000)),
    } | _shape(draw)


def min_track_record(draw):
    return {
        "sr": draw.number(0.06, 0.3), "sr0": draw.choice((0, 0.05)), "conf": draw.choice((0.95, 0.9, 0.99)),
    } | _shape(draw)


def pbo_cscv(draw):
    blocks, names = draw.choice((2, 4, 6, 8)), draw.choice((2, 3, 5, 12))
    return {
        "M": [draw.normals(names, 0.2, draw.choice((9, None))) for _ in range(blocks * draw.choice((2, 3, 7)))],
        "S": blocks,
    }


def stationary_bootstrap_indices(draw):
    n = draw.choice((1, 8, 60))
    return {
        "n": n, "p": draw.choice((0.3, 0.05, 1.0, 0.0)), "u": [draw.random() for _ in range(n)],
        "v": [draw.random() for _ in range(n)],
    }


def monte_carlo_permutation_mdd(draw):
    pnl = draw.normals(draw.randint(1, 7), 4, draw.choice((0, 1, None)))
    return {"pnl": pnl, "equity0": draw.choice((100.0, 1000))}


def walk_forward_folds(draw):
    test = draw.choice((2, 20, 200))
    train = test * 3 // 2
    return {
        "n": draw.randint(1, 12) * test, "train": train, "test": test,
        "step": draw.choice((test, max(test // 2, 1))), "embargo": draw.choice((0, 1, 10)),
    }


def parameter_drift(draw):
    size = draw.randint(1, 5)
    lo = draw.normals(size, 1, 2)
    hi = [low + draw.number(0.5, 10) for low in lo]
    return {
        "params": [[draw.number(a, b) for a, b in zip(lo, hi)] for _ in range(draw.randint(2, 8))], "lo": lo,
        "hi": hi,
    }


def walk_forward_efficiency(draw):
    folds = draw.randint(1, 8)
    return {"is_sr": draw.normals(folds, 1), "oos_sr": draw.normals(folds, 1, draw.choice((1, None)))}
