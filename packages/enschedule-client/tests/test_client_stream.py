"""Following a run's output: every chunk once, across quiet times and lost connections."""

from __future__ import annotations

import pytest

from enschedule_client.stream import follow
from enschedule_core import errors


def page(*seqs, after=None, complete=False, fence=1):
    items = [{"seq": seq, "at": "2026-03-28T01:00:00Z", "stream": "stdout", "text": f"{seq}\n"} for seq in seqs]
    following = after if after is not None else (seqs[-1] if seqs else 0)
    return {"items": items, "next_after": following, "complete": complete, "fence": fence, "status": "running"}


class Worker:
    """Answers in turn; its clock moves only while it is asked and while the follower sleeps."""

    def __init__(self, *answers, seconds_each=20.0):
        self.answers = list(answers)
        self.asked = []
        self.pauses = []
        self.now = 0.0
        self.seconds_each = seconds_each

    def ask(self, after, _wait_seconds):
        self.asked.append(after)
        self.now += self.seconds_each
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def sleep(self, seconds):
        self.pauses.append(seconds)
        self.now += seconds

    def follow(self, **options):
        chunks = follow(self.ask, sleep=self.sleep, monotonic=lambda: self.now, **options)
        return [chunk["seq"] for chunk in chunks]


def test_chunks_come_until_the_run_is_complete():
    worker = Worker(page(1, 2), page(3), page(4, complete=True))
    assert worker.follow() == [1, 2, 3, 4]
    assert (worker.asked, worker.pauses) == ([0, 2, 3], [])


def test_it_starts_after_the_given_cursor():
    worker = Worker(page(8, complete=True))
    assert worker.follow(after=7) == [8]
    assert worker.asked == [7]


def test_a_quiet_run_is_waited_for():
    worker = Worker(page(1), page(after=1), page(after=1), page(2, complete=True))
    assert worker.follow() == [1, 2]
    assert worker.pauses == []


def test_a_worker_that_does_not_hold_its_answer_is_not_asked_in_a_hot_loop():
    worker = Worker(page(), page(), page(1, complete=True), seconds_each=0.001)
    assert worker.follow() == [1]
    assert worker.pauses == [1.0, 1.0]


@pytest.mark.parametrize("lost", [errors.WorkerUnreachable(), errors.Unavailable()], ids=["gone", "busy"])
def test_a_lost_connection_costs_no_chunk_and_repeats_none(lost):
    worker = Worker(page(1, 2), lost, lost, page(3, complete=True), seconds_each=1.0)
    assert worker.follow() == [1, 2, 3]
    assert worker.asked == [0, 2, 2, 2]


def test_it_gives_up_when_the_worker_stays_away():
    worker = Worker(page(1), *[errors.WorkerUnreachable("gone")] * 30, seconds_each=1.0)
    seen = []
    with pytest.raises(errors.WorkerUnreachable, match="gone"):
        seen.extend(follow(worker.ask, sleep=worker.sleep, monotonic=lambda: worker.now, give_up_after_seconds=10))
    assert 10 <= worker.now <= 14


def test_it_stops_when_its_time_is_over_and_asks_for_no_longer_than_that():
    worker = Worker(page(1), page(2), page(3), page(4), seconds_each=5.0)
    waits = []

    def ask(after, wait_seconds):
        waits.append(wait_seconds)
        return worker.ask(after, wait_seconds)

    chunks = follow(ask, sleep=worker.sleep, monotonic=lambda: worker.now, timeout_seconds=12)
    assert [chunk["seq"] for chunk in chunks] == [1, 2, 3]
    assert waits == [12, 7, 2]


def test_a_worker_that_is_away_when_the_time_is_over_is_not_waited_for():
    worker = Worker(page(1), *[errors.WorkerUnreachable("gone")] * 9, seconds_each=1.0)
    with pytest.raises(errors.WorkerUnreachable, match="gone"):
        worker.follow(timeout_seconds=4)
    assert 4 <= worker.now <= 6


def test_each_outage_has_its_own_patience():
    gone = errors.WorkerUnreachable()
    outages = [answer for seq in range(1, 6) for answer in (gone, gone, page(seq))]
    worker = Worker(*outages, page(6, complete=True), seconds_each=1.0)
    assert worker.follow(give_up_after_seconds=6) == [1, 2, 3, 4, 5, 6]


def test_what_the_worker_refuses_is_raised_at_once():
    worker = Worker(page(1), errors.NotFound("deleted"))
    with pytest.raises(errors.NotFound):
        worker.follow()


def test_a_new_holder_prints_from_its_beginning():
    worker = Worker(page(1, 2, fence=1), page(3, fence=2), page(1, 2, 3, fence=2, complete=True))
    assert worker.follow() == [1, 2, 1, 2, 3]
    assert worker.asked == [0, 2, 0]
