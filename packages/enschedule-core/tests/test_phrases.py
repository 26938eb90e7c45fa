"""Phrases: what they compile to, and that everything else is refused at the word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from enschedule_core.errors import InvalidTrigger
from enschedule_core.triggers import Cron, Every, parse
from enschedule_core.triggers.phrase_tokens import VOCABULARY
from enschedule_core.triggers.phrases import EXAMPLES, compile_phrase


@pytest.mark.parametrize(
    ("phrase", "expression"),
    [
        ("every minute", "* * * * *"),
        ("every hour", "0 * * * *"),
        ("every day", "0 0 * * *"),
        ("every week", "0 0 * * 0"),
        ("every month", "0 0 1 * *"),
        ("every year", "0 0 1 1 *"),
        ("hourly", "0 * * * *"),
        ("daily at 02:00", "0 2 * * *"),
        ("weekly", "0 0 * * 0"),
        ("monthly at noon", "0 12 1 * *"),
        ("annually", "0 0 1 1 *"),
        ("every 15 minutes", "*/15 * * * *"),
        ("every 15m", "*/15 * * * *"),
        ("every five minutes", "*/5 * * * *"),
        ("every 60 minutes", "0 * * * *"),
        ("every 2 hours", "0 */2 * * *"),
        ("every 24 hours", "0 0 * * *"),
        ("every 1 day", "0 0 * * *"),
        ("every 3 months", "0 0 1 */3 *"),
        ("every day at 2 am", "0 2 * * *"),
        ("every day at 2am", "0 2 * * *"),
        ("  Every  DAY at 2 A.M. ", "0 2 * * *"),
        ("every day at 2:30 p.m.", "30 14 * * *"),
        ("every day at 14:30", "30 14 * * *"),
        ("every day at 12 am", "0 0 * * *"),
        ("every day at 12 pm", "0 12 * * *"),
        ("every day at noon", "0 12 * * *"),
        ("every day at midnight", "0 0 * * *"),
        ("every day at 9", "0 9 * * *"),
        ("every day 9:15", "15 9 * * *"),
        ("9:15 every day", "15 9 * * *"),
        ("at 9 every day", "0 9 * * *"),
        ("every day at 9:00 and 17:00", "0 9,17 * * *"),
        ("every day at 9, 12, and 17", "0 9,12,17 * * *"),
        ("every day at 9:00, 9:30, 17:00 and 17:30", "0,30 9,17 * * *"),
        ("every day at noon and midnight", "0 0,12 * * *"),
        ("every weekday at 09:30", "30 9 * * 1-5"),
        ("weekdays at 9", "0 9 * * 1-5"),
        ("every weekend at 10:00", "0 10 * * 0,6"),
        ("mondays and thursdays at 6pm", "0 18 * * 1,4"),
        ("every monday, wednesday and friday at 09:30", "30 9 * * 1,3,5"),
        ("on tue at 7", "0 7 * * 2"),
        ("monday to friday at 8", "0 8 * * 1-5"),
        ("fri-mon at 8", "0 8 * * 0,1,5,6"),
        ("every week on monday at 9", "0 9 * * 1"),
        ("on the 1st and 15th of every month at noon", "0 12 1,15 * *"),
        ("every month on the 15th at noon", "0 12 15 * *"),
        ("first day of every month at noon", "0 12 1 * *"),
        ("the first and last day of the month", "0 0 1,L * *"),
        ("last day of the month at 23:00", "0 23 L * *"),
        ("last weekday of the month at 18:00", "0 18 LW * *"),
        ("last friday of the month at 17:00", "0 17 * * 5L"),
        ("first monday of every month at 9", "0 9 * * 1#1"),
        ("every second monday of the month", "0 0 * * 1#2"),
        ("first and third tuesday of the month at 9 am", "0 9 * * 2#1,2#3"),
        ("every year on 24 december at 12:00", "0 12 24 12 *"),
        ("every december 24th at 12:00", "0 12 24 12 *"),
        ("15th of march", "0 0 15 3 *"),
        ("on the 1st of january and july", "0 0 1 1,7 *"),
        ("last day of february at 12:00", "0 12 L 2 *"),
        ("every day in june to august at 9", "0 9 * 6,7,8 *"),
        ("every hour at minute 15", "15 * * * *"),
        ("every hour at :45", "45 * * * *"),
        ("every 2 hours at minute 5 on sundays", "5 */2 * * 0"),
        ("every 2 hours between 9 and 17", "0 9-17/2 * * *"),
        ("every 5 hours between 9 and 17", "0 9-14/5 * * *"),
        ("every hour from 9:30 to 17:30", "30 9-17 * * *"),
        ("every hour from 9:30 to 17", "30 9-16 * * *"),
        ("every hour between 9 and 17 at minute 15", "15 9-16 * * *"),
        ("every 15 minutes between 9:00 and 17:00 on weekdays", "*/15 9-16 * * 1-5"),
        ("every 20 minutes from 8am to 6pm, monday to friday", "*/20 8-17 * * 1-5"),
        ("every 10 minutes between 20:00 and midnight", "*/10 20-23 * * *"),
        ("every 30 minutes between 22 and 6", "*/30 0,1,2,3,4,5,22,23 * * *"),
        ("every 2 hours between 22 and 6", "0 0,2,4,6,22 * * *"),
    ],
)
def test_phrases_that_become_cron(phrase, expression):
    assert parse(phrase, "Europe/Stockholm") == Cron(
        expression=expression, timezone="Europe/Stockholm", phrase=phrase.strip()
    )


@pytest.mark.parametrize(
    ("phrase", "seconds"),
    [
        ("every second", 1),
        ("every 5 seconds", 5),
        ("every 90s", 90),
        ("every 60 seconds", 60),
        ("every 7 minutes", 420),
        ("every 90 minutes", 5400),
        ("every 5 hours", 18_000),
        ("every 36 hours", 129_600),
        ("every 3 days", 259_200),
        ("every other day", 172_800),
        ("every 2 weeks", 1_209_600),
    ],
)
def test_phrases_that_become_an_interval(phrase, seconds):
    assert parse(phrase) == Every(seconds=seconds, phrase=phrase)


@pytest.mark.parametrize(
    ("phrase", "place", "suggestion", "message"),
    [
        ("every day at 25:00", "25:00", "every day at 23:00", "Hours go from 0 to 23."),
        ("every day at 24:00", "24:00", "every day at 00:00", "Hours go from 0 to 23."),
        ("every day at 9:75", "9:75", "every day at 9:59", "Minutes go from 0 to 59."),
        ("every day at 9:5 pm", "9:5 pm", "every day at 9:05 pm", "two digits"),
        ("every day at 9.30", "9.30", "every day at 9:30", "with a colon"),
        ("every day at 9:30:15", "9:30:15", "every day at 9:30", "seconds need a cron expression"),
        ("every day at 1430", "1430", "every day at 14:30", "is written like"),
        ("every day at 13 pm", "13 pm", "every day at 13:00", "hours go from 1 to 12"),
        ("every day at 0 am", "0 am", "every day at 00:00", "hours go from 1 to 12"),
        ("every day at 2 and 4 pm", "2", "every day at 2 pm and 4 pm", "in the morning or in the afternoon"),
        ("every hour between 9 and 5 pm", "9", "every hour between 9 am and 5 pm", "in the morning or"),
        ("every day at 9:00 and 17:30", "at 9:00 and 17:30", "every day at 09:00 and 17:00", "also run at 09:30"),
        ("every day at", "at", "every day at 09:00", "A time is missing after “at”."),
        ("every", "every", "every monday", "is missing after “every”"),
        ("every 15", "15", "every 15 minutes", "A unit is missing"),
        ("evry day at 2 am", "evry", "every day at 2 am", "“evry” is not understood."),
        ("every wensday at 9", "wensday", "every wednesday at 9", "not understood"),
        ("evry dya at 25:00", "evry", "every day at 23:00", "not understood"),
        ("every 15 minuts", "minuts", "every 15 minutes", "not understood"),
        ("at 9", "at 9", "every day at 9", "Say on which days."),
        ("between 9 and 17", "between 9 and 17", None, "goes with every hour"),
        ("every second monday", "every second monday", "every second monday of the month", "Say of which month."),
        ("every day at 9 at 17", "at 17", "every day at 9", "“at 9” says this already."),
        ("daily every hour", "every hour", "daily", "says this already"),
        ("every 0 minutes", "0", "every 1 minutes", "at least 1"),
        ("every 1.5 hours", "1.5 hours", "every 90 minutes", "whole numbers"),
        ("every 0.5 seconds", "0.5 seconds", None, "whole numbers"),
        ("every 2 days at 9:00", "at 9:00", "every 2 days", "counted in real time"),
        ("every 5 seconds on mondays", "on mondays", "every 5 seconds", "counted in real time"),
        ("every 45 minutes on weekdays", "on weekdays", "every 45 minutes", "do not divide an hour evenly"),
        ("every hour at 15", "at 15", "every hour at minute 15", "without a time of day"),
        ("every day at minute 15", "at minute 15", "every day", "goes with every hour"),
        ("every hour at minute 75", "75", "every hour at minute 59", "Minutes go from 0 to 59."),
        ("every hour between 9 and 5", "between 9 and 5", "every hour between 09:00 and 17:00", "before the first"),
        ("every hour between 9 and 9", "between 9 and 9", "every hour", "are the same"),
        ("every hour between 22 and 6 on mondays", "between 22 and 6", "every hour between 22:00 and 23:00 on mondays",
         "Over midnight"),
        ("every 15 minutes between 9:30 and 17:30", "between 9:30 and 17:30",
         "every 15 minutes between 09:00 and 17:00", "full hours"),
        ("every month on mondays", "on mondays", "every month on the first monday", "Say which one of the month."),
        ("every week on the 3rd", "every week", "on the 3rd", "do not go with weeks"),
        ("every friday the 13th", "the 13th", "every friday", "cron would run on both"),
        ("first weekday of the month", "first weekday", "last weekday of the month", "only the last one"),
        ("first of the month", "first", "first day of the month", "Say which day"),
        ("on the 32nd at 9", "32nd", "on the 31st at 9", "go from 1 to 31"),
        ("every year on 0 may", "0", "every year on 1 may", "go from 1 to 31"),
        ("on the 31st of february", "on the 31st", None, "Never fires: February has no 31st."),
        ("every 5 months", "every 5 months", "every 3 months", "Months go by"),
        ("every 2 years", "every 2 years", "every year", "one by one"),
        ("every 999999999 weeks", "every 999999999 weeks", None, "at most 100 years"),
        ("every 9999999999 weeks", "9999999999", None, "is not a number of weeks"),
        ("every monday and 1st at 9", "and", None, "does not belong here"),
        ("asdf", "asdf", None, "“asdf” is not understood."),
        ("tomorrow at 9", "tomorrow", None, "not understood"),
        ("every day at 9 please", "please", None, "not understood"),
        ("every day!", "!", None, "not understood"),
        ("🚂 every day", "🚂", None, "not understood"),
    ],
)  # fmt: skip
def test_everything_else_is_refused_at_the_word(phrase, place, suggestion, message):
    with pytest.raises(InvalidTrigger) as refused:
        parse(phrase)
    problem = refused.value.errors[0]
    assert problem.field == "schedule"
    assert phrase[problem.start : problem.end] == place
    assert message in problem.message
    assert problem.suggestion == suggestion
    if suggestion:
        assert problem.message.endswith(f"Did you mean: {suggestion}?")
        assert parse(suggestion).phrase == suggestion


@pytest.mark.parametrize("phrase", EXAMPLES)
def test_the_examples_of_the_error_message_are_understood(phrase):
    assert parse(phrase).phrase == phrase


figures = st.sampled_from(
    ["1", "2", "9", "15", "25", "1st", "31st", "9:30", "14:30", "25:00", "2", "am", "pm", ",", "0"]
)
words = st.lists(st.sampled_from(VOCABULARY) | figures, min_size=1, max_size=8).map(" ".join)


@given(words)
def test_any_row_of_known_words_is_a_trigger_or_a_refusal_that_helps(phrase):
    try:
        trigger = parse(phrase)
    except InvalidTrigger as refused:
        problem = refused.errors[0]
        assert 0 <= problem.start <= problem.end <= len(phrase)
        if problem.suggestion is not None:
            parse(problem.suggestion)
    else:
        assert trigger.describe()[0].isupper()
        assert phrase in (trigger.phrase, trigger.expression)  # five numbers are a cron expression


@given(st.integers(0, 23), st.integers(0, 59))
def test_every_time_of_day_means_itself(hour, minute):
    assert compile_phrase(f"every day at {hour:02d}:{minute:02d}").expression == f"{minute} {hour} * * *"
    half = "am" if hour < 12 else "pm"
    assert compile_phrase(f"daily {(hour - 1) % 12 + 1}:{minute:02d} {half}").expression == f"{minute} {hour} * * *"


@given(st.integers(1, 10_000), st.sampled_from([("minutes", 60, 60), ("hours", 3600, 24)]))
def test_what_divides_evenly_is_cron_and_all_else_an_interval(count, unit):
    name, seconds, base = unit
    meaning = compile_phrase(f"every {count} {name}")
    if base % count:
        assert (meaning.expression, meaning.seconds) == (None, count * seconds)
    else:
        assert meaning.expression
