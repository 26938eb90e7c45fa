"""A handler that prints what an attacker would."""

import sys

from enschedule_core import handler

HOSTILE = "<script>window.pwned=1</script><img src=x onerror='window.pwned=2'>\"'><svg onload=window.pwned=3>"


@handler(id="hostile", title=HOSTILE, description=f"[link](javascript:pwned=4) {HOSTILE}", example={"x": HOSTILE})
def hostile(data):
    print(HOSTILE)
    print("\x1b[31mred\x1b[0m \x1b]8;;javascript:window.pwned=5\x07link\x1b]8;;\x07 \x1b[2Jcleared \x07bell")
    print("\u202egnp.exe\u202c \x00nul \x9b31mc1")
    print("progress 1\rprogress 2")
    sys.stdout.buffer.write(b"bytes \xff\xfe end\n")
    print(HOSTILE, file=sys.stderr)
    if data.get("fail"):
        raise ValueError(HOSTILE)
    return {"html": HOSTILE}
