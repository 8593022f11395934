"""Makes statistics.json: reference values for reports/src/statistics, computed independently of it.

    python3 -m venv venv && venv/bin/pip install scipy==1.17.1
    venv/bin/python reports/tests/data/statistics.py > reports/tests/data/statistics.json

p-values come from scipy.stats. Intervals come from scipy's p-values by inverting the test: the set of shifts that the
two-sided test does not reject at 5 % (candidates are all points at which the p-value can change), not from order statistics
of differences, which is what the crate uses.
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
            "paired": [paired(n, s, c) for n, s, c in [(3, 0.1, 0.1), (5, 0.1, 0.05), (6, 0.1, 0.02), (7, 0.0, 0.1), (8, 0.05, 0.05), (12, 0.02, 0.03), (16, 0.0, 0.2), (24, -0.01, 0.02), (40, 0.03, 0.1)]],
            "two_sample": [two_sample(m, n, s, c) for m, n, s, c in [(3, 3, 0.1, 0.1), (4, 4, 0.3, 0.05), (6, 8, 0.05, 0.05), (8, 8, 0.0, 0.1), (12, 9, -0.05, 0.05), (24, 16, 0.02, 0.05)]],
            "holm": holm(),
            "median": [{"values": v, "median": float(np.median(v))} for v in (values.tolist(), values[:8].tolist())],
            "geometric_mean": {"values": values.tolist(), "mean": float(stats.gmean(values))},
        },
        indent=1,
    )
)
