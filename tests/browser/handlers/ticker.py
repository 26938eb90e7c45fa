"""A handler whose output can be watched: a line every 200 ms."""

import sys
import time

from enschedule_core import Cancel, handler


@handler(id="ticker", title="Tick", description="Prints a line every 200 ms", example={"lines": 20})
def ticker(data, context):
    total = int(data.get("lines", 20))
    for number in range(1, total + 1):
        if context.cancelled:
            raise Cancel("told to stop")
        print(f"tick {number} of {total}", flush=True)
        if number % 5 == 0:
            print(f"warning: {number} is a round number", file=sys.stderr, flush=True)
        context.progress(number / total, f"tick {number}")
        time.sleep(0.2)
    return {"ticks": total}
