"""Risk, execution, combination and the backtester's fills: sections 4 to 7 of the methods reference."""

import math
from fractions import Fraction

from distributions import NORMAL, student_density, student_quantile


def _walk(levels, qty):
    filled = notional = 0.0
    worst, touched = None, 0
    for price, size in levels:
        if qty - filled <= 1e-12 * qty:
            break
        part = min(size, qty - filled)
        filled, notional, worst, touched = filled + part, notional + price * part, price, touched + 1
    return filled, notional, worst, touched


def walk_the_book(side, qty, bids, asks, fee):
    filled, notional, worst, touched = _walk(asks if side > 0 else bids, qty)
    vwap = notional / filled if filled > 0 else None
    found = {
        "filled": filled, "unfilled": qty - filled, "vwap": vwap, "worst_price": worst, "levels_touched": touched,
        "slippage_bps": None, "all_in_bps": None,
    }
    if vwap is not None and bids and asks:
        mid = (bids[0][0] + asks[0][0]) / 2
        found["slippage_bps"] = side * (vwap - mid) / mid * 1e4
        found["all_in_bps"] = found["slippage_bps"] + fee * vwap / mid * 1e4
    return found


def walk_the_book_notional(side, notional, bids, asks):
    base, left = 0.0, notional
    for price, size in asks if side > 0 else bids:
        spent = min(left, price * size)
        base, left = base + spent / price, left - spent
    return {"base_qty": base, "notional_left": left, "vwap": (notional - left) / base if base > 0 else None}


def sqrt_impact(Y, sigma_d, Q, V):
    return {"bps": Y * sigma_d * math.sqrt(Q / V) * 1e4}


def impact_almgren_2005(X, V, Theta, sigma, T):
    permanent = 0.314 * sigma * (X / V) * (Theta / V) ** 0.25
    temporary = 0.142 * sigma * abs(X / (V * T)) ** 0.6
    return {
        "permanent_I_bps": permanent * 1e4, "temporary_K_bps": temporary * 1e4,
        "cost_J_bps": (permanent / 2 + temporary) * 1e4,
    }


def resilience(ts, depth, dinf):
    points = [(t, math.log(dinf - d)) for t, d in zip(ts, depth) if d < dinf]
    if len(points) < 3:
        return dict.fromkeys(("kappa", "half_life", "initial_deficit"))
    mt, mg = (sum(point[axis] for point in points) / len(points) for axis in (0, 1))
    slope = sum((t - mt) * (g - mg) for t, g in points) / sum((t - mt) ** 2 for t, _ in points)
    half_life = math.log(2) / -slope if slope < 0 else None
    return {"kappa": -slope, "half_life": half_life, "initial_deficit": math.exp(mg - slope * mt)}


def effective_realised_spread(side, p, m0, m1):
    effective, realised = 2e4 * side * (p - m0) / m0, 2e4 * side * (p - m1) / m0
    return {"effective_bps": effective, "realised_bps": realised, "impact_bps": effective - realised}


def var_es(sigma, mu, alpha, h, nu):
    z, spread, drift = NORMAL.inv_cdf(alpha), sigma * math.sqrt(h), mu * h
    q, unit = student_quantile(alpha, nu), math.sqrt((nu - 2) / nu)
    tail = student_density(q, nu) / (1 - alpha) * (nu + q * q) / (nu - 1)
    return {
        "var_normal": z * spread - drift, "es_normal": spread * NORMAL.pdf(z) / (1 - alpha) - drift,
        "var_t": q * unit * spread - drift, "es_t": tail * unit * spread - drift,
    }


def var_cornish_fisher(sigma, skew, exk, alpha):
    z = NORMAL.inv_cdf(1 - alpha)
    adjusted = (
        z + (z**2 - 1) * skew / 6 + (z**3 - 3 * z) * exk / 24 - (2 * z**3 - 5 * z) * skew**2 / 36
    )
    return {"z_cf": adjusted, "var_cf": -adjusted * sigma}


def var_es_historical(losses, alpha):
    rank = math.ceil(Fraction(str(alpha)) * len(losses))
    var = sorted(losses)[max(rank, 1) - 1]
    tail = [loss for loss in losses if loss >= var]
    return {"var": var, "es": sum(tail) / len(tail)}


def kelly_capped(p, G, L, cost, frac, cap):
    g, loss = G - cost, L + cost
    found = {"edge": p * g - (1 - p) * loss}
    if g <= 0:
        # No trade; what becomes of the other numbers, the text does not say.
        return found | {"kelly_used": 0.0}
    full = found["edge"] / (g * loss)
    return found | {
        "breakeven_p": loss / (g + loss), "kelly_full": full, "kelly_used": min(max(0.0, frac * full), cap),
    }


def exchange_health(x, cfg):
    def clamp(value):
        return min(1.0, max(0.0, value))

    components = {
        "staleness": math.exp(-max(0.0, x["age_s"] - cfg["age_ok_s"]) / cfg["age_tau_s"]),
        "gaps": math.exp(-x["gaps_per_min"] / cfg["gap_scale"]),
        "latency": clamp(1 - (x["p99_ms"] - cfg["lat_ok_ms"]) / (cfg["lat_max_ms"] - cfg["lat_ok_ms"])),
        "crossed": clamp(1 - x["crossed_frac"] / cfg["crossed_scale"]),
        "rejects": clamp(1 - x["reject_frac"] / cfg["reject_scale"]),
        "reconnects": math.exp(-x["reconnects_per_h"] / cfg["reconnect_scale"]),
    }
    score = 100 * math.prod(max(components[name], 1e-6) ** weight for name, weight in cfg["weights"].items())
    return {"components": components, "score": score}


def data_quality_score(x, cfg):
    components = {
        "completeness": 1 - x["missing"] / x["expected"] if x["expected"] else None,
        "timeliness": x["on_time"] / x["received"],
        "validity": x["valid"] / x["received"],
        "consistency": x["checks_passed"] / x["checks"] if x["checks"] else None,
        "uniqueness": 1 - x["duplicates"] / x["received"],
        "ordering": 1 - x["out_of_order"] / x["received"],
    }
    known = {name: value for name, value in components.items() if value is not None}
    total = sum(cfg["weights"][name] for name in known)
    score = 100 * sum(cfg["weights"][name] * value for name, value in known.items()) / total
    return {"components": components, "score": min(score, 50.0) if min(known.values()) < 0.5 else score}


def route_greedy(side, qty, venues):
    """Exactly, in fractions: sorts all levels by what they cost with the fee."""
    exact = lambda number: Fraction(str(number))
    levels = sorted(
        (exact(price) * (1 + side * exact(venue["fee"])) * side, venue["name"], exact(size))
        for venue in venues
        for price, size in venue["levels"]
    )
    left, cash, marginal = exact(qty), Fraction(0), None
    allocation = {venue["name"]: Fraction(0) for venue in venues}
    for price, name, size in levels:
        part = min(size, left)
        if part > 0:
            allocation[name] += part
            left, cash, marginal = left - part, cash + side * price * part, side * price
    filled = exact(qty) - left
    return {
        "allocation": {name: float(part) for name, part in allocation.items()}, "unfilled": float(left),
        "cash": float(cash), "avg_all_in": float(cash / filled) if filled else None,
        "marginal_price": None if marginal is None else float(marginal),
    }


def cont_kukanov_single(S, Q, h, f, r, lam_u, mean):
    outflow = lambda x: 1 - math.exp(-x / mean)
    low = (2 * h + f + r) / outflow(Q + S) - (h + r)
    high = (2 * h + f + r) / outflow(Q) - (h + r)
    if lam_u <= low:
        limit = S
    elif lam_u >= high:
        limit = 0.0
    else:
        limit = -mean * math.log(1 - (2 * h + f + r) / (lam_u + h + r)) - Q
    return {"lambda_low": low, "lambda_high": high, "market": S - limit, "limit": limit}


def twap(X, n, lot):
    total, unit = Fraction(str(X)), Fraction(str(lot))
    lots = [math.floor(total * k / n / unit + Fraction(1, 2)) for k in range(n + 1)]
    return {"slices": [float((b - a) * unit) for a, b in zip(lots, lots[1:])]}


def vwap_slices(X, profile):
    return {"slices": [X * share / sum(profile) for share in profile]}


def almgren_chriss(X, T, n, sigma, eps, gamma, eta, lam):
    tau = T / n
    eta_tilde = eta - gamma * tau / 2
    squared = lam * sigma**2 / eta_tilde
    y = squared * tau**2 / 2
    kappa = math.log1p(y + math.sqrt(y * (2 + y))) / tau

    def held(t):
        if kappa * T < 1e-6:
            return X * (T - t) / T
        return X * math.exp(-kappa * t) * -math.expm1(-2 * kappa * (T - t)) / -math.expm1(-2 * kappa * T)

    holdings = [held(j * tau) for j in range(n)] + [0.0]
    trades = [a - b for a, b in zip(holdings, holdings[1:])]
    return {
        "eta_tilde": eta_tilde, "kappa_tilde_sq": squared, "kappa": kappa, "half_life": 1 / kappa if kappa else None,
        "holdings": holdings, "trades": trades,
        "E": gamma * X**2 / 2 + eps * sum(map(abs, trades)) + eta_tilde / tau * sum(t * t for t in trades),
        "V": sigma**2 * tau * sum(x * x for x in holdings[1:]),
    }


def round_trip_cost(taker_in, taker_out, half_spread_bps, slip_bps):
    return {"round_trip_cost_bps": 1e4 * (taker_in + taker_out) + 2 * half_spread_bps + 2 * slip_bps}


def sigmoid(z):
    """Clipped, as section 0 (d) says."""
    return min(max(_sigmoid(z), 1e-6), 1 - 1e-6)


def _sigmoid(z):
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


def combine_stages(x, w, b, ctx_mult, risk_gate):
    logit = b + sum(weight * value for weight, value in zip(w, x))
    p = sigmoid(logit * ctx_mult)
    return {"logit": logit, "p_up": p, "score": 2 * p - 1, "confidence": abs(2 * p - 1) * risk_gate}


def logistic_online(xs, ys, eta, l2):
    w, stated, loss = [0.0] * len(xs[0]), [], 0.0
    for x, y in zip(xs, ys):
        p = sigmoid(sum(weight * value for weight, value in zip(w, x)))
        stated.append(p)
        loss -= math.log(p if y else 1 - p)
        w = [weight - eta * ((p - y) * value + l2 * weight) for weight, value in zip(w, x)]
    return {"p_before_update": stated, "w": w, "logloss": loss / len(xs)}


def brier_murphy_ece(ps, ys, bins):
    n, base = len(ps), sum(ys) / len(ys)
    table = []
    for bin_ in range(bins):
        inside = [(p, y) for p, y in zip(ps, ys) if min(bins - 1, int(p * bins)) == bin_]
        if inside:
            count = len(inside)
            table.append([bin_, count, sum(p for p, _ in inside) / count, sum(y for _, y in inside) / count])
    brier, uncertainty = sum((p - y) ** 2 for p, y in zip(ps, ys)) / n, base * (1 - base)
    return {
        "brier": brier, "uncertainty": uncertainty,
        "reliability": sum(count * (p - y) ** 2 for _, count, p, y in table) / n,
        "resolution": sum(count * (y - base) ** 2 for _, count, _, y in table) / n,
        "skill": 1 - brier / uncertainty if uncertainty > 0 else None,
        "ece": sum(count * abs(p - y) for _, count, p, y in table) / n, "table": table,
    }


def isotonic_pav(ys):
    """By the minimax form: the largest, over starts, of the least mean, over ends."""
    mean = lambda i, j: sum(ys[i : j + 1]) / (j + 1 - i)
    n = len(ys)
    return {"fit": [max(min(mean(i, j) for j in range(k, n)) for i in range(k + 1)) for k in range(n)]}


def hysteresis(obs, enter, exit_, cool, min_hold, max_hold):
    state, since, states = 0, -math.inf, []
    for t, p in obs:
        held = t - since + 1e-9
        if state == 0:
            towards = 1 if p >= enter else -1 if 1 - p >= enter else 0
            if towards and held >= cool:
                state, since = towards, t
        elif ((p if state > 0 else 1 - p) <= exit_ and held >= min_hold) or held >= max_hold:
            state, since = 0, t
        states.append(state)
    return {"state": states}


def latency_interpolation(rows, t):
    lag = lambda row: row[1] - row[0]
    if t <= rows[0][0]:
        return {"entry": lag(rows[0])}
    for old, new in zip(rows, rows[1:]):
        if t <= new[0]:
            return {"entry": lag(old) + int(Fraction((lag(new) - lag(old)) * (t - old[0]), new[0] - old[0]))}
    return {"entry": lag(rows[-1])}


def _share_behind(kind, n, front, back):
    if kind == "power3":
        return 1 - (front / (front + back)) ** n
    f = math.log1p if kind in ("log", "log2") else lambda x: x**n
    total = f(front + back) if kind in ("power2", "log2") else f(front) + f(back)
    return f(back) / total


def queue_prob_model(q0, events, kind, n):
    front, traded, path = q0, 0.0, []
    for event, *amounts in events:
        if event == "trade":
            front, traded = front - amounts[0], traded + amounts[0]
        else:
            before, after = amounts
            change, traded = before - after - traded, 0.0
            if change > 0:
                back = before - front
                p = _share_behind(kind, n, front, back)
                front = front - (1 - p) * change + min(back - p * change, 0.0)
            front = min(front, after)
        path.append(front)
    return {"front_path": path, "fillable": max(0.0, -front)}


def queue_risk_averse(q0, events):
    front, path = q0, []
    for event, *amounts in events:
        front = front - amounts[0] if event == "trade" else min(front, amounts[1])
        path.append(front)
    return {"front_path": path, "fillable": max(0.0, -front)}


def taker_fill_after_latency(side, qty, t_local, entry, resp, books, fee):
    exec_ts = t_local + entry
    in_force = [book for book in books if book[0] <= exec_ts]
    levels = in_force[-1][2 if side > 0 else 1] if in_force else []
    filled, notional, _, _ = _walk(levels, qty)
    return {
        "exec_ts": exec_ts, "ack_ts": exec_ts + resp, "filled": filled,
        "vwap": notional / filled if filled > 0 else None, "fee_cash": notional * fee,
    }
