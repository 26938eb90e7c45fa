"""What is refused of cron expressions, where the mistake is, and what is suggested instead."""

import pytest

from enschedule_core.errors import InvalidTrigger
from enschedule_core.triggers import Cron
from enschedule_core.triggers.cron_fields import MACROS


def refusal(expression):
    with pytest.raises(InvalidTrigger) as refused:
        Cron(expression=expression)
    problem = refused.value.errors[0]
    assert problem.field == "expression"
    assert refused.value.detail == problem.message
    return problem


@pytest.mark.parametrize(
    ("expression", "place", "suggestion", "message"),
    [
        ("61 * * * *", "61", "59 * * * *", "Minutes go from 0 to 59."),
        ("0 24 * * *", "24", "0 23 * * *", "Hours go from 0 to 23."),
        ("0 0 0 * *", "0", "0 0 1 * *", "Days of the month go from 1 to 31."),
        ("0 0 * 13 *", "13", "0 0 * 12 *", "Months go from 1 to 12."),
        ("0 0 * * 8", "8", "0 0 * * 6", "Days of the week go from 0 to 7."),
        ("60 0 0 * * *", "60", "59 0 0 * * *", "Seconds go from 0 to 59."),
        ("0 0 * * monday", "monday", "0 0 * * MON", "not “monday”"),
        ("0 0 * febr *", "febr", "0 0 * FEB *", "JAN to DEC"),
        ("5/10 * * * *", "5/10", "5-59/10 * * * *", "say where it ends"),
        ("0 0 * * 1/2", "1/2", "0 0 * * 1-6/2", "say where it ends"),
        ("*/0 * * * *", "0", "*/1 * * * *", "A step is at least 1."),
        ("*-5 * * * *", "*-5", "* * * * *", "whole range already"),
        ("0 22-6 * * *", "22-6", "0 22-23,0-6 * * *", "ends before it starts"),
        ("0 0 * * fri-sun", "fri-sun", "0 0 * * 5-7", "ends before it starts"),
        ("0 0 * * 6-1", "6-1", "0 0 * * 6,0-1", "ends before it starts"),
        ("0 22-6/2 * * *", "22-6/2", None, "ends before it starts"),
        ("00000 * * * *", "00000", None, "at most 4 digits"),
        ("*/99999 * * * *", "99999", None, "at most 4 digits"),
        ("0 0 ? * 1", "?", "0 0 * * 1", "“*” means the same"),
        ("0 0 15W * *", "15W", None, "not supported"),
        ("0 0 L-3 * *", "L-3", None, "not supported"),
        ("0 0 * * friL", "friL", "0 0 * * 5L", "the day's number"),
        ("0 0 * * 1#6", "6", "0 0 * * 1#5", "which one of the month"),
        ("0 0 * * 1#", "", "0 0 * * 1#1", "which one of the month"),
        ("0 0 * * L", "L", None, "Days of the week are"),
        ("1,,2 * * * *", "", None, "nothing between"),
        ("1, * * * *", "", None, "nothing between"),
        ("H * * * *", "H", None, "Minutes are 0 to 59"),
        ("0 9 * * *;", "*;", None, "cannot be read"),
        ("٣ * * * *", "٣", None, "cannot be read"),
        ("0 0 31 2 *", "31", "0 0 29 2 *", "Never fires: February has no 31st."),
        ("0 0 30 feb *", "30", "0 0 29 feb *", "Never fires: February has no 30th."),
        ("0 0 31 4,6 *", "31", "0 0 30 4,6 *", "Never fires: April and June have no 31st."),
        ("* * * *", "* * * *", "* * * * *", "this has 4"),
        ("0 0 9 * * 1 2027", "0 0 9 * * 1 2027", "0 0 9 * * 1", "this has 7"),
        ("", "", None, "this has 0"),
        ("@dayly", "@dayly", "@daily", "is not a macro"),
        ("@every 5m", "@every 5m", None, "without the @"),
        ("@reboot", "@reboot", None, "has no instant"),
    ],
)
def test_a_mistake_is_pointed_at(expression, place, suggestion, message):
    problem = refusal(expression)
    assert expression[problem.start : problem.end] == place
    assert problem.suggestion == suggestion
    assert message in problem.message
    if suggestion:
        assert problem.message.endswith(f"Did you mean: {suggestion}?")
        Cron(expression=suggestion)


def test_several_mistakes_are_mended_together():
    assert refusal("61 24 * * 8").suggestion == "59 23 * * 6"


def test_length_is_bounded():
    longest = f"{','.join(['1'] * 124)} * * * *"
    assert len(longest) == 255
    Cron(expression=longest)
    problem = refusal(longest.replace("1,", "1,1,", 1))
    assert "at most 256 characters" in problem.message
    assert problem.start == 256


@pytest.mark.parametrize(
    "expression",
    [
        *MACROS,
        "0 0 31 2 1",  # with a day of the week besides, that is enough
        "0 0 29 2 *",
        "0 0 L,15 * *",
        "0 0 * * 5L,1#1",
        "5-5/2 * * * *",
        "*,5 0-23/7 1-5,10-15/2 JAN-MAR,dec SUN,mon-Fri",
        "*/90 * * * *",
    ],
)
def test_what_cron_takes_is_taken(expression):
    assert Cron(expression=expression).describe()


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("* * * * *", "Every minute"),
        ("*/15 * * * *", "Every 15 minutes"),
        ("*/1 * * * *", "Every minute"),
        ("0 * * * *", "Every hour"),
        ("15 * * * *", "Every hour at minute 15"),
        ("5,35 * * * *", "Every hour at minutes 5 and 35"),
        ("0 */2 * * *", "Every 2 hours"),
        ("20 */2 * * *", "Every 2 hours at minute 20"),
        ("30 2 * * *", "Every day at 02:30"),
        ("0 9,17 * * *", "Every day at 09:00 and 17:00"),
        ("0,30 9 * * *", "Every day at 09:00 and 09:30"),
        ("0 9 * * 1-5", "Every weekday at 09:00"),
        ("0 9 * * MON-FRI", "Every weekday at 09:00"),
        ("0 9 * * 0,6", "Every Saturday and Sunday at 09:00"),
        ("0 9 * * 5-7", "Every Friday, Saturday and Sunday at 09:00"),
        ("*/15 9-16 * * 1-5", "Every 15 minutes from 09:00 to 16:45 on weekdays"),
        ("* 9 * * *", "Every minute from 09:00 to 09:59"),
        ("*/5 9-9 * * 1", "Every 5 minutes from 09:00 to 09:55 on Mondays"),
        ("0 9-17/2 * * *", "Every 2 hours from 09:00 to 17:00"),
        ("0 9-18/2 * * *", "Every 2 hours from 09:00 to 17:00"),
        ("*/30 0,1,2,3,4,5,22,23 * * *", "Every 30 minutes from 22:00 to 05:30"),
        ("0 12 1,15 * *", "On the 1st and 15th of every month at 12:00"),
        ("0 23 L * *", "On the last day of every month at 23:00"),
        ("0 23 LW 3 *", "On the last weekday of March at 23:00"),
        ("0 17 * * 5L", "On the last Friday of every month at 17:00"),
        ("0 9 * * 1#1,1#3", "On the first and third Monday of every month at 09:00"),
        ("0 0 1 */3 *", "On the 1st of January, April, July and October at 00:00"),
        ("0 12 24 12 *", "Every year on 24 December at 12:00"),
        ("*/10 * 24 DEC *", "Every 10 minutes on 24 December"),
        ("0 9 * 6-8 *", "Every day in June, July and August at 09:00"),
        ("*/10 * * * * *", "Every 10 seconds"),
        ("0 */5 * * * *", "Every 5 minutes"),
        # Left to cronsim's own explanation:
        ("*/7 * * * *", "Every seventh minute of every hour"),
        ("*/21 * * * *", "Every 21st minute of every hour"),
        ("0 0 13 * 5", "At 00:00 on the 13th day of month and on Friday"),
        ("30 0 9 * * *", "At 09:00:30 every day"),
    ],
)
def test_says_what_it_does(expression, words):
    assert Cron(expression=expression).describe() == words
