"""Makes statistics.json: reference values for reports/src/statistics, computed independently of it.

    python3 -m venv venv && venv/bin/pip install scipy==1.17.1
    venv/bin/python reports/tests/data/statistics.py > reports/tests/data/statistics.json

p-values come from scipy.stats. Intervals come from scipy's p-values by inverting the test: the set of shifts that the
two-sided test does not reject at 5 % (candidates are all points at which the p-value can change), not from order statistics
of differences, which is what the crate uses. With ties, the reference is the exact conditional p with midranks, over all
signs: the crate's must be no smaller.

Holm's procedure is written out here from its definition, since scipy has none; Benjamini-Hochberg is scipy's
false_discovery_control, Clopper-Pearson its binomtest, the bootstrap its bootstrap (with other random numbers), slopes its
linregress, percentiles numpy's.
"""

import json

import numpy as np
from scipy import stats

rng = np.random.default_rng(20261123)


def signed_rank_p(d, alternative="two-sided"):
    return float(stats.wilcoxon(d, method="exact", alternative=alternative).pvalue)


def mann_whitney_p(x, y, alternative="two-sided"):
    return float(stats.mannwhitneyu(x, y, method="exact", alternative=alternative).pvalue)


def invert(points, p_at):
    """The closed interval of shifts that are not rejected at 5 %; between two neighbouring points p is constant."""
    points = np.unique(points)
    middles = (points[1:] + points[:-1]) / 2
    kept = [i for i, m in enumerate(middles) if p_at(m) > 0.05]
    outside = p_at(points[0] - 1) > 0.05  # too few values: no shift is ever rejected
    return None if outside else [float(points[kept[0]]), float(points[kept[-1] + 1])]


def paired(n, shift, scale):
    d = rng.normal(shift, scale, n).round(6)
    walsh = np.array([(d[i] + d[j]) / 2 for i in range(n) for j in range(i, n)])
    return {
        "d": d.tolist(),
        "estimate": float(np.median(walsh)),
        "p": signed_rank_p(d),
        "p_greater": signed_rank_p(d, "greater"),
        "p_less": signed_rank_p(d, "less"),
        "interval": invert(walsh, lambda theta: signed_rank_p(d - theta)),
    }


def two_sample(m, n, shift, scale):
    x = rng.normal(shift, scale, m).round(6)
    y = rng.normal(0, scale, n).round(6)
    pairs = np.subtract.outer(x, y).ravel()
    return {
        "x": x.tolist(),
        "y": y.tolist(),
        "estimate": float(np.median(pairs)),
        "p": mann_whitney_p(x, y),
        "p_greater": mann_whitney_p(x, y, "greater"),
        "p_less": mann_whitney_p(x, y, "less"),
        "interval": invert(pairs, lambda theta: mann_whitney_p(x - theta, y)),
    }


def ties(d):
    d = np.array(d, dtype=float)
    # scipy drops zeros ("wilcox") before it ranks, and goes through all signs.
    all_signs = stats.PermutationMethod(n_resamples=2 ** len(d))
    return {"d": d.tolist(), "conditional_p": float(stats.wilcoxon(d, method=all_signs).pvalue)}


def benjamini_hochberg():
    cases = [rng.beta(0.5, 4, m).round(6) for m in (1, 2, 7, 40)] + [np.array([0.5, 0.01, 0.01, 1.0, 0.01, 0.04, 0.5])]
    return [{"p": p.tolist(), "adjusted": stats.false_discovery_control(p, method="bh").tolist()} for p in cases]


def binomial():
    def case(k, n, p, confidence):
        interval = stats.binomtest(k, n).proportion_ci(confidence, method="exact")
        return {
            "k": k,
            "n": n,
            "p": p,
            "tail": float(stats.binom.sf(k - 1, n, p)),
            "confidence": confidence,
            "interval": [float(interval.low), float(interval.high)],
        }

    some = [(0, 1, 0.3), (1, 1, 0.3), (0, 100, 0.05), (5, 100, 0.05), (10, 100, 0.05), (95, 100, 0.95), (100, 100, 0.9)]
    many = [(1, 5000, 0.0005), (2480, 5000, 0.5), (4999, 5000, 0.9995), (37, 3000, 0.01)]
    return [case(k, n, p, c) for k, n, p in some + many for c in (0.95, 0.99)]


def bootstrap(m, n, paired):
    """The ratio of the medians of x and y, given as logarithms. n is m where they are paired."""
    both = rng.normal(0, 0.05, m) if paired else 0
    x = (rng.normal(0.1, 0.05, m) + rng.exponential(0.05, m) + both).round(6)
    y = (rng.normal(0, 0.05, n) + rng.exponential(0.05, n) + both).round(6)
    difference = lambda x, y, axis: np.median(x, axis=axis) - np.median(y, axis=axis)
    found = stats.bootstrap((x, y), difference, n_resamples=100_000, batch=1000, paired=paired, method="percentile", rng=rng)
    interval = found.confidence_interval
    return {"x": x.tolist(), "y": y.tolist(), "paired": paired, "interval": [float(interval.low), float(interval.high)]}


def slope(n):
    x = rng.choice([1, 2, 4, 8, 1000], n)
    y = 3.5 * x + rng.normal(0, 10, n)
    return {"x": x.tolist(), "y": y.tolist(), "slope": float(stats.linregress(x, y).slope)}


def percentiles(n):
    samples = np.exp(rng.normal(10, 1, n)).astype(int) + 1
    percents = [50, 90, 99, 99.9]
    return {
        "samples": samples.tolist(),
        "percents": percents,
        # numpy's smallest sample that so many do not exceed; a percentile needs 100 samples beyond it.
        "values": [int(np.percentile(samples, p, method="inverted_cdf")) if n * (100 - p) >= 9999.999 else None for p in percents],
    }


def holm():
    # The rejections of Holm's procedure, as in its definition: adjusted p = running maximum of (m - i) p(i).
    cases = []
    for m in (1, 2, 5, 12):
        p = np.sort(rng.beta(0.3, 6, m)).round(6)
        p = rng.permutation(p)
        order = np.argsort(p)
        adjusted = np.empty(m)
        adjusted[order] = np.minimum(1, np.maximum.accumulate((m - np.arange(m)) * p[order]))
        cases.append({"p": p.tolist(), "alpha": 0.05, "rejected": (adjusted <= 0.05).tolist()})
    return cases


values = np.abs(rng.normal(3, 1, 9)).round(6)
print(
    json.dumps(
        {
            "paired": [paired(n, s, c) for n, s, c in [(3, 0.1, 0.1), (5, 0.1, 0.05), (6, 0.1, 0.02), (7, 0.0, 0.1), (8, 0.05, 0.05), (12, 0.02, 0.03), (16, 0.0, 0.2), (24, -0.01, 0.02), (40, 0.03, 0.1), (32, 0.01, 0.04), (48, -0.02, 0.08), (64, 0.01, 0.05)]],
            "two_sample": [two_sample(m, n, s, c) for m, n, s, c in [(3, 3, 0.1, 0.1), (4, 4, 0.3, 0.05), (6, 8, 0.05, 0.05), (8, 8, 0.0, 0.1), (12, 9, -0.05, 0.05), (24, 16, 0.02, 0.05)]],
            "holm": holm(),
            "ties": [ties(d) for d in ([-1, 1, 2, -2, 3, 3, 4, 4], [1, 1, 1, 1, 1, 1, 1], [0, 0, 1, 1, 2, 2, 3, -1, 5], [-1, -1, -1, -1, -1, -1, 1, 1, -2, -2, -2, 0])],
            "benjamini_hochberg": benjamini_hochberg(),
            "binomial": binomial(),
            "bootstrap": [bootstrap(m, n, p) for m, n, p in [(6, 6, True), (8, 8, True), (16, 16, True), (64, 64, True), (6, 9, False), (16, 16, False), (40, 24, False)]],
            "slope": [slope(n) for n in (3, 8, 50)],
            "percentile": [percentiles(n) for n in (199, 300, 1500)],
            "median": [{"values": v, "median": float(np.median(v))} for v in (values.tolist(), values[:8].tolist())],
            "geometric_mean": {"values": values.tolist(), "mean": float(stats.gmean(values))},
        },
        indent=1,
    )
)
