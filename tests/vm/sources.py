#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""usage: tests/vm/sources.py ARCH SUITE...   (Debian's names: amd64, trixie-security)

Print apt sources for these suites of Debian, made from the sources of this system:
its own Debian entries with the suite exchanged. Knows no host: where this system gets
Debian from, we get the rest of Debian from. Fails where that cannot be told; leaves out
-security where this system has none. Reads the files itself, as apt only tells of
sources whose lists it has. Changes nothing.
"""
import glob
import os
import shlex
import sys

NAMES = {"buster", "bullseye", "bookworm", "trixie", "forky", "duke", "sid",
         "stable", "oldstable", "oldoldstable", "testing", "unstable", "experimental"}
ETC = os.environ.get("PF_VM_APT_ETC", "/etc/apt")


def entries_of_list(text):
    """One-line entries as (types, uris, suites, fields to keep)."""
    for line in text.splitlines():
        words = line.split("#", 1)[0]
        if not words.strip():
            continue
        options = {}
        head, _, rest = words.partition("[")
        if rest and len(head.split()) == 1:
            inside, _, rest = rest.partition("]")
            for option in shlex.split(inside):
                key, _, value = option.partition("=")
                options[key.rstrip("+-").lower()] = value
            words = head + rest
        words = words.split()
        if len(words) < 4:
            continue
        keep = {k: v.replace(",", " ") for k, v in options.items() if k in ("signed-by", "trusted")}
        yield words[:1], words[1:2], words[2:3], {k.title(): v for k, v in keep.items()}


def stanzas(text):
    fields, last = {}, None
    for line in text.splitlines() + [""]:
        if line.startswith("#"):
            continue
        if not line.strip():
            if fields:
                yield fields
            fields, last = {}, None
        elif line[0] in " \t" and last:
            fields[last] += "\n" + line
        else:
            key, _, value = line.partition(":")
            last = key.strip().lower()
            fields[last] = value.strip()


def entries_of_sources(text):
    for fields in stanzas(text):
        if fields.get("enabled", "yes").lower() in ("no", "false", "0"):
            continue
        keep = {k.title(): fields[k] for k in ("signed-by", "trusted") if k in fields}
        yield (fields.get("types", "").split(), fields.get("uris", "").split(),
               fields.get("suites", "").split(), keep)


def system_entries():
    lists = [ETC + "/sources.list"] + sorted(glob.glob(ETC + "/sources.list.d/*.list"))
    for path, reader in ([(p, entries_of_list) for p in lists] +
                         [(p, entries_of_sources) for p in sorted(glob.glob(ETC + "/sources.list.d/*.sources"))]):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                yield from reader(file.read())
        except OSError:
            continue


def kind_of(suite):
    """"main", "security" or None: what this suite is of Debian."""
    base = suite.replace("/updates", "-security")
    for end in ("-security", "-updates", "-backports"):
        if base.endswith(end):
            base = base[:-len(end)]
            if base in NAMES:
                return "security" if end == "-security" else None
    return "main" if base in NAMES else None


def stanza(uri, suite, arch, keep):
    fields = {"Types": "deb", "URIs": uri, "Suites": suite, "Components": "main", "Architectures": arch, **keep}
    return "".join("%s: %s\n" % field for field in fields.items())


def main():
    arch, suites = sys.argv[1], sys.argv[2:]
    archives = {}
    for types, uris, theirs, keep in system_entries():
        for kind in {kind_of(s) for s in theirs} - {None}:
            if "deb" in types and uris:
                archives.setdefault(kind, (uris[0], keep))
    for suite in suites:
        kind = "security" if suite.endswith("-security") else "main"
        if kind in archives:
            print(stanza(archives[kind][0], suite, arch, archives[kind][1]))
    if "main" not in archives:
        sys.exit("the system's apt sources name no archive of Debian")


if __name__ == "__main__":
    main()
