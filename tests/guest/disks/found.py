#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""found.py LINK READY: how long after udev's event is the device in the tree?

Makes the file READY when it listens, waits until the symlink LINK is there and
until udev has told of the block device that it names, and prints the
milliseconds between the two: negative where the device was found before udev
had looked at all of its rules. Ends with 1 after a minute.
"""
import os
import select
import socket
import sys
import time

UEVENTS, GROUP_UDEV = 15, 2  # NETLINK_KOBJECT_UEVENT; libudev's group


def main(link, ready):
    heard = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, UEVENTS)
    heard.bind((0, GROUP_UDEV))
    open(ready, "w").close()
    added = {}
    node = None
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if select.select([heard], [], [], 0.001)[0]:
            words = heard.recv(65536).split(b"\0")
            if b"ACTION=add" in words and b"SUBSYSTEM=block" in words:
                for word in words:
                    if word.startswith(b"DEVNAME="):
                        added.setdefault(word[8:].decode(), time.monotonic())
        if not node:
            try:
                node = os.readlink(link)
                found = time.monotonic()
            except OSError:
                pass
        if node in added:
            print("%.0f" % ((found - added[node]) * 1000))
            return 0
    return 1


sys.exit(main(*sys.argv[1:]))
