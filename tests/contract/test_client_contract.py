"""The client against a real worker, over both transports: every route, every shape, every class of error.

Each answer is compared with its typed dictionary in ``enschedule_core.wire.types``, member by member, so
that what pages and scripts read is what the worker sends.
"""

from __future__ import annotations

import types
import typing
from datetime import UTC, datetime, timedelta

import pytest

from enschedule_core import errors
from enschedule_core.clock import parse_instant
from enschedule_core.wire import types as wire

# --- A value against its type ---


def mismatches(kind, value, where="answer"):
    """Yield how ``value`` differs from the type ``kind``: missing members, unknown ones, other types."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if typing.is_typeddict(origin or kind):
        yield from _member_mismatches(origin or kind, arguments, value, where)
    elif origin is list and isinstance(value, list):
        for index, item in enumerate(value):
            yield from mismatches(arguments[0], item, f"{where}[{index}]")
    elif origin in {typing.Union, types.UnionType}:
        found = [list(mismatches(each, value, where)) for each in arguments]
        if all(found):
            yield from min(found, key=len)
    elif not _is_plain(kind, value):
        yield f"{where}: {value!r} is not {kind}"


def _is_plain(kind, value):
    if kind is typing.Any:
        return True
    if typing.get_origin(kind) is typing.Literal:
        return value in typing.get_args(kind)
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, int | float) if kind is float else isinstance(value, typing.get_origin(kind) or kind)


def _member_mismatches(kind, arguments, value, where):
    if not isinstance(value, dict):
        yield f"{where}: {value!r} is not an object"
        return
    # __required_keys__ does not see NotRequired in modules with postponed annotations (Python 3.11).
    members = typing.get_type_hints(kind, include_extras=True)
    optional = {name for name, hint in members.items() if typing.get_origin(hint) is typing.NotRequired}
    for missing in members.keys() - value.keys() - optional:
        yield f"{where}.{missing}: missing"
    for unknown in value.keys() - members.keys():
        yield f"{where}.{unknown}: not in {kind.__name__}"
    for name in members.keys() & value.keys():
        hint = typing.get_args(members[name])[0] if name in optional else members[name]
        if arguments:
            hint = _filled(hint, arguments[0])
        yield from mismatches(hint, value[name], f"{where}.{name}")


def _filled(hint, argument):
    return hint[argument] if getattr(hint, "__parameters__", ()) else hint


def checked(kind, value):
    """Return ``value`` after comparing it with ``kind``."""
    assert list(mismatches(kind, value)) == []
    return value


def test_the_comparison_sees_every_kind_of_difference():
    good = {"items": [{"at": "t", "count": 1}], "next_cursor": None}
    kind = wire.Page[wire.PlannedBucket]
    assert list(mismatches(kind, good)) == []
    for bad in (
        {"items": []},
        good | {"more": 1},
        good | {"next_cursor": 1},
        good | {"items": None},
        good | {"items": [{"at": "t"}]},
        good | {"items": [{"at": "t", "count": True}]},
        good | {"items": [{"at": "t", "count": 1.5}]},
    ):
        assert len(list(mismatches(kind, bad))) == 1, bad
    action = {"label": "x", "kind": "resume"}
    assert list(mismatches(wire.DiagnosisAction, action)) == []
    assert list(mismatches(wire.DiagnosisAction, action | {"kind": "fly"})) != []


# --- Who is there ---


def test_the_worker_says_how_it_is(client):
    assert checked(wire.Health, client.health())["status"] == "ok"
    ready = checked(wire.Readiness, client.ready())
    assert (ready["status"], [check for check in ready["checks"] if not check["ok"]]) == ("ready", [])


def test_the_worker_says_who_we_are(client):
    me = checked(wire.Me, client.me())
    assert me["actor"]["kind"] == "service"
    assert abs(parse_instant(me["server_time"]) - datetime.now(UTC)) < timedelta(minutes=1)


@pytest.mark.parametrize("credentials", [{"api_key": "wrong"}, {"token": "wrong"}])
def test_a_wrong_key_is_refused(connect, credentials):
    with pytest.raises(errors.Unauthenticated):
        connect(**credentials).me()


def test_a_session_lasts_until_it_is_ended(connect, key):
    session = checked(wire.NewSession, connect().sessions.create(key))
    person = connect(token=session["token"])
    assert person.me()["actor"]["kind"] == "session"
    person.sessions.delete_current()
    with pytest.raises(errors.Unauthenticated):
        person.me()


def test_a_session_needs_the_key(connect):
    with pytest.raises(errors.Unauthenticated):
        connect().sessions.create("wrong")


# --- What can run, and where ---


def test_handlers_have_their_schema_and_example(client):
    listed = checked(wire.Page[wire.Handler], client.handlers.list())
    assert [handler["id"] for handler in listed["items"]] == ["log-job"]
    handler = checked(wire.Handler, client.handlers.get("log-job", 1))
    assert handler["schema"]["properties"]["message"]["type"] == "string"
    assert handler["example"] == {"message": "some message"}
    with pytest.raises(errors.NotFound):
        client.handlers.get("nothing")


def test_plugins_say_what_they_brought(client):
    plugins = checked(wire.Page[wire.Plugin], client.plugins.list())["items"]
    assert [(plugin["status"], plugin["handlers"]) for plugin in plugins] == [("loaded", ["log-job@1"])]


def test_a_worker_that_is_up_cannot_be_removed(client):
    (found,) = checked(wire.Page[wire.Worker], client.workers.list())["items"]
    assert (found["status"], found["handlers"]) == ("up", ["log-job@1"])
    with pytest.raises(errors.Conflict):
        client.workers.delete(found["instance_id"])
    with pytest.raises(errors.NotFound):
        client.workers.delete("nobody")


# --- Schedules ---


def test_put_creates_once_and_then_says_what_it_changed(client, name):
    body = {"title": "Say hé", "handler": "log-job@1", "data": {"message": "✓"}, "schedule": "every day at 2 am"}
    created = checked(wire.ChangedSchedule, client.schedules.put(name, body))
    again = client.schedules.put(name, body)
    changed = client.schedules.put(name, body | {"data": {"message": "other"}})
    assert [each["change"] for each in (created, again, changed)] == ["created", "unchanged", "updated"]
    assert changed["revision"] > again["revision"] == created["revision"]
    stored = checked(wire.Schedule, client.schedules.get(name))
    assert (stored["title"], stored["data"], stored["trigger"]["phrase"]) == (
        "Say hé",
        {"message": "other"},
        "every day at 2 am",
    )


def test_a_stale_edit_is_refused_with_the_present_object(client, schedule):
    changed = client.schedules.patch(schedule["id"], {"title": "Mine"}, if_match=schedule["revision"])
    with pytest.raises(errors.StaleRevision) as caught:
        client.schedules.put(schedule["id"], {"handler": "log-job", "schedule": "manual"}, schedule["revision"])
    assert caught.value.extra["current"]["revision"] == changed["revision"]
    assert caught.value.extra["current"]["title"] == "Mine"


def test_create_refuses_a_taken_id(client, schedule):
    body = {"id": schedule["id"], "handler": "log-job", "data": {"message": "x"}, "schedule": "manual"}
    with pytest.raises(errors.Conflict):
        client.schedules.create(body)


def test_a_preview_says_what_a_put_would_do_and_revert_undoes_an_override(client, name):
    body = {"handler": "log-job", "data": {"message": "x"}, "schedule": "0 2 * * *", "managed_by": "file a.yml"}
    new, bad = checked(wire.PreviewedSchedules, client.schedules.preview([body | {"id": name}, {"id": name}]))["items"]
    assert (new["change"], bad["change"], bad["problem"]["code"]) == ("created", None, "invalid_input")
    client.schedules.put(name, body)
    assert client.schedules.patch(name, {"title": "Mine"})["overridden"]
    [found] = checked(wire.PreviewedSchedules, client.schedules.preview([body | {"id": name}]))["items"]
    assert (found["change"], found["changes"], found["overridden"]) == ("updated", ["title"], True)
    reverted = checked(wire.ChangedSchedule, client.schedules.revert(name))
    assert (reverted["change"], reverted["title"], reverted["overridden"]) == ("updated", name, False)
    with pytest.raises(errors.NotFound):
        client.schedules.revert("nobody")


def test_lists_filter_and_page(client, name):
    body = {"handler": "log-job", "data": {"message": "x"}, "schedule": "manual", "tags": [name]}
    ids = [client.schedules.put(f"{name}-{number}", body)["id"] for number in range(3)]
    page = checked(wire.Page[wire.Schedule], client.schedules.list(tag=name, sort="-id", limit=2))
    assert [each["id"] for each in page["items"]] == [ids[2], ids[1]]
    rest = client.schedules.list(tag=name, sort="-id", limit=2, cursor=page["next_cursor"])
    assert ([each["id"] for each in rest["items"]], rest["next_cursor"]) == ([ids[0]], None)
    assert [each["id"] for each in client.schedules.each(tag=name, sort="id", limit=1)] == ids


def test_pause_and_resume(client, schedule):
    until = datetime.now(UTC).replace(microsecond=0) + timedelta(days=1)
    paused = checked(wire.Schedule, client.schedules.pause(schedule["id"], "holiday", until))
    assert (paused["status"], paused["pause"]["reason"]) == ("paused", "holiday")
    assert parse_instant(paused["pause"]["until"]) == until
    resumed = checked(wire.Schedule, client.schedules.resume(schedule["id"]))
    assert (resumed["paused"], resumed["pause"]) == (False, None)


def test_a_pause_and_its_end_that_depend_on_the_pause_that_was_seen(client, schedule):
    id = schedule["id"]
    began = client.schedules.pause(id, "holiday", pause_at=None)["pause"]["at"]
    with pytest.raises(errors.StaleRevision) as refused:
        client.schedules.pause(id, "another", pause_at=None)
    assert refused.value.extra["current"]["pause"]["reason"] == "holiday"
    assert client.schedules.actions("resume", ids=[id], pause_at=["2026-01-01T00:00:00Z"])["done"] == []
    with pytest.raises(errors.StaleRevision):
        client.schedules.resume(id, pause_at="2026-01-01T00:00:00Z")
    assert client.schedules.resume(id, pause_at=began)["paused"] is False
    assert client.schedules.actions("pause", ids=[id], pause_at=[])["done"][0]["pause_before"] is None


def test_schedules_in_groups(client, name):
    body = {"handler": "log-job", "data": {"message": "x"}, "schedule": "manual"}
    client.schedules.put(f"{name}-1", body | {"tags": [name, f"{name}-b"]})
    client.schedules.put(f"{name}-2", body | {"tags": [name]})
    page = checked(wire.SchedulePage, client.schedules.list(tag=name, by="tag", sort="id"))
    assert [each["id"] for each in page["items"]] == [f"{name}-1", f"{name}-2", f"{name}-1"]
    assert [(each["name"], each["count"], each["shown"]) for each in page["groups"]] == [
        (name, 2, 2),
        (f"{name}-b", 1, 1),
    ]


def test_what_there_is_to_know_about_a_schedule(client, name):
    body = {"handler": "log-job", "data": {"message": "x"}, "schedule": "0 2 * * *", "timezone": "Europe/Stockholm"}
    client.schedules.put(name, body)
    client.schedules.patch(name, {"data": {"message": "y"}})
    slots = checked(wire.NextSlots, client.schedules.next(name, 3))
    assert (len(slots["items"]), slots["timezone"]) == (3, "Europe/Stockholm")
    assert checked(wire.Diagnosis, client.schedules.diagnosis(name))["checks"]
    history = checked(wire.Page[wire.HistoryEntry], client.schedules.history(name))["items"]
    assert any("data.message" in entry["changes"] for entry in history)
    assert checked(wire.Page[wire.Skip], client.schedules.skips(name)) == {"items": [], "next_cursor": None}
    assert checked(wire.ScheduleCounts, client.schedules.counts())["total"] >= 1


def test_everything_can_be_paused_and_goes_on(client, schedule):
    paused = checked(wire.PauseOfAll, client.pause.begin("database move", "2096-11-27T08:00:00+01:00"))
    assert (paused["paused"], paused["reason"], paused["until"]) == (True, "database move", "2096-11-27T07:00:00Z")
    assert checked(wire.QueueStats, client.stats.queue())["pause"]["reason"] == "database move"
    try:
        with pytest.raises(errors.Conflict):
            client.schedules.run(schedule["id"])
        for change in (client.pause.begin, client.pause.end):
            with pytest.raises(errors.StaleRevision):
                change(if_match=paused["revision"] - 1)
        assert client.pause.begin("upgrade", if_match=paused["revision"])["reason"] == "upgrade"
    finally:
        assert checked(wire.PauseOfAll, client.pause.end())["paused"] is False
    assert client.pause.get()["by"] is None


def test_many_schedules_are_acted_on_at_once(client, name):
    body = {"handler": "log-job", "data": {"message": "x"}, "schedule": "manual", "tags": [name]}
    ids = [client.schedules.put(f"{name}-{number}", body)["id"] for number in range(3)]
    paused = checked(wire.ScheduleActions, client.schedules.actions("pause", where={"tag": name}, reason="move"))
    assert [one["id"] for one in paused["done"]] == ids
    assert {each["pause"]["reason"] for each in client.schedules.each(tag=name)} == {"move"}
    ran = checked(wire.ScheduleActions, client.schedules.act("run", ids=[*ids, f"{name}-none"]))
    assert [(one["id"], one["code"]) for one in ran["failed"]] == [(f"{name}-none", "not_found")]
    runs = [one["run_id"] for one in ran["done"]]
    for run in runs:
        list(client.runs.follow(run))
    retried = checked(wire.RunActions, client.runs.act("retry", where={"tag": name, "status": ["succeeded", "failed"]}))
    assert sorted(one["id"] for one in retried["done"]) == runs
    for one in retried["done"]:
        list(client.runs.follow(one["run_id"]))
    assert len(client.runs.actions("delete", where={"tag": name})["done"]) == 6
    assert client.schedules.act("delete", ids=ids * 400)["done"] == [{"id": id} for id in ids]
    assert client.schedules.act("delete", ids=[]) == {"done": [], "failed": [], "next_cursor": None}


def test_views_are_kept(client, name):
    view = {"list": "runs", "name": name, "filters": {"status": "failed,lost"}}
    saved = checked(wire.Page[wire.View], client.views.put([view]))
    assert {"runs"} == {one["list"] for one in saved["items"] if one["name"] == name}
    assert client.views.list() == saved
    assert name not in {one["name"] for one in client.views.put([view | {"filters": None}])["items"]}
    with pytest.raises(errors.InvalidInput) as refused:
        client.views.put([view | {"filters": {"colour": "red"}}])
    assert [error.field for error in refused.value.errors] == ["items.0.filters.colour"]


def test_settings_and_figures(client):
    settings = {one["name"]: one for one in checked(wire.Page[wire.SettingInForce], client.settings())["items"]}
    assert (settings["API_KEY"]["value"], settings["ENSCHEDULE_EXECUTOR"]["value"]) == ("***", "thread")
    assert '\nenschedule_workers{status="up"} 1\n' in client.metrics()


def test_a_change_that_depends_on_a_revision(client, schedule):
    for change in (client.schedules.pause, client.schedules.resume, client.schedules.delete, client.schedules.restore):
        with pytest.raises(errors.StaleRevision):
            change(schedule["id"], if_match=99)
        change(schedule["id"], if_match=schedule["revision"])


def test_groups_have_limits(client, name):
    page = client.concurrency_groups.put({name: 3})
    assert checked(wire.Page[wire.ConcurrencyGroup], page) == client.concurrency_groups.list()
    assert [(one["max_running"], one["schedules"]) for one in page["items"] if one["name"] == name] == [(3, 0)]
    with pytest.raises(errors.InvalidInput) as refused:
        client.concurrency_groups.put({name: 0})
    assert [error.field for error in refused.value.errors] == ["items.0.max_running"]


def test_a_deleted_schedule_can_be_brought_back(client, schedule):
    client.schedules.delete(schedule["id"])
    with pytest.raises(errors.NotFound):
        client.schedules.get(schedule["id"])
    assert checked(wire.Schedule, client.schedules.restore(schedule["id"]))["id"] == schedule["id"]
    assert client.schedules.get(schedule["id"])["data"] == {"message": "hello"}


GOOD = {"handler": "log-job", "data": {"message": "x"}, "schedule": "manual"}


@pytest.mark.parametrize(
    ("change", "expected", "field"),
    [
        ({"colour": "red"}, errors.InvalidInput, "colour"),
        ({"schedule": "evry day at 2 am"}, errors.InvalidTrigger, "schedule"),
        ({"schedule": "61 * * * *"}, errors.InvalidTrigger, "schedule"),
        ({"timezone": "Europe/Stockhom"}, errors.InvalidInput, "timezone"),
        ({"handler": "nothing"}, errors.UnknownHandler, "handler"),
        ({"data": {}}, errors.InvalidData, "data.message"),
        ({"name": "a", "title": "b"}, errors.InvalidInput, "name"),
    ],
)
def test_bad_input_comes_back_by_class_and_field(client, name, change, expected, field):
    with pytest.raises(expected) as caught:
        client.schedules.put(name, GOOD | change)
    assert field in {error.field for error in caught.value.errors}
    with pytest.raises(errors.NotFound):
        client.schedules.get(name)


def test_a_body_over_one_mebibyte_is_refused(client, name):
    with pytest.raises(errors.TooLarge):
        client.schedules.put(name, GOOD | {"data": {"message": "x" * 2**21}})


def test_an_unknown_filter_is_refused(client):
    with pytest.raises(errors.InvalidInput) as caught:
        client.runs.list(colour="red")
    assert caught.value.errors[0].field == "colour"


# --- Runs ---


def test_a_run_can_be_followed_to_its_end(client, schedule):
    started = checked(wire.Run, client.schedules.run(schedule["id"], {"message": "one\ntwo é"}))
    chunks = [checked(wire.OutputChunk, chunk) for chunk in client.runs.follow(started["id"])]
    assert "".join(chunk["text"] for chunk in chunks) == "one\ntwo é\n"
    run = checked(wire.RunDetail, client.runs.get(started["id"]))
    assert (run["status"], run["data"], run["origin"]["kind"]) == ("succeeded", {"message": "one\ntwo é"}, "manual")
    assert client.runs.text(run["id"]) == "one\ntwo é\n"
    assert client.runs.text(run["id"], stream="stderr") == ""
    page = checked(wire.OutputPage, client.runs.output(run["id"]))
    assert page["complete"]
    assert client.runs.output(run["id"], page["next_after"])["items"] == []
    assert client.schedules.get(schedule["id"])["data"] == {"message": "hello"}


def test_a_run_is_waited_for_to_its_end_or_not(client, schedule):
    started = client.schedules.run(schedule["id"])
    ended = checked(wire.RunDetail, client.runs.wait(started["id"]))
    assert ended["status"] == "succeeded"
    client.schedules.put(schedule["id"], {"handler": "log-job", "data": {"message": "x"}, "worker": {"id": "nobody"}})
    waiting = client.schedules.run(schedule["id"])
    assert client.runs.wait(waiting["id"], timeout_seconds=0.2)["status"] == "queued"
    client.runs.cancel(waiting["id"])


def test_a_run_is_repeated_with_the_data_of_then_or_of_today(client, schedule):
    first = client.runs.wait(client.schedules.run(schedule["id"], {"message": "then"})["id"])
    then = client.runs.retry(first["id"])
    today = client.runs.retry(first["id"], data="today")
    assert client.runs.get(then["id"])["data"] == {"message": "then"}
    assert client.runs.get(today["id"])["data"] == {"message": "hello"}
    client.runs.wait(then["id"])
    client.runs.wait(today["id"])


def test_runs_are_found_by_the_tag_of_their_schedule(client, name):
    client.schedules.put(name, {"handler": "log-job", "data": {"message": "x"}, "schedule": "manual", "tags": [name]})
    run = client.schedules.run(name)
    assert [found["id"] for found in client.runs.list(tag=name)["items"]] == [run["id"]]
    client.runs.wait(run["id"])


def test_one_idempotency_key_makes_one_run(client, schedule):
    ids = {client.schedules.run(schedule["id"], idempotency_key="same")["id"] for _ in range(2)}
    assert len(ids) == 1
    assert client.schedules.run(schedule["id"], idempotency_key="other")["id"] not in ids


def test_a_handler_runs_without_a_schedule(client):
    run = checked(wire.Run, client.runs.create("log-job@1", {"message": "alone"}))
    assert "".join(chunk["text"] for chunk in client.runs.follow(run["id"])) == "alone\n"
    assert client.runs.get(run["id"])["schedule"] is None


def test_an_ended_run_can_be_repeated_and_deleted_but_not_cancelled(client, schedule):
    first = client.schedules.run(schedule["id"])
    list(client.runs.follow(first["id"]))
    with pytest.raises(errors.Conflict):
        client.runs.cancel(first["id"])
    second = checked(wire.Run, client.runs.retry(first["id"]))
    assert second["retry_of"] == first["id"]
    list(client.runs.follow(second["id"]))
    listed = checked(wire.Page[wire.Run], client.runs.list(schedule=schedule["id"], status=["succeeded", "failed"]))
    assert [run["id"] for run in listed["items"]] == [second["id"], first["id"]]
    client.runs.delete(second["id"])
    assert [run["id"] for run in client.runs.each(schedule=schedule["id"], limit=1)] == [first["id"]]
    with pytest.raises(errors.NotFound):
        client.runs.get(second["id"])


def test_runs_can_be_narrowed_to_a_time(client, schedule):
    run = client.schedules.run(schedule["id"])
    moment = parse_instant(run["queued_at"])
    around = {"from_": moment - timedelta(seconds=1), "to": moment + timedelta(seconds=1)}
    assert [each["id"] for each in client.runs.list(schedule=schedule["id"], **around)["items"]] == [run["id"]]
    assert client.runs.list(schedule=schedule["id"], to=moment - timedelta(seconds=1))["items"] == []


# --- Triggers and figures ---


def test_a_preview_says_what_a_trigger_would_do(client):
    preview = client.triggers.preview(
        "every day at 2 am", timezone="Europe/Stockholm", after="2026-03-27T00:00:00Z", count=2
    )
    assert checked(wire.Preview, preview)["expression"] == "0 2 * * *"
    assert preview["next"] == ["2026-03-27T01:00:00Z", "2026-03-28T01:00:00Z"]


def test_a_preview_points_at_the_mistake(client):
    with pytest.raises(errors.InvalidTrigger) as caught:
        client.triggers.preview("every day at 25:00")
    (error,) = caught.value.errors
    assert "every day at 25:00"[error.start : error.end] == "25:00"
    assert client.triggers.preview(error.suggestion)["kind"] == "cron"


def test_figures(client, schedule):
    run = client.schedules.run(schedule["id"])
    list(client.runs.follow(run["id"]))
    now = datetime.now(UTC)
    stats = client.stats.runs(from_=now - timedelta(hours=2), to=now + timedelta(hours=1), bucket_seconds=3600)
    assert checked(wire.RunStats, stats)["totals"]["succeeded"] >= 1
    queue = checked(wire.QueueStats, client.stats.queue())
    assert queue["places"] > 0
    assert queue["database_bytes"] > 0


def test_retention_is_previewed(client, schedule):
    found = checked(wire.RetentionPreview, client.retention.preview(schedule=schedule["id"], retention={"days": 1}))
    assert (found["runs"], found["policy"]["days"]) == (0, 1)
    with pytest.raises(errors.NotFound):
        client.retention.preview(schedule="nobody-made-this")


def test_the_forecast_has_the_planned_slots(client, name):
    client.schedules.put(name, GOOD | {"schedule": "every hour"})
    now = datetime.now(UTC)
    forecast = checked(wire.Forecast, client.forecast(from_=now, to=now + timedelta(hours=3), limit=50))
    assert [slot["schedule"]["id"] for slot in forecast["items"]].count(name) == 3
