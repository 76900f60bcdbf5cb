"""Context analysis: section 3 of the methods reference, in plain floating point."""

import math

import numpy as np

from distributions import normal_cdf, student_cdf


def bvc(dps, vols, sigma, df=None):
    law = normal_cdf if df is None else (lambda x: student_cdf(x, df))
    buy = [volume * law(change / sigma) for change, volume in zip(dps, vols)]
    return {"buy": buy, "sell": [volume - bought for volume, bought in zip(vols, buy)]}


def vpin(items, V, n):
    """Bucket by bucket: cuts the cumulative volume at the multiples of V."""
    slack = 1e-12 * V
    imbalances, filled, tilt = [], 0.0, 0.0
    for volume, fraction in items:
        while volume > slack:
            part = min(volume, V - filled)
            filled, tilt, volume = filled + part, tilt + part * (2 * fraction - 1), volume - part
            if V - filled <= slack:
                imbalances.append(abs(tilt))
                filled, tilt = 0.0, 0.0
    path = [sum(imbalances[i - n + 1 : i + 1]) / (n * V) if i >= n - 1 else None for i in range(len(imbalances))]
    return {"bucket_imbalance": imbalances, "vpin": path, "partial_bucket_volume": filled}


def kyle_lambda_ew_regression(x, y, beta):
    """Weighted least squares anew over the whole past at every step, not the recursion."""

    def fit(n):
        weights = beta ** np.arange(n - 1, -1, -1.0)
        xs, ys = np.asarray(x[:n], float), np.asarray(y[:n], float)
        total = weights.sum()
        mx, my = (weights * xs).sum() / total, (weights * ys).sum() / total
        cxx, cyy = (weights * (xs - mx) ** 2).sum(), (weights * (ys - my) ** 2).sum()
        cxy = (weights * (xs - mx) * (ys - my)).sum()
        if np.ptp(xs) == 0:
            return None, None, None, total
        slope = cxy / cxx
        return slope, my - slope * mx, cxy**2 / (cxx * cyy) if np.ptp(ys) > 0 else None, total

    slope, intercept, r2, weight = fit(len(x))
    path = [fit(n + 1)[0] for n in range(len(x))]
    return {"slope_path": path, "slope": slope, "intercept": intercept, "r2": r2, "W": weight}


def rls(xs, ys, lam, delta):
    """In information form, not by the recursion: the normal equations of the decayed past at every step."""
    xs, ys = np.asarray(xs, float), np.asarray(ys, float)
    size = xs.shape[1]
    information, moment, path = np.eye(size) / delta, np.zeros(size), []
    for x, y in zip(xs, ys):
        information, moment = lam * information + np.outer(x, x), lam * moment + y * x
        path.append(np.linalg.solve(information, moment).tolist())
    return {"w": path[-1], "path": path}


def amihud(ret, notional):
    bars = [abs(r) / money for r, money in zip(ret, notional) if money > 0]
    return {"value": sum(bars) / len(bars) if bars else None}


def rv_bipower(r):
    n, size = len(r), [abs(x) for x in r]
    rv = sum(x * x for x in r)
    mu1 = math.sqrt(2 / math.pi)
    mu43 = 2 ** (2 / 3) * math.gamma(7 / 6) / math.gamma(1 / 2)
    bv = mu1**-2 * n / (n - 1) * sum(a * b for a, b in zip(size, size[1:]))
    tp = n * mu43**-3 * n / (n - 2) * sum((a * b * c) ** (4 / 3) for a, b, c in zip(size, size[1:], size[2:]))
    found = {"rv": rv, "bv": bv, "rj": (rv - bv) / rv, "tp": tp}
    if bv > 0:
        theta = mu1**-4 + 2 * mu1**-2 - 5
        found["z_ratio"] = found["rj"] / math.sqrt(theta / n * max(1.0, tp / bv**2))
    return found


def ewma_vol_time(ts, prices, tau):
    rate, path = None, []
    for t0, t1, p0, p1 in zip(ts, ts[1:], prices, prices[1:]):
        dt, ret = t1 - t0, math.log(p1 / p0)
        a = math.exp(-dt / tau)
        rate = ret**2 / dt if rate is None else a * rate + (1 - a) * ret**2 / dt
        path.append(rate)
    sigma = math.sqrt(rate) if path else None
    annual = sigma * math.sqrt(365 * 86_400) if path else None
    return {"var_rate_path": path, "sigma_per_sqrt_s": sigma, "sigma_annual_365": annual}


def ewma_riskmetrics(rets, lam, v0):
    n = len(rets)
    variance = lam**n * v0 + sum((1 - lam) * lam ** (n - 1 - i) * r * r for i, r in enumerate(rets))
    return {"sigma": math.sqrt(variance)}


def sweep(trades, max_gap, min_levels):
    runs = []
    for trade in trades:
        last = runs[-1][-1] if runs else None
        goes_on = (
            last is not None and trade[3] == last[3] and trade[0] - last[0] <= max_gap + 1e-9
            and (trade[1] - last[1]) * trade[3] >= 0
        )
        if goes_on:
            runs[-1].append(trade)
        else:
            runs.append([trade])
    found = []
    for run in runs:
        prices, volume = [price for _, price, _, _ in run], sum(qty for _, _, qty, _ in run)
        if len(set(prices)) >= min_levels:
            found.append({
                "side": run[0][3], "t_start": run[0][0], "t_end": run[-1][0], "levels": len(set(prices)),
                "volume": volume, "vwap": sum(price * qty for _, price, qty, _ in run) / volume,
                "price_span": max(prices) - min(prices),
            })
    return {"sweeps": found}


def iceberg_refill(steps):
    refills = [max(0.0, traded - (before - after)) for before, traded, after in steps]
    refills = [refill if refill > 1e-12 * max(map(max, steps)) else 0.0 for refill in refills]
    some = np.asarray([refill for refill in refills if refill > 0])
    traded = sum(step[1] for step in steps)
    found = {"refills": refills, "n_refills": len(some), "refilled_volume": sum(refills), "traded": traded}
    if traded > 0:
        found["refill_share"] = sum(refills) / traded
    if len(some) > 1:
        # The given vector's refills are all alike and do not say how many degrees of freedom; the text asks for n - 1
        # where it wants it. Those refills themselves are described here, not a population they are drawn from.
        found["peak_cv"] = some.std() / some.mean()
    return found


def kaplan_meier(sizes, completed, grid):
    steps, survival = [], 1.0
    for size in sorted({size for size, done in zip(sizes, completed) if done}):
        at_risk = sum(other >= size for other in sizes)
        deaths = sum(other == size and bool(done) for other, done in zip(sizes, completed))
        survival *= 1 - deaths / at_risk
        steps.append([size, survival])
    at = [[x, next((s for size, s in reversed(steps) if size <= x), 1.0)] for x in grid]
    return {"steps": steps, "survival_at": at}


def absorption(volume, signed_dmid, lam, added, executed):
    expected = lam * volume
    found = {"expected_move": expected, "resistance": 1 - min(1.0, max(0.0, signed_dmid) / expected)}
    if executed > 0:
        found["replenishment"] = added / executed
        found["score"] = found["resistance"] * min(1.0, found["replenishment"])
    return found


def _covariation(tx, x, ty, y):
    """All pairs, no two pointers."""
    return sum(
        (x[i] - x[i - 1]) * (y[j] - y[j - 1])
        for i in range(1, len(x))
        for j in range(1, len(y))
        if max(tx[i - 1], ty[j - 1]) < min(tx[i], ty[j])
    )


def _squares(x):
    return sum((b - a) ** 2 for a, b in zip(x, x[1:]))


def hayashi_yoshida(tx, x, ty, y):
    covariance, rx, ry = _covariation(tx, x, ty, y), _squares(x), _squares(y)
    corr = covariance / math.sqrt(rx * ry) if rx * ry > 0 else None
    return {"cov": covariance, "rv_x": rx, "rv_y": ry, "corr": corr}


def lead_lag_hry(tx, x, ty, y, grid):
    scale = math.sqrt(_squares(x) * _squares(y))
    corr = [_covariation(tx, x, [t - theta for t in ty], y) / scale for theta in grid]
    ahead = sum(rho**2 for theta, rho in zip(grid, corr) if theta > 0)
    behind = sum(rho**2 for theta, rho in zip(grid, corr) if theta < 0)
    sizes = sorted(abs(rho) for rho in corr)
    found = {"corr": corr, "llr_x_over_y": ahead / behind if behind > 0 else None}
    # Which of equal peaks is meant, nothing says.
    if len(sizes) == 1 or sizes[-1] - sizes[-2] > 1e-9:
        found["theta_hat"] = max(zip(corr, grid), key=lambda pair: abs(pair[0]))[1]
    return found


def price_discovery(alpha1, alpha2, s1, s2, rho):
    cs1 = alpha2 / (alpha2 - alpha1)
    psi = np.array([cs1, 1 - cs1])
    omega = np.array([[s1**2, rho * s1 * s2], [rho * s1 * s2, s2**2]])
    total = psi @ omega @ psi
    upper = (psi @ np.linalg.cholesky(omega))[0] ** 2 / total
    swapped = np.linalg.cholesky(omega[::-1, ::-1])
    lower = (psi[::-1] @ swapped)[1] ** 2 / total
    middle = (upper + lower) / 2
    il1 = abs(middle / (1 - middle) * psi[1] / psi[0])
    il2 = 1 / il1
    return {"cs1": cs1, "is1_upper": upper, "is1_lower": lower, "is1_mid": middle, "ils1": il1 / (il1 + il2)}


def lagged_corr_ewma(rx, ry, K, a):
    """By direct sums of decayed products."""
    n = len(rx)

    def decayed(terms):
        return sum(a ** (n - 1 - t) * value for t, value in terms)

    vx, vy = decayed((t, r * r) for t, r in enumerate(rx)), decayed((t, r * r) for t, r in enumerate(ry))
    rho = []
    for k in range(-K, K + 1):
        first, second = (rx, ry) if k >= 0 else (ry, rx)
        product = decayed((t, first[t - abs(k)] * second[t]) for t in range(abs(k), n))
        rho.append(product / math.sqrt(vx * vy))
    lags = list(range(-K, K + 1))
    return {"lags": lags, "rho": rho, "best_lag": max(zip(rho, lags), key=lambda pair: abs(pair[0]))[1]}
