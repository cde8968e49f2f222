"""The figures that crates/tb-eval is held to, computed by other people's programs."""

import math

import numpy as np
from scipy import integrate, optimize, special, stats
from statsmodels.stats import contingency_tables, multitest, proportion

TABLES = [
    # b, c, n
    (0, 0, 1), (0, 0, 40), (1, 0, 10), (0, 3, 17), (5, 1, 30), (12, 2, 50), (7, 7, 100),
    (25, 14, 200), (60, 31, 1000), (95, 383, 1319), (130, 118, 1680), (510, 490, 20000),
    (1234, 1111, 100000), (50000, 49500, 200000), (500500, 499500, 1000000), (30, 0, 30),
    (0, 30, 30), (400000, 398000, 1000000),
]
ALPHAS = (0.05, 0.1, 0.01)


def mcnemar(b, c):
    if b + c == 0:
        return 1.0, 1.0
    two_sided = contingency_tables.mcnemar([[0, b], [c, 0]], exact=True).pvalue
    worse = stats.binomtest(b, b + c, 0.5, alternative="greater").pvalue
    return float(two_sided), float(worse)


def wilson(passed, n, alpha):
    low, high = proportion.proportion_confint(passed, n, alpha=alpha, method="wilson")
    return [float(low), float(high)]


def constrained_loss(b, c, n, at):
    """The most likely chance of a loss when the difference is `at`: found by a search, where the
    crate solves Tango's quadratic equation."""
    rest = n - b - c
    low, high = max(0.0, -at), (1.0 - at) / 2.0

    def slope(q):
        # The derivative of b ln q + c ln(q + at) + rest ln(1 - 2q - at), which falls.
        value = 0.0
        if b:
            value += b / q if q > 0 else math.inf
        if c:
            value += c / (q + at) if q + at > 0 else math.inf
        if rest:
            value -= 2 * rest / (1 - 2 * q - at) if 1 - 2 * q - at > 0 else math.inf
        return value

    tiny = 1e-15 * max(high - low, 1e-300)
    if slope(low + tiny) <= 0:
        return low
    if slope(high - tiny) >= 0:
        return high
    return optimize.brentq(slope, low + tiny, high - tiny, xtol=1e-17, rtol=1e-15, maxiter=500)


def score(b, c, n, at):
    loss = constrained_loss(b, c, n, at)
    variance = n * (2 * loss + at * (1 - at))
    distance = c - b - n * at
    if distance == 0:
        return 0.0
    return distance / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, distance)


def tango(b, c, n, alpha):
    z = stats.norm.isf(alpha / 2)
    estimate = (c - b) / n

    def end(sign, edge):
        def miss(at):
            return score(b, c, n, at) - sign * z
        if abs(edge - estimate) < 1e-12 or miss(edge) * miss(estimate) > 0:
            return edge
        return optimize.brentq(miss, min(edge, estimate), max(edge, estimate), xtol=1e-15)

    edge = 1 - 1e-12
    return [end(1, -edge), end(-1, edge)]


def newcombe(a, b, c, d, alpha):
    """Method 10 of Newcombe (1998), for the first minus the second margin of [[a, b], [c, d]]."""
    n = a + b + c + d
    p1, p2 = (a + c) / n, (a + b) / n
    l1, u1 = wilson(a + c, n, alpha)
    l2, u2 = wilson(a + b, n, alpha)
    spread = (a + b) * (c + d) * (a + c) * (b + d)
    excess = a * d - b * c
    if excess > 0:
        excess = max(excess - n / 2, 0)
    phi = excess / math.sqrt(spread) if spread else 0.0
    low = (p1 - l1) ** 2 - 2 * phi * (p1 - l1) * (u2 - p2) + (u2 - p2) ** 2
    high = (u1 - p1) ** 2 - 2 * phi * (u1 - p1) * (p2 - l2) + (p2 - l2) ** 2
    return [p1 - p2 - math.sqrt(max(low, 0)), p1 - p2 + math.sqrt(max(high, 0))]


def power_of_mcnemar(n, discordance, loss, alpha):
    """Over the whole table of losses and gains, where the crate sums by discordant pairs."""
    worse, better = (discordance + loss) / 2, (discordance - loss) / 2
    b = np.arange(n + 1)
    weight = stats.binom.pmf(b, n, worse)
    total = 0.0
    for losses in b[weight > 1e-14]:
        c = np.arange(n - losses + 1)
        given = stats.binom.pmf(c, n - losses, better / (1 - worse))
        significant = stats.binom.sf(losses - 1, losses + c, 0.5) <= alpha
        total += weight[losses] * given[significant].sum()
    return float(total)


def evidence_of_loss(b, c):
    """The integral itself, where the crate has a closed form."""
    # With theta = sin(angle)^2 the prior is flat, and nothing is singular at the ends.
    def stake(angle):
        win, lose = 2 * math.sin(angle) ** 2, 2 * math.cos(angle) ** 2
        return 4 / math.pi * win**b * lose**c

    return math.log(integrate.quad(stake, math.pi / 4, math.pi / 2, epsabs=0, epsrel=1e-13)[0])


def rows():
    """Every figure, by name."""
    tables = []
    for b, c, n in TABLES:
        two_sided, worse = mcnemar(b, c)
        both = (n - b - c) // 2
        tables.append({
            "b": b, "c": c, "n": n, "both": both, "p": two_sided, "p_worse": worse,
            "wilson": [wilson(both + c, n, alpha) for alpha in ALPHAS],
            "tango": [tango(b, c, n, alpha) for alpha in ALPHAS],
            "newcombe": [newcombe(both, b, c, n - b - c - both, alpha) for alpha in ALPHAS],
        })
    p_values = [0.001, 0.02, 0.04, 0.012, 0.5, 0.9, 0.012]
    return {
        "alphas": list(ALPHAS),
        "tables": tables,
        "normal": [[p, float(stats.norm.ppf(p))] for p in (1e-12, 1e-4, 0.025, 0.5, 0.8, 0.999)],
        "student": [
            [p, df, float(stats.t.ppf(p, df))] for p in (0.6, 0.95, 0.975, 0.9999)
            for df in (1, 2, 7, 30, 1318)
        ],
        "ln_gamma": [[x, float(special.gammaln(x))] for x in (0.5, 1.5, 3.3, 16.0, 100.5, 1e6)],
        "holm": [p_values, [float(p) for p in multitest.multipletests(p_values, method="holm")[1]]],
        "power": [
            [n, discordance, loss, power_of_mcnemar(n, discordance, loss, 0.05)]
            for n in (50, 200, 400) for discordance, loss in ((0.12, 0.05), (0.12, 0.0), (0.2, 0.1))
        ],
        "evidence": [
            [b, c, evidence_of_loss(b, c)] for b, c in ((0, 0), (3, 0), (0, 3), (10, 4), (60, 31))
        ],
        "quantiles": [
            [share, float(np.quantile([3.0, 1.0, 4.0, 1.5, 9.0, 2.6], share))]
            for share in (0.0, 0.3, 0.5, 0.95, 1.0)
        ],
    }
