"""Fresh inputs for the quantities of sections 1 to 3: a function a quantity, of the quantity's name."""

import math


def book_basics(draw):
    bids, asks = draw.book()
    kind = draw.randrange(6)
    if kind == 0:
        bids = []
    elif kind == 1:
        asks = []
    elif kind == 2:
        asks[0][0] = bids[0][0]
    elif kind == 3:
        asks[0][0] = bids[0][0] * 0.99
    return {"bids": bids, "asks": asks}


def queue_imbalance_l1(draw):
    kind = draw.randrange(6)
    return {"qb": 0.0 if kind < 2 else draw.size(), "qa": 0 if kind in (0, 2) else draw.size()}


def depth_imbalance_decay(draw):
    bids, asks = draw.book(0 if draw.random() < 0.2 else 1, 15)
    decay = draw.choice((0, 0.5, draw.number(0, 3)))
    return {"bids": bids, "asks": asks, "n": draw.choice((1, 5, 10, draw.randint(1, 30))), "decay": decay}


def depth_within_bps(draw):
    bids, asks = draw.book(1, 40)
    bps = draw.choice((1, 5.0, 10.0, 25.0, 50.0, 100, 7.35, draw.number(1, 300)))
    return {"bids": bids, "asks": asks, "bps": bps}


def weighted_mid(draw):
    pb, tick = draw.price()
    kind = draw.randrange(6)
    qb, qa = (0.0 if kind < 2 else draw.size()), (0.0 if kind in (0, 2) else draw.size())
    return {"pb": pb, "qb": qb, "pa": pb + tick, "qa": qa}


def _quotes(draw):
    bid, tick = draw.price()
    rows, qb, qa, ask = [], draw.size(), draw.size(), bid + tick
    for _ in range(draw.choice((2, 8, 30, 200))):
        rows.append([round(bid, 8), qb, round(ask, 8), qa])
        kind = draw.randrange(4)
        if kind == 0:
            qb = draw.size()
        elif kind == 1:
            qa = draw.size()
        elif kind == 2:
            bid, qb = bid + draw.choice((-2, -1, 1, 2)) * tick, draw.size()
        else:
            ask, qa = ask + draw.choice((-2, -1, 1, 2)) * tick, draw.size()
        if ask <= bid:
            ask = bid + tick
    return rows


def ofi_events(draw):
    return {"quotes": _quotes(draw)}


def ofi_normalised(draw):
    return {"quotes": _quotes(draw)}


def mlofi_events(draw):
    ranks = draw.choice((1, 2, 3, 5, 10, 10, 12))
    bid, tick = draw.price()
    books = []
    for _ in range(draw.randint(2, 12)):
        bid += draw.choice((-1, 0, 0, 1)) * tick
        bids = draw.ladder(round(bid, 8), -tick, ranks + draw.randint(0, 2))
        asks = draw.ladder(round(bid + tick * draw.randint(1, 2), 8), tick, ranks + draw.randint(0, 2))
        books.append({"bids": bids, "asks": asks})
    return {"books": books, "M": ranks}


def _line(draw, count):
    slope, unit = draw.gauss(0, 0.1), draw.choice((1, 100, 1e-3))
    x = draw.normals(count, 20 * unit, draw.choice((0, 3, None)) if unit >= 1 else None)
    return x, [0.1 + slope * value / unit + draw.gauss(0, 0.5) for value in x]


def ofi_regression(draw):
    x, y = _line(draw, draw.choice((3, 8, 50, 400)))
    return {"x": x, "y": y}


def _level_flows(draw):
    ranks = draw.choice((2, 3, 5, 10))
    count = draw.choice((4, 8, 40))
    common = draw.normals(count, 4)
    spread = draw.choice((0.5, 3, 8))
    return [[round(base * (1 - 0.05 * m) + draw.gauss(0, spread), 4) for m in range(ranks)] for base in common]


def integrated_ofi_pca(draw):
    return {"rows": _level_flows(draw)}


def ridge_mlofi(draw):
    rows = _level_flows(draw)
    lam = draw.choice((2.0, 0.1, 50, 1e-3))
    return {"X": rows, "y": draw.normals(len(rows), 2, draw.choice((1, None))), "lam": lam}


def microprice_recursion(draw):
    size, half = draw.choice((1, 3, 6, 10)), draw.choice((1, 2))
    moves = [k * draw.choice((0.5, 0.01)) for k in (*range(-half, 0), *range(1, half + 1))]
    stays, leaps, lands = [], [], []
    for _ in range(size):
        mass = draw.number(0.5, 0.95)
        raw = [[draw.random() + 0.01 for _ in range(n)] for n in (size, len(moves), size)]
        for out, part, total in zip((stays, leaps, lands), raw, (mass, 1 - mass, 1 - mass)):
            out.append([value * total / sum(part) for value in part])
    return {"Q": stays, "R1": leaps, "K": moves, "R2": lands, "n_iter": draw.choice((6, 6, 1, 3, 20))}


def microprice_estimation(draw):
    n_imb, n_spread = draw.choice((2, 3, 4, 5, 10)), draw.choice((1, 2, 3))
    mid, states, moves = draw.randint(200, 100_000), [], draw.choice(([-2, 2], [-1, 1], [-2, -1, 1, 2]))
    for _ in range(draw.choice((2, 10, 60, 500))):
        states.append([draw.randrange(n_imb), draw.randrange(n_spread), mid])
        mid += draw.choice((0, 0, *moves, *moves, 3))
    return {"states": states, "n_imb": n_imb, "n_spread": n_spread, "half_ticks": moves}


def trade_sign_lee_ready(draw):
    # Ticks whose half a double holds: at the mid is at the mid.
    tick = draw.choice((0.5, 1.0, 0.25, 0.125))
    bid, trades = draw.randint(200, 90_000) * tick, []
    for _ in range(draw.randint(1, 40)):
        bid += draw.choice((-1, 0, 0, 1)) * tick
        ask = bid + draw.choice((1, 2)) * tick
        price = draw.choice((bid, ask, (bid + ask) / 2, (bid + ask) / 2, draw.number(bid, ask)))
        trades.append([price, bid, ask])
    return {"trades": trades}


def signed_volume_windows(draw):
    trades = draw.trades(draw.choice((0, 1, 10, 60)), draw.choice((0.05, 0.3, 1.0)))
    end = trades[-1][0] if trades else 1.0
    windows = draw.choice(([1, 5, 15], [1, 5, 15], [2, 10], [0.5, 2.5], [60]))
    return {
        "trades": trades, "t_now": draw.choice((end, round(end + 0.7, 3), round(end * 0.8, 3))),
        "windows": windows,
    }


def ewma_flow(draw):
    return {"trades": draw.trades(draw.randint(1, 40)), "tau": draw.choice((2.0, 0.2, 15, draw.number(0.5, 60)))}


def wall_robust_z(draw):
    history = draw.sizes(draw.choice((1, 2, 5, 8, 60)))
    if draw.random() < 0.3:
        history = [history[0]] * draw.randint(3, 8) + history[: draw.randint(0, 2)]
    return {"history": history, "q": draw.size(0.01, 200)}


def wall_episode(draw):
    start, size, events = draw.number(0, 50, 2), draw.size(20, 80), []
    q0 = size
    for at in draw.times(draw.randint(1, 15), start):
        traded = draw.choice((0.0, 0.0, size * draw.choice((0.25, 0.5, 1.0)), draw.size(0.1, 5)))
        size = draw.choice((0.0, size, draw.size(1, 80), draw.size(1, 80)))
        events.append([at, size, traded, draw.choice((5.0, draw.number(0, 20, 1)))])
    return {
        "events": events, "t0": start, "q0": q0, "tau": draw.choice((30.0, 5, 120.0)),
        "near_bps": draw.choice((5.0, 2, 10.0)),
    }


def cusum(draw):
    k, h = draw.choice((0.5, 0.25, 1)), draw.choice((5.0, 4, 2.5, 0.5))
    return {"x": draw.normals(draw.choice((1, 9, 100)), draw.choice((1, 3)), draw.choice((1, None))), "k": k, "h": h}


def micro_move_z(draw):
    mid, tick = draw.price()
    after = mid + draw.choice((-3, -0.5, 0, 0.5, 1, 7)) * tick
    sigma = draw.choice((0.0004, 1e-7, 0.0, draw.log_uniform(1e-6, 1e-2)))
    return {"mid0": mid, "mid1": after, "dt": draw.choice((0.1, 0.25, 1, 0.01)), "sigma": sigma, "tick": tick}


def hawkes_exponential(draw):
    times = draw.times(draw.choice((0, 1, 7, 80)), step=draw.choice((0.1, 1.0)), decimals=draw.choice((3, None)))
    end = (times[-1] if times else 1.0) + draw.choice((0.0, 0.3, 5))
    beta = draw.choice((3.0, 2, draw.number(0.5, 20)))
    branching = draw.choice((0.0, 0.4, 0.6, 0.99, 1.3))
    return {"ts": times, "T": end, "mu": draw.choice((0.8, 0.05, 3)), "alpha": branching * beta, "beta": beta}


def bvc(draw):
    count = draw.randint(1, 12)
    sigma = draw.choice((0.2, 1.5, 0.003))
    changes = [draw.choice((0.0, value)) if draw.random() < 0.2 else value for value in draw.normals(count, 2 * sigma)]
    return {
        "dps": changes, "vols": draw.sizes(count), "sigma": sigma,
        "df": draw.choice((None, None, 0.25, 0.25, 1, 4.0, 30)),
    }


def vpin(draw):
    # A unit is divided in 10^-12 between buys and sells: of thousands of units that shows beyond the tolerance.
    draw.magnitude = min(draw.magnitude, 1.0)
    count = draw.choice((3, 10, 60))
    items = [[draw.size(1, 10), draw.choice((0, 1.0, 0.5, draw.random()))] for _ in range(count)]
    return {"items": items, "V": draw.size(2, 15), "n": draw.choice((1, 3, 5, 50))}


def kyle_lambda_ew_regression(draw):
    x, y = _line(draw, draw.choice((1, 2, 8, 60)))
    if draw.random() < 0.2:
        x[1:3] = [x[0]] * len(x[1:3])
    return {"x": x, "y": y, "beta": draw.choice((1, 0.9, 0.995, 0.5))}


def rls(draw):
    size, count = draw.choice((1, 2, 3, 5)), draw.choice((1, 4, 20, 100))
    xs = [[1, *draw.normals(size - 1, 2, draw.choice((1, None)))] for _ in range(count)]
    truth = draw.normals(size)
    ys = [sum(a * b for a, b in zip(truth, x)) + draw.gauss(0, 0.1) for x in xs]
    return {
        "xs": xs, "ys": ys, "lam": draw.choice((0.98, 0.9, 1.0, 0.999)),
        "delta": draw.choice((1000.0, 100, 1.0, 1e4)),
    }


def amihud(draw):
    count = draw.choice((1, 3, 60))
    money = [draw.choice((0.0, draw.number(1e3, 1e6), draw.number(1e3, 1e6, 2))) for _ in range(count)]
    return {"ret": draw.normals(count, 0.002), "notional": money}


def rv_bipower(draw):
    returns = draw.normals(draw.choice((3, 8, 180)), draw.choice((0.001, 0.0001, 0.02)), draw.choice((5, None)))
    if draw.random() < 0.5:
        returns[draw.randrange(len(returns))] = 0.02
    return {"r": returns if any(returns) else [0.001, 0.002, -0.001]}


def ewma_vol_time(draw):
    times = draw.times(draw.choice((2, 5, 100)), step=draw.choice((0.1, 1, 60)), decimals=draw.choice((2, None)))
    mid, tick = draw.price()
    prices = []
    for _ in times:
        prices.append(mid)
        mid += draw.randint(-3, 3) * tick
    return {"ts": times, "prices": prices, "tau": draw.choice((3.0, 60, 1800.0))}


def ewma_riskmetrics(draw):
    rets = draw.normals(draw.choice((1, 4, 250)), 0.03, draw.choice((3, None)))
    return {"rets": rets, "lam": draw.choice((0.94, 0.97, 0.5)), "v0": draw.choice((0.0009, 1e-6, 0))}


def sweep(draw):
    price, tick = draw.price()
    rows, at = [], 0.0
    for _ in range(draw.randint(1, 8)):
        side, at = draw.choice((1, -1)), at + draw.choice((0.004, 0.03, 0.5))
        for _ in range(draw.randint(1, 7)):
            rows.append([round(at, 4), round(price, 8), draw.size(), side])
            at += draw.choice((0.0, 0.001, 0.005, 0.01, 0.019))
            price += side * tick * draw.choice((0, 1, 1, 2, -1 if draw.random() < 0.3 else 1))
    return {"trades": rows, "max_gap": draw.choice((0.02, 0.05, 0.1)), "min_levels": draw.choice((2, 3, 3, 4))}


def iceberg_refill(draw):
    steps, before = [], draw.size(1, 9)
    for _ in range(draw.randint(1, 12)):
        traded, after = draw.choice((0.0, before, draw.size(1, 9))), draw.choice((before, draw.size(1, 9), 0.0))
        steps.append([before, traded, after])
        before = after
    return {"steps": steps}


def kaplan_meier(draw):
    count = draw.choice((1, 8, 40))
    sizes = [draw.randint(1, 15) if draw.random() < 0.7 else draw.size(1, 15) for _ in range(count)]
    completed = [draw.choice((0, 1, 1)) for _ in sizes]
    return {"sizes": sizes, "completed": completed, "grid": draw.choice(([4, 9, 13], [0, 5.5, 100], [1]))}


def absorption(draw):
    volume, lam = draw.size(1, 100), draw.log_uniform(1e-4, 1)
    moved = draw.choice((0.0, -0.3, 0.5, 1.7)) * lam * volume
    return {
        "volume": volume, "signed_dmid": moved, "lam": lam, "added": draw.choice((0.0, draw.size())),
        "executed": draw.size(),
    }


def hayashi_yoshida(draw):
    tx, ty = (draw.times(draw.choice((2, 5, 40)), decimals=draw.choice((1, 3, None))) for _ in range(2))
    return {"tx": tx, "x": draw.path(tx), "ty": ty, "y": draw.path(ty)}


def lead_lag_hry(draw):
    tx = draw.times(draw.choice((6, 8, 30)), decimals=draw.choice((1, 2, 3)))
    x, lag = draw.path(tx), draw.choice((-0.6, -0.2, 0.0, 0.3, 0.4))
    ty = [t + lag for t in tx]
    y = [0.9 * value + draw.gauss(0, 0.02) for value in x]
    step, half = draw.choice((0.1, 0.2)), draw.choice((4, 8))
    return {"tx": tx, "x": x, "ty": ty, "y": y, "grid": [round(k * step, 10) for k in range(-half, half + 1)]}


def price_discovery(draw):
    rho = draw.choice((0.0, 0.6, -0.4, 0.95))
    return {
        "alpha1": -draw.number(0.01, 0.5), "alpha2": draw.number(0.01, 0.5), "s1": draw.number(0.2, 3),
        "s2": draw.choice((1.2, 1, draw.number(1e-4, 1e-3))), "rho": rho,
    }


def lagged_corr_ewma(draw):
    lags = draw.choice((1, 2, 5, 20))
    rx = draw.normals(lags + draw.choice((4, 30, 300)), draw.choice((0.3, 1e-4)))
    shift = draw.randint(0, lags)
    ry = [0.8 * (rx[t - shift] if t >= shift else 0.0) + draw.gauss(0, 0.1 * max(map(abs, rx))) for t in range(len(rx))]
    return {"rx": rx, "ry": ry, "K": lags, "a": draw.choice((0.95, 0.5, 0.999, math.exp(-0.01)))}
