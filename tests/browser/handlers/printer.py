"""A handler that prints many lines at once, or some every tenth of a second until it is told to stop."""

import sys
import time

from enschedule_core import Cancel, handler

LONG = 12_000_000  # more than is kept of a run


@handler(id="printer", title="Print a lot", description="Prints lines", example={"lines": 100})
def printer(data, context):
    for number in range(1, data.get("lines", 0) + 1):
        if number % 1000 == 777:
            print(f"needle {number}", file=sys.stderr)
        elif number == data.get("fails_at"):
            print("ValueError: the line that went wrong", file=sys.stderr)
        else:
            print(f"\x1b[36mline\x1b[0m {number}")
    if data.get("monster"):
        print("m" * LONG)
        print("\x1b]8;;http://evil.example/\x07link\x1b]8;;\x07 \u202egnp\u202c \x00nul 😀\u200d👩")
        sys.stdout.buffer.write(b"\xff\xfe bytes\n")
        print("10 %\r100 %")
    ticks = 0
    while data.get("goes_on"):
        if context.cancelled:
            raise Cancel("told to stop")
        for _ in range(5):
            ticks += 1
            print(f"tick {ticks}", flush=True)
        time.sleep(0.1)
