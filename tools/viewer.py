"""How the viewer of a run's output does with a long one, in a real browser before a real server: prints a table.

    python tools/viewer.py [--lines 100000]

Starts `enschedule up` beside this Python, runs a handler that prints that many lines, each about a hundred characters,
some in colour and some on stderr, and opens its page in Chromium. Needs Chromium.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import CDPSession, Page, sync_playwright

import screenshots
from main_job import START_SECONDS, Missing, answers, call, wait_for

HANDLER = """
import sys
from enschedule_core import handler

@handler(id="long", title="Print many lines", example={"lines": 1000})
def long(data):
    for number in range(1, data["lines"] + 1):
        if number % 100:
            path = f"/shop/items/{number * 7919 % 100003}"
            print(f"{number:>7} \\x1b[36mGET\\x1b[0m {path} 200 in {number % 977} ms from 10.4.0.{number % 255} as eva")
        else:
            print(f"{number:>7} slow answer, took {number % 9973} ms; the limit is 1,000 ms", file=sys.stderr)
"""
SCROLL = """async (distance) => {
  const view = document.querySelector(".out-view"), steps = 120, gaps = [];
  let last = performance.now();
  for (let step = 0; step < steps; step += 1) {
    view.scrollTop += distance / steps;
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    gaps.push(now - last);
    last = now;
  }
  gaps.sort((one, other) => one - other);
  const at = (share) => gaps[Math.floor((steps - 1) * share)].toFixed(1);
  const slow = gaps.filter((gap) => gap > 34).length;
  return `median ${at(0.5)} ms, p95 ${at(0.95)} ms, worst ${at(1)} ms, ${slow} of ${steps} over 34 ms`;
}"""


def timed(page: Page, act: str, until: str) -> float:
    """Return the milliseconds from doing ``act`` to ``until`` being true, as the page's own clock sees it."""
    page.evaluate("window.began = performance.now()")
    page.evaluate(act)
    return float(
        page.wait_for_function(f"() => ({until}) ? performance.now() - window.began : 0", timeout=60_000).json_value()
    )


def measure(page: Page, devtools: CDPSession, run: int, lines: int) -> list[tuple[str, str]]:
    """Open the page of a run that printed ``lines`` lines, and return what was measured."""
    rows = []
    began = time.perf_counter()
    page.goto(f"/runs/{run}", wait_until="commit")
    page.wait_for_selector("#L1 .said")
    rows.append(("first line, from the click on", f"{(time.perf_counter() - began) * 1000:.0f} ms"))
    page.wait_for_load_state("load")
    last = f"document.querySelector('#L{lines} .said')"
    end = "document.querySelector('.out-view').scrollTop = 1e9"
    rows.append(("to the last line", f"{timed(page, end, last):.0f} ms"))
    middle = lines // 2
    far = f"location.hash = 'L{middle}'"
    rows.append(
        (
            f"to line {middle:,} by its link",
            f"{timed(page, far, f'document.querySelector(`#L{middle}.chosen .said`)'):.0f} ms",
        )
    )
    find = "const f = document.querySelector('[data-find]'); f.value = 'slow answer'; f.form.requestSubmit()"
    count = "document.querySelector('[data-find-count]').textContent.includes(' of ')"
    found = f"{count} && document.querySelector('li.here mark')"
    rows.append(("search, to the first hit in view", f"{timed(page, '() => {' + find + '}', found):.0f} ms"))
    rows.append(("found", page.locator("[data-find-count]").inner_text()))
    page.evaluate("document.querySelector('.out-view').scrollTop = 0")
    page.wait_for_selector("#L1 .said")
    for name, distance in (("wheel, 60 px a frame", 7_200), ("dragged through all of it", lines * 20)):
        rows.append((f"frames, {name}", page.evaluate(SCROLL, distance)))
    devtools.send("HeapProfiler.collectGarbage")
    counted = {one["name"]: one["value"] for one in devtools.send("Performance.getMetrics")["metrics"]}
    rows.append(("memory of the scripts", f"{counted['JSHeapUsedSize'] / 1e6:.1f} MB"))
    rows.append(("lines in the page", str(page.locator("#lines > li").count())))
    rows.append(("nodes in the page", f"{page.evaluate('document.getElementsByTagName(`*`).length'):,}"))
    return rows


def answer_times(base: str, run: int, lines: int) -> list[tuple[str, str]]:
    """Return how long the API takes: the first time, when it reads all of the output, and the next."""
    rows = []
    for name, path in (
        ("API: the last 200 lines, first time", "lines?from=-200"),
        ("API: the last 200 lines, again", "lines?from=-200"),
        (f"API: from line {lines // 2:,}", f"lines?from={lines // 2}"),
        ("API: lines that hold “slow answer”", "matches?q=slow+answer"),
        ("API: lines that hold what is nowhere", "matches?q=nowhere"),
    ):
        began = time.perf_counter()
        with urllib.request.urlopen(f"{base}/api/v1/runs/{run}/output/{path}", timeout=60) as answer:
            answer.read()
        rows.append((name, f"{(time.perf_counter() - began) * 1000:.0f} ms"))
    return rows


@contextmanager
def server(folder: Path, handlers: Path) -> Iterator[str]:
    """Run `enschedule up` in ``folder`` with the handlers of a file; gives its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = {"PORT": str(port), "IMPORT_HANDLERS": str(handlers)}
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with (folder / "server.log").open("wb") as log:
        command = [sys.executable, "-m", "enschedule_cli.main", "up"]
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=kept | own,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        base = f"http://127.0.0.1:{port}"
        wait_for("the first answer", START_SECONDS, lambda: answers(process, base))
        yield base
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # nothing of it is kept
        process.wait()


def main(arguments: list[str]) -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="viewer.py", description="How the viewer does with a long output.")
    parser.add_argument("--lines", type=int, default=100_000, help="how many lines are printed (100000)")
    lines = parser.parse_args(arguments).lines
    executable = next(filter(None, map(shutil.which, screenshots.CHROMIUM_NAMES)), None)
    if executable is None:
        print("viewer: no Chromium here (Debian: apt-get install chromium)", file=sys.stderr)
        return 1
    quiet = [*screenshots.QUIET, "--no-sandbox"] if os.geteuid() == 0 else list(screenshots.QUIET)
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        handlers = Path(name) / "long_handler.py"
        handlers.write_text(HANDLER, encoding="utf-8")
        try:
            with server(Path(name), handlers) as base:
                run = call("POST", f"{base}/api/v1/runs", {"handler": "long", "data": {"lines": lines}})["id"]
                wait_for("the run's end", 300, lambda: call("GET", f"{base}/api/v1/runs/{run}")["finished_at"])
                printed = call("GET", f"{base}/api/v1/runs/{run}")["output"]
                rows = [("printed", f"{printed['lines']:,} lines, {printed['bytes'] / 1e6:.1f} MB")]
                rows += answer_times(base, run, lines)
                browser = playwright.chromium.launch(executable_path=executable, args=quiet)
                page = browser.new_page(base_url=base, viewport={"width": 1440, "height": 900})
                page.goto("/more")
                devtools = page.context.new_cdp_session(page)
                devtools.send("Performance.enable")
                rows += measure(page, devtools, run, lines)
                browser.close()
        except Missing as fault:
            print(f"viewer: {fault}", file=sys.stderr)
            return 1
    for what, figure in rows:
        print(f"{what:<44} {figure}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
