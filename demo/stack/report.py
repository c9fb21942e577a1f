"""Print the asker's answers and timings, for people or as JSON lines."""

import json
import sys

APP_TIMES = (
    "embed_ms", "search_ms", "headers_ms", "first_token_ms", "gap_p50_ms", "gap_max_ms", "total_ms",
)
ASKER_TIMES = ("headers_ms", "first_token_ms", "spread_ms", "total_ms")


def percentile(values, share):
    """Return the nearest-rank percentile, None of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def spread(rows, names):
    """Return p50, p95 and the largest of each named time."""
    table = {}
    for name in names:
        values = [row[name] for row in rows if row.get(name) is not None]
        table[name] = {
            "p50": percentile(values, 0.50),
            "p95": percentile(values, 0.95),
            "max": max(values, default=None),
        }
    return table


def summarise(results, skipped):
    """Return what the run amounts to: counts, the app's times and the asker's, in ms."""
    good = [result for result in results if result["ok"]]
    return {
        "asked": len(results),
        "failed": len(results) - len(good),
        "skipped": skipped,
        "found": sum(result["found"] for result in good),
        "app": spread([result["app"] for result in good], APP_TIMES),
        "asker": spread(good, ASKER_TIMES),
    }


def print_answer(result, as_json):
    """Print one answer."""
    if as_json:
        print(json.dumps(result, ensure_ascii=False), flush=True)
    elif not result["ok"]:
        print(f"{result['question']}\n  failed: {result.get('error', 'the answer broke off')}", flush=True)
    else:
        app = result["app"]
        print(
            f"{result['question']}\n  {' '.join(result['answer'].split())[:160]}\n"
            f"  from: {', '.join(result['titles'])}\n"
            f"  embed {app['embed_ms']:.1f} ms · search {app['search_ms']:.1f} ms · first token "
            f"{app['first_token_ms']:.1f} ms · {app['tokens']} tokens, gap p50 {app['gap_p50_ms']:.1f} "
            f"max {app['gap_max_ms']:.1f} ms · total {result['total_ms']:.1f} ms",
            flush=True,
        )


def print_summary(summary, as_json):
    """Print the closing line of a run."""
    if as_json:
        print(json.dumps({"summary": summary}), flush=True)
        return
    print(
        f"{summary['asked']} asked, {summary['failed']} failed, {summary['skipped']} skipped, "
        f"right document among the sources: {summary['found']}",
        file=sys.stderr,
    )
    if summary["asked"] == summary["failed"]:
        return
    for name, row in summary["app"].items():
        columns = "   ".join(f"{column} {row[column]:>9.1f}" for column in ("p50", "p95", "max"))
        print(f"  {name:<15} {columns}", file=sys.stderr)
