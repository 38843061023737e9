# SPDX-License-Identifier: BSD-2-Clause
"""Answers questions about random keys from a cache of the last MOST answers."""
import functools
import random
import sys
import time

most, per_s = int(sys.argv[1]), int(sys.argv[2])


@functools.lru_cache(maxsize=most)
def answer(n):
    return [str(n + i) for i in range(12)]


while True:
    for _ in range(per_s):
        answer(random.randrange(3 * most))
    time.sleep(1)
