"""The benchmarks do what their page says: real samples of a tiny run, and its arithmetic. No speed is asserted."""

import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import text

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import aims, figures, machine, report, rounds  # noqa: E402 - the benchmarks are no installed package
from benchmarks.__main__ import MARIADB, POSTGRES, main  # noqa: E402
from benchmarks.competitors import calls, own_database, own_instants, own_stock, own_worker  # noqa: E402
from benchmarks.measures import (  # noqa: E402
    FULL,
    NANOS,
    QUICK,
    Measure,
    MeasureFailed,
    Order,
    Sample,
    Sizes,
    delays,
    slots_from,
    throughput,
)
from benchmarks.processes import running, tree_of, watch  # noqa: E402
from benchmarks.registry import ROWS  # noqa: E402
from benchmarks.resources import Places, Resources  # noqa: E402
from benchmarks.rounds import Found  # noqa: E402
from benchmarks.rows import Row  # noqa: E402

WAITS = [sys.executable, "-c", "import time; print('waits', flush=True); time.sleep(60)"]
MACHINE = machine.Machine(2, "Linux on x", "3.11.0", "3.40", "ext4", 0.3, 0.0, "no PostgreSQL server")
TINY = ("--count", 40, "--slots", 5, "--idle-seconds", 0.2, "--rounds", 1, "--stored", 200)
SECOND = 1_000_000


def row(measure: Measure, name: str) -> Row:
    return next(one for one in ROWS if one.measure is measure and one.name == name)


def benchmarks(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def cells(page: str, first: str) -> list[str]:
    return next(line for line in page.splitlines() if line.startswith(f"| {first} |")).strip("| ").split(" | ")


@contextmanager
def sample_of(one: Row, folder: Path, **sizes: object):
    with Resources(Places(folder=folder, postgres=POSTGRES, mariadb=MARIADB)) as resources:
        yield rounds.take(one, Sizes(**{"settle_seconds": 0.1, **sizes}), resources, seed=1)


# --- The real thing, tiny. ---


@pytest.mark.long
@pytest.mark.cluster
@pytest.mark.timeout(300)
def test_a_tiny_run_measures_worker_floor_and_peer_and_writes_the_page_where_it_is_told(tmp_path):
    page = tmp_path / "page.md"
    only = "ours-sqlite,ours-sqlite-thread,ours-sqlite-thread-once,floor-sqlite,apscheduler-sqlite,huey"
    measured = ("--only", only, "--measure", "throughput,delay")
    done = benchmarks("--quick", *measured, *TINY, "--folder", tmp_path, "--output", page)
    assert done.returncode == 0, done.stderr
    written = page.read_text(encoding="utf-8")
    assert float(cells(written, "Hand-written SQL, SQLite: a queue")[1].replace(",", "")) > 0
    assert cells(written, "APScheduler 3, SQLite")[-1].endswith(" ×")
    assert float(cells(written, "earliest start (below 0 is early), SQLite")[2]) >= 0
    assert "**Not the whole measurement**" in written
    if find_spec("huey") is None:  # it is in the environment of the benchmarks only
        assert "not measured: it is not installed: No module named 'huey'" in cells(written, "Huey on SQLite")[1]
    assert [entry.name for entry in tmp_path.iterdir()] == ["page.md"]


@pytest.mark.database
@pytest.mark.parametrize(
    "name", ["ours-postgres-thread", "ours-mariadb-thread", "floor-postgres", "floor-all-postgres"]
)
def test_a_backlog_on_a_server_is_measured_in_a_database_that_is_gone_afterwards(name, tmp_path):
    one = row(Measure.THROUGHPUT, name)
    with sample_of(one, tmp_path, count=20) as sample:
        assert sample.figures["per_second"] > 0


@pytest.mark.database
def test_statements_are_counted_on_their_way_to_postgresql(tmp_path):
    with sample_of(row(Measure.COST, "ours-postgres-thread"), tmp_path, count=20) as sample:
        assert sample.figures["statements"] > 0
        assert 0 < sample.figures["commits"] <= sample.figures["statements"]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "database",
    [
        pytest.param("sqlite", marks=[pytest.mark.long, pytest.mark.cluster]),
        pytest.param("postgres", marks=[pytest.mark.long, pytest.mark.cluster, pytest.mark.database]),
    ],
)
def test_lists_and_charts_are_read_from_a_month_of_runs(database, tmp_path):
    with sample_of(row(Measure.READS, f"ours-{database}"), tmp_path, stored=500, listed=60) as sample:
        assert {"list_ms", "chart_ms", "get_p50", "get_p95"} <= set(sample.figures)
        assert sample.figures["get_p95"] >= sample.figures["get_p50"] > 0


@pytest.mark.long
@pytest.mark.cluster
@pytest.mark.timeout(300)
def test_a_worker_with_another_executor_than_was_asked_for_gives_no_figure(tmp_path):
    order = Order(folder=tmp_path, sizes=QUICK, count=1, seed=1, options={"executor": "thread"})
    place = own_database.Place.of(order)
    with own_worker.workers(order, place):
        own_worker._check_executor(place, "thread")
        with pytest.raises(MeasureFailed, match="asked for the executor 'process', the worker runs with thread"):
            own_worker._check_executor(place, "process")


@pytest.mark.long
@pytest.mark.cluster
@pytest.mark.timeout(300)
def test_a_profile_says_where_the_time_goes(tmp_path):
    done = benchmarks("profile", "--count", 20, "--top", 5, "--folder", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "20 runs on sqlite, thread executor, without a profiler:" in done.stdout
    assert "Ordered by: cumulative time" in done.stdout


# --- What is put into the tables past the program is what the program would have put there. ---


@pytest.mark.parametrize(
    "kind",
    [
        "sqlite",
        pytest.param("postgres", marks=pytest.mark.database),
        pytest.param("mariadb", marks=pytest.mark.database),
    ],
)
def test_copied_schedules_have_the_columns_that_the_service_writes(kind, tmp_path):
    with Resources(Places(folder=tmp_path, postgres=POSTGRES, mariadb=MARIADB)) as resources:
        if kind == "sqlite":
            _compare_copies(tmp_path, None, kind)
        else:
            with resources.database(kind) as url:
                _compare_copies(tmp_path, url, kind)


def _compare_copies(folder: Path, url: str | None, kind: str) -> None:
    place = own_database.Place.of(
        Order(folder=folder, sizes=QUICK, count=3, seed=1, options={"database": kind}, server=url)
    )
    own_database.migrated(place)
    first = round(time.time()) * SECOND + 3600 * SECOND + 250_000
    own_database.make_many(place, 3, first=first, apart=SECOND * 0.5)
    at = [first + number * SECOND // 2 for number in range(3)]
    own_database.make_each(place, [one * 1000 for one in at], handler="log-job", data={"message": own_database.LINE})
    key = own_database.WORDS[place.dialect].quoted("key")
    with place.connect() as connection:
        found = [
            dict(one)
            for one in connection.execute(
                text(
                    "SELECT s.*, r.data, r.definition FROM schedules AS s "
                    f"JOIN schedule_revisions AS r ON r.schedule_key = s.{key} ORDER BY s.due_at, s.id"
                )
            ).mappings()
        ]
    assert [one["due_at"] for one in found] == [at[0], at[0], at[1], at[1], at[2], at[2]]
    own = {"key", "id", "title", "created_at", "updated_at", "definition", "trigger"}
    for copied, made in zip(found[::2], found[1::2], strict=True):
        assert copied["id"].startswith("due-")
        assert {name for name in made if copied[name] != made[name]} <= own
        assert _instant(copied["trigger"]) == _instant(made["trigger"])


def _instant(trigger: str) -> datetime:
    return datetime.fromisoformat(trigger.split('"at":')[1].split('"')[1]).astimezone(UTC)


@pytest.mark.long
@pytest.mark.cluster
@pytest.mark.timeout(300)
def test_copied_runs_have_the_columns_that_a_worker_writes_and_belong_to_all_schedules(tmp_path):
    order = Order(folder=tmp_path, sizes=Sizes(listed=20), count=200, seed=1, options={"database": "sqlite"})
    own_stock.runs(order)
    with own_database.Place.of(order).connect() as connection:
        ask = lambda query: connection.execute(text(query)).scalar_one()  # noqa: E731 - five questions
        assert ask("SELECT count(*) FROM runs WHERE status = 'failed'") == 4
        assert ask("SELECT count(DISTINCT schedule_key) FROM runs WHERE occurrence_key LIKE 'c%'") == 20
        assert ask("SELECT count(*) FROM output") == 201
        assert ask("SELECT sum(count) FROM counters") == 201
        first, *copies = connection.execute(text("SELECT * FROM runs ORDER BY id")).mappings()
    own = {"id", "occurrence_key", "schedule_key", "status", "outcome_kind", "message", *own_stock._INSTANTS}
    assert len(copies) == 200
    for copied in copies:
        assert {name for name in first if copied[name] != first[name]} <= own
        assert copied["finished_at"] - copied["slot_at"] == first["finished_at"] - first["slot_at"]


# --- Arguments. ---


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--only", "dramatiq"), "'dramatiq' is none of ours-sqlite-thread"),
        (("--only", "floor-*", "--measure", "idle"), "--only and --measure leave no row; idle has ours-sqlite"),
        (("--measure", "speed"), "'speed' is none of throughput, cost, delay"),
        (("--count", "0"), "'0' is not a number above zero, for example 10"),
        (("--rounds", "1.5"), "'1.5' is not a number above zero"),
        (("--idle-seconds", "nan"), "'nan' is not a number above zero"),
        (("--python", "oban"), "'oban' is not NAME=PATH"),
        (("--only", "floor-sqlite", "--folder", "/no/such"), "there is no folder '/no/such'"),
        (("profile", "--database", "oracle"), "invalid choice: 'oracle'"),
    ],
)
def test_a_wrong_argument_is_named_and_exits_2(arguments, said, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err


def test_a_part_of_the_measurements_leaves_the_documentation_alone(tmp_path, capsys):
    page = ROOT / "docs" / "benchmarks.md"
    before = page.read_text(encoding="utf-8") if page.exists() else None
    assert main(["--only", "floor-sqlite", "--count", "20", "--rounds", "2", "--folder", str(tmp_path)]) == 0
    assert "docs/benchmarks.md was left alone" in capsys.readouterr().out
    assert (page.read_text(encoding="utf-8") if page.exists() else None) == before


def test_a_server_that_is_missing_is_named_and_the_other_rows_are_measured(tmp_path, capsys):
    places = ("--postgres", "postgresql://nobody@127.0.0.1:1", "--mariadb", "mariadb://nobody@127.0.0.1:1")
    only = "floor-sqlite,floor-postgres,ours-mariadb-thread"
    assert main(["--quick", "--only", only, *places, "--count", "20", "--folder", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "floor-postgres: not measured: PostgreSQL at 127.0.0.1:1: connection" in said
    assert "ours-mariadb-thread: not measured: MariaDB at 127.0.0.1:1: " in said
    assert "floor-sqlite: runs/s " in said


def test_a_peer_that_needs_an_environment_that_is_missing_says_so(tmp_path):
    with (
        pytest.raises(MeasureFailed, match="there is no environment 'oban' for it; `nox -s benchmarks` makes one"),
        sample_of(row(Measure.THROUGHPUT, "oban"), tmp_path),
    ):
        pass


def test_of_a_traceback_the_error_is_the_reason():
    trace = "Traceback (most recent call last):\n  File 'x'\n    raise it\nmod.SomeError: so it was\n[SQL: SELECT 1]\n"
    assert rounds._reason(trace) == "mod.SomeError: so it was"
    assert rounds._reason("  plainly said\n") == "plainly said"


def test_a_whole_run_is_estimated_to_be_over_within_half_an_hour():
    assert 5 < rounds.estimate(ROWS, FULL) / 60 < 30


def test_every_row_has_a_name_and_a_title_of_its_own_and_a_program_that_is_there():
    for measure in Measure:
        mine = [one for one in ROWS if one.measure is measure]
        assert len({one.title for one in mine}) == len({one.name for one in mine}) == len(mine)
        assert mine[0].name.startswith("ours-")
    for one in ROWS:
        module, _, function = one.program.partition(":")
        source = (ROOT / "benchmarks" / "competitors" / f"{module}.py").read_text(encoding="utf-8")
        assert f"def {function}(order: Order) -> Sample:" in source
        assert all(figures.find(Found({other: [] for other in ROWS}), one.measure, name) for name in one.against)


def test_every_aim_is_about_rows_that_are_measured():
    names = {(one.measure, one.name) for one in ROWS}
    for aim in aims.AIMS:
        for executor in aims.EXECUTORS:
            for name in filter(None, (aim.ours, aim.against)):
                assert (aim.measure, name.format(executor=executor)) in names, aim.what


# --- What was promised is checked, or there is no figure. ---


def test_schedules_whose_runs_are_not_stored_give_no_figure(tmp_path):
    order = Order(folder=tmp_path, sizes=QUICK, count=2, seed=1)
    place = own_database.Place.of(order)
    own_database.migrated(place)
    slots = [time.time_ns() // 1000 * 1000, time.time_ns() // 1000 * 1000 + NANOS]
    own_database.make_each(place, slots, handler="stamp", data={})
    with place.connect() as connection:
        with pytest.raises(MeasureFailed, match="2 schedules: 0 runs, 0 schedules succeeded, 0 outputs stored"):
            own_worker.checked_first_start(connection, order)
        with pytest.raises(MeasureFailed, match="2 slots, but 0 outputs"):
            own_instants.stamps(connection, slots)


def test_calls_that_are_missing_or_made_twice_give_no_figure(monkeypatch):
    monkeypatch.setattr(calls, "_starts", {})
    monkeypatch.setattr(calls, "_again", [])
    calls.call(0)
    with pytest.raises(MeasureFailed, match="1 of 2 calls were made"):
        calls.check(2)
    calls.call(1)
    assert len(calls.starts(2)) == 2
    calls.call(1)
    with pytest.raises(MeasureFailed, match="1 of 2 calls were made more than once"):
        calls.check(2)


def test_a_program_that_ends_early_is_a_failure_with_what_it_printed(tmp_path):
    command = [sys.executable, "-c", "print('so it was'); raise SystemExit(3)"]
    with running(command, tmp_path, {}) as program, pytest.raises(MeasureFailed, match="exit code 3:\nso it was"):
        program.wait_until("anything", lambda: False, seconds=30)


def test_a_worker_that_was_in_trouble_gives_no_figure(tmp_path):
    line = "12:00:00 ERROR   enschedule_worker.engine.loop: a turn of the engine failed"
    with running([sys.executable, "-c", f"print({line!r})"], tmp_path, {}) as program:
        program.process.wait()
        with pytest.raises(MeasureFailed, match="in trouble while it was measured:\n12:00:00 ERROR"):
            own_worker.check_log(program)


def test_what_does_not_happen_in_time_is_a_failure(tmp_path):
    with running(WAITS, tmp_path, {}) as program, pytest.raises(MeasureFailed, match="the end of days did not happen"):
        program.wait_until("the end of days", lambda: False, seconds=0.05)
    assert program.process.returncode is not None


def test_a_busy_process_costs_more_than_one_that_waits(tmp_path):
    with running([sys.executable, "-c", "while True: pass"], tmp_path, {}) as busy:
        hot = watch(tree_of(busy.process.pid), 0.3).figures
    with running(WAITS, tmp_path, {}) as quiet:
        quiet.wait_until("its start", lambda: "waits" in quiet.printed, seconds=30)
        cold = watch(tree_of(quiet.process.pid), 0.3).figures
    assert hot["cpu_percent"] > cold["cpu_percent"]
    assert 0 < cold["pss_mib"] <= cold["main_rss_mib"]


# --- The arithmetic. ---


def test_of_100_slots_the_99th_percentile_is_the_second_worst():
    starts = [number * 1_000_000 for number in range(100, 0, -1)]
    assert delays([0] * 100, starts).figures["p99"] == 99.0
    assert delays([0], [5_000_000]).figures["p99"] == 5.0


def test_delays_leave_out_the_warm_up_and_keep_their_sign():
    found = delays([0, NANOS, 2 * NANOS], [0, NANOS - 1_000_000, 2 * NANOS + 500_000], warm_up=1).figures
    assert (found["first"], found["last"]) == (-1.0, 0.5)


def test_the_slots_of_a_round_are_the_same_for_all_and_20_to_50_ms_apart():
    sizes = Sizes(slots=50, warm_up=5)
    slots = slots_from(1_700_000_000_123_456_789, sizes, seed=1)
    distances = [after - before for before, after in pairwise(slots)]
    assert len(slots) == 55
    assert all(20_000_000 <= distance <= 50_000_000 for distance in distances)
    assert all(slot % 1_000 == 0 for slot in slots)
    assert len(set(distances)) > 10
    shifted = slots_from(1_700_000_001_123_456_000, sizes, seed=1)
    assert [slot - slots[0] for slot in slots] == [slot - shifted[0] for slot in shifted]
    assert slots_from(slots[0], sizes, seed=2) != slots


def found_of(**speeds: tuple[float | None, ...]) -> Found:
    """Give what rounds found of throughput rows, by their names with _ for -."""
    samples = {
        row(Measure.THROUGHPUT, name.replace("_", "-")): [
            None if one is None else Sample({"per_second": float(one)}) for one in speed
        ]
        for name, speed in speeds.items()
    }
    return Found(samples)


def test_a_ratio_is_taken_within_its_round_and_the_median_is_that_of_the_ratios():
    found = found_of(ours_sqlite_process=(100, 400, 90), floor_sqlite=(1_000, 1_000, 300))
    page = report.page(found, FULL, MACHINE)
    aim = cells(page, "runs/s over those of the floor on SQLite, batch 100")
    assert aim[1:4] == ["at least 0.2 ×", "0.30 × (0.10–0.40)", "met"]
    line = cells(page, "Hand-written SQL, SQLite: a queue")
    assert line[1:3] == ["1,000 (300–1,000)", "0.30 × (0.10–0.40)"]


def test_rounds_in_which_one_of_the_two_was_not_measured_give_no_ratio():
    found = found_of(ours_sqlite_process=(100, None, 100), floor_sqlite=(None, 1_000, 400))
    aim = cells(report.page(found, FULL, MACHINE), "runs/s over those of the floor on SQLite, batch 100")
    assert aim[2] == "0.25 ×"


def test_an_aim_that_is_missed_or_not_measured_says_so():
    found = found_of(ours_sqlite_process=(1,), floor_sqlite=(100,))
    page = report.page(found, QUICK, MACHINE)
    assert cells(page, "runs/s over those of the floor on SQLite, batch 100")[2:4] == ["0.01 ×", "**missed**"]
    assert cells(page, "runs/s over those of Oban for Python")[2:4] == ["–", "not measured"]
    early = Found({row(Measure.DELAY, "ours-sqlite"): [Sample({"p50": 1.0, "p99": 2.0, "first": -0.5, "last": 2.0})]})
    page = report.page(early, QUICK, MACHINE)
    assert cells(page, "earliest start (below 0 is early), SQLite")[2:4] == ["-0.50", "**missed**"]


def test_what_was_not_measured_is_in_its_table_with_the_reason():
    found = found_of(ours_sqlite_process=(None,), floor_sqlite=(100,))
    [ours, _] = found.samples
    found.reasons[ours] = "asked for the executor 'process'"
    page = report.page(found, QUICK, MACHINE)
    assert cells(page, ours.title)[1] == "not measured: asked for the executor 'process'"
    assert f"- **{ours.title}** (throughput): asked for the executor 'process'" in page


def test_a_throughput_without_time_is_refused():
    with pytest.raises(MeasureFailed, match="the clock was set meanwhile"):
        throughput(5, 0.0)


def test_a_database_in_memory_is_said_to_be_no_disk():
    page = report.page(Found(), QUICK, machine.Machine(2, "Linux on x", "3.11.0", "3.40", "tmpfs", 0.001, 0.0, ""))
    assert "in memory, so that fsync costs nothing" in page
