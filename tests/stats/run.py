"""Holds `tollbar eval compare` to independent computations: exact tests to 1e-9.

1. The figures that are committed for `cargo test` (crates/tb-eval/tests/fixtures) are those that
   scipy and statsmodels give today.
2. Two real models on 1,319 questions, compared by the program as a user would.
"""

import argparse
import gzip
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
from scipy import stats

import golden

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "crates/tb-eval/tests/fixtures"
DATA = ROOT / "../shared/data/evals/gsm8k_two_model_responses.jsonl.gz"


def near(ours, theirs, tolerance, where):
    if isinstance(theirs, dict):
        assert sorted(ours) == sorted(theirs), f"{where}: other members"
        for name in theirs:
            near(ours[name], theirs[name], tolerance, f"{where}.{name}")
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs), f"{where}: other length"
        for at, (one, other) in enumerate(zip(ours, theirs)):
            near(one, other, tolerance, f"{where}[{at}]")
    else:
        distance = abs(ours - theirs)
        assert distance <= tolerance * max(1.0, abs(theirs)), f"{where}: {ours} and {theirs}"


def outcomes():
    """Whether each model was right, question by question."""
    text = (FIXTURES / "gsm8k_outcomes.txt").read_text()
    pairs = [line for line in text.splitlines() if not line.startswith("#")]
    pairs = "".join(pairs)
    table = {"=": (True, True), ".": (False, False), "b": (True, False), "c": (False, True)}
    return [table[pair] for pair in pairs]


def write_fixtures():
    """Makes the committed files anew."""
    with gzip.open(DATA, "rt") as lines:
        rows = [json.loads(line) for line in lines]
    signs = {(True, True): "=", (False, False): ".", (True, False): "b", (False, True): "c"}
    text = "".join(signs[r["baseline"]["correct"], r["candidate"]["correct"]] for r in rows)
    head = (
        "# Which of 1,319 GSM8K questions two models answered rightly, in the order of the data:\n"
        "# = both, . none, b only the baseline, c only the candidate. From the responses in\n"
        "# lm-sys/RouteLLM 0b64fda (Apache-2.0), held to the answers of GSM8K (MIT).\n"
    )
    lines = [text[at : at + 100] for at in range(0, len(text), 100)]
    (FIXTURES / "gsm8k_outcomes.txt").write_text(head + "\n".join(lines) + "\n")
    (FIXTURES / "statistics.json").write_text(json.dumps(golden.rows(), indent=1) + "\n")


def compare(tollbar, pairs):
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for place, name in enumerate(["baseline", "candidate"]):
            path = pathlib.Path(folder) / f"{name}.jsonl"
            lines = (
                json.dumps({"id": f"q{at}", "outcome": "pass" if pair[place] else "fail"})
                for at, pair in enumerate(pairs)
            )
            path.write_text("\n".join(lines) + "\n")
            files.append(str(path))
        done = subprocess.run(
            [tollbar, "eval", "compare", *files, "-o", "json"], capture_output=True, text=True
        )
        return done.returncode, json.loads(done.stdout)


def check_two_models(tollbar):
    pairs = outcomes()
    if DATA.exists():
        with gzip.open(DATA, "rt") as lines:
            rows = [json.loads(line) for line in lines]
        true = [(r["baseline"]["correct"], r["candidate"]["correct"]) for r in rows]
        assert true == pairs, "the committed outcomes are not those of the data"
    for swapped, verdict, code in [(False, "improved", 0), (True, "regressed", 1)]:
        seen = [(after, before) for before, after in pairs] if swapped else pairs
        returned, found = compare(tollbar, seen)
        assert (found["verdict"], returned) == (verdict, code), (found["verdict"], returned)
        before, after = np.array(seen).T
        n, b, c = len(seen), int((before & ~after).sum()), int((~before & after).sum())
        assert (found["n"], found["mcnemar"]["b"], found["mcnemar"]["c"]) == (n, b, c)
        p, p_worse = golden.mcnemar(b, c)
        near(found["mcnemar"]["p"], p, 1e-9, "p")
        near(found["mcnemar"]["p_worse"], p_worse, 1e-9, "p_worse")
        for side, arm in [("baseline", before), ("candidate", after)]:
            passed = int(arm.sum())
            assert found[side]["passed"] == passed
            near(found[side]["interval"], golden.wilson(passed, n, 0.05), 1e-9, side)
        near(found["difference"]["value"], (c - b) / n, 1e-12, "difference")
        near(found["difference"]["interval"], golden.tango(b, c, n, 0.05), 1e-9, "Tango")
        near(found["difference"]["lower_bound"], golden.tango(b, c, n, 0.1)[0], 1e-9, "bound")
        reach = stats.norm.ppf(0.95) + stats.norm.ppf(0.8)
        effect = reach * np.sqrt((b + c + 1) / (n + 2) / n)
        near(found["minimum_detectable_effect"], effect, 1e-9, "smallest effect")
        newly = {
            "newly_failing": [f"q{at}" for at, pair in enumerate(seen) if pair == (True, False)],
            "newly_passing": [f"q{at}" for at, pair in enumerate(seen) if pair == (False, True)],
        }
        listed = [(flip["change"], flip["id"]) for flip in found["flips"]]
        assert listed == [(change, id) for change, ids in newly.items() for id in ids], "flips"
        print(f"  {verdict}: n {n}, b {b}, c {c}, p {p:.3g}, {found['difference']['interval']}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tollbar")
    parser.add_argument("--write", action="store_true", help="make the committed files anew")
    options = parser.parse_args()
    if options.write:
        write_fixtures()
        return
    committed = json.loads((FIXTURES / "statistics.json").read_text())
    near(committed, golden.rows(), 1e-9, "statistics.json")
    print("  the committed figures are those of scipy and statsmodels")
    check_two_models(options.tollbar)


if __name__ == "__main__":
    sys.exit(main())
