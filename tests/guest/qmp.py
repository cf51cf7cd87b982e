#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""qmp.py COMMAND [ARGUMENTS-AS-JSON]: asks the monitor of the emulator that
this guest in QEMU runs in, and prints what it returns. Exit status 1, with the
monitor's sentence, where it refuses.

Programs that ask more than once import Monitor: starting anything is slow in
such a guest.
"""
import fcntl
import json
import os
import select
import sys
import time

PORT = "/run/guest/qmp"
LOCK = "/run/guest/qmp.lock"
WAIT_S = 60


class Refused(Exception):
    """What the monitor says of a command that it did not carry out."""


class Monitor:
    """The port can be open once: whoever else wants it waits until close()."""

    def __init__(self):
        self.lock = open(LOCK, "a+")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.port = os.open(PORT, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        self.rest = b""
        self.serial = 0
        self.lock.seek(0)
        if not self.lock.read():
            self.ask("qmp_capabilities")
            self.lock.write("ready\n")
            self.lock.flush()

    def close(self):
        os.close(self.port)
        self.lock.close()

    def line(self, end):
        while b"\n" not in self.rest:
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.port], [], [], left)[0]:
                raise Refused("the monitor does not answer")
            try:
                self.rest += os.read(self.port, 65536)
            except BlockingIOError:
                pass
        line, self.rest = self.rest.split(b"\n", 1)
        return json.loads(line)

    def ask(self, command, **arguments):
        """Events that come before the answer are dropped: look, do not wait
        for them."""
        self.serial += 1
        own = "%d.%d" % (os.getpid(), self.serial)
        text = json.dumps({"execute": command, "id": own,
                           "arguments": arguments}) + "\n"
        os.write(self.port, text.encode())
        end = time.monotonic() + WAIT_S
        while True:
            answer = self.line(end)
            if answer.get("id") != own:
                continue
            if "error" in answer:
                raise Refused(answer["error"]["desc"])
            return answer["return"]


def main(command, arguments="{}"):
    try:
        print(json.dumps(Monitor().ask(command, **json.loads(arguments))))
    except Refused as why:
        sys.exit("%s: %s" % (command, why))


if __name__ == "__main__":
    main(*sys.argv[1:])
