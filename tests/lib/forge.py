#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""usage: forge.py LAYOUT TAG

Beside the artifact of TAG, which has more than one group, others with one thing
wrong each go into the layout, and all their digests are right: as in
instar-registry(5).  The tag of each says what is wrong; they are printed."""
import hashlib
import json
import os
import struct
import subprocess
import sys

GROUP = 128 * 4096
HEAD, FILE, ONE = "<8sIIIIQ", "<QII", "<IHHQ32s"
FRAME = "<QIHH"
FORGED = []


def forged(f):
    """A function that makes one thing wrong in an Artifact."""
    FORGED.append(f)
    return f


class Group:
    def __init__(self, raw):
        (self.number, self.part, self.len, self.off,
         self.hash) = struct.unpack(ONE, raw)

    def raw(self):
        return struct.pack(ONE, self.number, self.part, self.len, self.off,
                           self.hash)


class Leaf:
    def __init__(self, raw):
        self.bitmap = raw[:16]
        self.pages, self.frames_n, self.zero = struct.unpack_from(
            "<HHI", raw, 16)
        at = 24 + 32 * self.pages
        self.hashes = raw[24:at]
        self.frames = [list(struct.unpack_from(FRAME, raw, at + 16 * i))
                       for i in range(self.frames_n)]
        self.slots = bytearray(raw[at + 16 * self.frames_n:])

    def raw(self):
        return (self.bitmap + struct.pack("<HHI", self.pages, self.frames_n,
                                          self.zero) + self.hashes +
                b"".join(struct.pack(FRAME, *f) for f in self.frames) +
                bytes(self.slots))


class Artifact:
    """Parts that a forgery changes; write() makes a manifest of them."""

    def __init__(self, layout, tag):
        self.layout = layout
        index = json.load(open(os.path.join(layout, "index.json")))
        for m in index["manifests"]:
            if m["annotations"]["org.opencontainers.image.ref.name"] == tag:
                self.manifest = json.loads(self.blob(m))
        self.envelope = json.loads(self.blob(self.manifest["config"]))
        self.parts = [bytearray(self.blob(d))
                      for d in self.manifest["layers"][1:]]
        self.types = [d["mediaType"].split(".")[-2]
                      for d in self.manifest["layers"][1:]]
        raw = self.blob(self.manifest["layers"][0])
        (self.magic, self.version, self.depth, self.files_n, self.parts_n,
         self.groups_n) = struct.unpack_from(HEAD, raw)
        self.files = [list(struct.unpack_from(FILE, raw, 32 + 16 * i))
                      for i in range(self.files_n)]
        at = 32 + 16 * self.files_n
        self.groups = [Group(raw[at + 48 * i:at + 48 * i + 48])
                       for i in range(self.groups_n)]
        self.tail = b""

    def blob(self, d):
        with open(os.path.join(self.layout, "blobs/sha256",
                               d["digest"][7:]), "rb") as f:
            return f.read()

    def index(self):
        return (struct.pack(HEAD, self.magic, self.version, self.depth,
                            self.files_n, self.parts_n, self.groups_n) +
                b"".join(struct.pack(FILE, *f) for f in self.files) +
                b"".join(g.raw() for g in self.groups) + self.tail)

    def tree(self):
        return self.types.index("tree")

    def pack(self):
        return self.types.index("pack")

    def leaf(self):
        g = self.groups[0]
        return Leaf(bytes(self.parts[g.part][g.off:g.off + g.len]))

    def set_leaf(self, raw):
        """In place of the first group's, at the end of its tree."""
        raw = raw.raw() if isinstance(raw, Leaf) else raw
        g = self.groups[0]
        g.off, g.len = len(self.parts[g.part]), len(raw)
        self.parts[g.part] += raw

    def set_frame(self, frame, pages=None):
        """In place of the first one, at the end of its pack."""
        leaf = self.leaf()
        pack = self.parts[leaf.frames[0][2]]
        leaf.frames[0][0], leaf.frames[0][1] = len(pack), len(frame)
        if pages is not None:
            leaf.frames[0][3] = pages
        pack += frame
        self.set_leaf(leaf)

    def first_frame(self):
        off, n, part, _ = self.leaf().frames[0]
        return bytes(self.parts[part][off:off + n])

    def pages(self, n):
        """The first n pages of the first frame, or so many more zeros."""
        raw = subprocess.run(["zstd", "-q", "-d", "-c"], check=True,
                             input=self.first_frame(),
                             stdout=subprocess.PIPE).stdout
        return raw[:n * 4096].ljust(n * 4096, b"\0")

    def put(self, data):
        digest = hashlib.sha256(data).hexdigest()
        with open(os.path.join(self.layout, "blobs/sha256", digest),
                  "wb") as f:
            f.write(data)
        return {"digest": "sha256:" + digest, "size": len(data)}

    def write(self, tag):
        m = self.manifest
        if isinstance(self.envelope, dict):
            self.envelope = json.dumps(self.envelope).encode()
        m["config"].update(self.put(self.envelope))
        m["layers"][0].update(self.put(self.index()))
        for d, part in zip(m["layers"][1:], self.parts):
            d.update(self.put(bytes(part)))
        d = self.put(json.dumps(m).encode())
        d["mediaType"] = "application/vnd.oci.image.manifest.v1+json"
        d["annotations"] = {"org.opencontainers.image.ref.name": tag}
        return d


def compress(data, *options):
    """A frame that says how much is in it, as of a file."""
    with open("forge.raw", "wb") as f:
        f.write(data)
    out = subprocess.run(["zstd", "-q", "-c", *options, "forge.raw"],
                         check=True, stdout=subprocess.PIPE).stdout
    os.unlink("forge.raw")
    return out


def saying(size, frame):
    """The blocks of the frame behind a head that says so many bytes: RFC 8878,
    section 3.1.1.1, one segment of a size of four bytes."""
    d = frame[4]
    fcs, single = [0, 2, 4, 8][d >> 6], d >> 5 & 1
    head = 5 + (0 if single else 1) + [0, 1, 2, 4][d & 3] + \
        (1 if single and fcs == 0 else fcs)
    return frame[:4] + b"\xa0" + struct.pack("<I", size) + frame[head:]


# The index.

@forged
def index_magic(a):
    a.magic = b"INSTARIY"


@forged
def index_version(a):
    a.version = 2


@forged
def index_depth(a):
    a.depth = 17


@forged
def index_files_none(a):
    a.files_n = 0
    a.files = []


@forged
def index_files_more(a):
    a.files_n += 1
    a.files.append([0, 0, 0])


@forged
def index_files_all(a):
    a.files_n = 0xffffffff


@forged
def index_parts(a):
    a.parts_n += 1


@forged
def index_groups_more(a):
    a.groups_n += 1


@forged
def index_groups_all(a):
    a.groups_n = (1 << 64) - 1


@forged
def index_tail(a):
    a.tail = b"\0"


@forged
def index_cut(a):
    a.groups.pop()


@forged
def index_empty(a):
    a.index = lambda: b""


@forged
def index_zero(a):
    a.files[0][2] = 1


@forged
def index_size(a):
    a.files[0][0] += 1


@forged
def index_size_huge(a):
    a.files[0][0] = 1 << 63


@forged
def index_share(a):
    """A group too many in one file, one less in the other."""
    a.files[0][1] += 1
    a.files[1][1] -= 1


@forged
def index_order(a):
    a.groups[0].number, a.groups[1].number = (a.groups[1].number,
                                              a.groups[0].number)


@forged
def index_twice(a):
    a.groups[1].number = a.groups[0].number


@forged
def index_swapped(a):
    """What belongs to one group stands at the other."""
    a.groups[0].hash, a.groups[1].hash = a.groups[1].hash, a.groups[0].hash


@forged
def index_beyond(a):
    a.groups[a.files[0][1] - 1].number = a.files[0][0] // GROUP + 1


@forged
def index_gap(a):
    """A group of data that is not listed."""
    del a.groups[0]
    a.groups_n -= 1
    a.files[0][1] -= 1


@forged
def index_hash(a):
    a.groups[0].hash = bytes(32)


@forged
def index_part_pack(a):
    a.groups[0].part = a.pack()


@forged
def index_part_none(a):
    a.groups[0].part = 9


@forged
def index_leaf_short(a):
    a.groups[0].len = 23


@forged
def index_leaf_long(a):
    a.groups[0].len = 6425


@forged
def index_off(a):
    a.groups[0].off = len(a.parts[a.tree()]) - a.groups[0].len + 1


@forged
def index_off_huge(a):
    a.groups[0].off = (1 << 64) - 1


@forged
def index_overlap(a):
    """Two groups have one leaf."""
    a.groups[1].off, a.groups[1].len = a.groups[0].off, a.groups[0].len


@forged
def index_overlap_half(a):
    a.groups[1].off = a.groups[0].off + 24


# Leaves.

@forged
def leaf_nothing(a):
    a.set_leaf(bytes(24))


@forged
def leaf_pages(a):
    leaf = a.leaf()
    leaf.pages -= 1
    a.set_leaf(leaf)


@forged
def leaf_pages_most(a):
    leaf = a.leaf()
    leaf.pages = 0xffff
    a.set_leaf(leaf)


@forged
def leaf_frames_none(a):
    leaf = a.leaf()
    leaf.frames_n, leaf.frames = 0, []
    a.set_leaf(leaf)


@forged
def leaf_frames_more(a):
    """One that no page has."""
    leaf = a.leaf()
    leaf.frames_n += 1
    leaf.frames.append(leaf.frames[0])
    a.set_leaf(leaf)


@forged
def leaf_zero(a):
    leaf = a.leaf()
    leaf.zero = 1
    a.set_leaf(leaf)


@forged
def leaf_tail(a):
    a.set_leaf(a.leaf().raw() + b"\0")


@forged
def leaf_cut(a):
    a.set_leaf(a.leaf().raw()[:-1])


@forged
def leaf_bit(a):
    """A page more that is no zeros, of which nothing is told."""
    leaf = a.leaf()
    bits = int.from_bytes(leaf.bitmap, "little")
    free = next((i for i in range(128) if not bits >> i & 1), None)
    bits = bits ^ 1 if free is None else bits | 1 << free
    leaf.bitmap = bits.to_bytes(16, "little")
    a.set_leaf(leaf)


@forged
def leaf_hash(a):
    leaf = a.leaf()
    leaf.hashes = bytes(32) + leaf.hashes[32:]
    a.set_leaf(leaf)


@forged
def leaf_order(a):
    leaf = a.leaf()
    leaf.slots[0], leaf.slots[-2] = leaf.slots[-2], leaf.slots[0]
    a.set_leaf(leaf)


@forged
def leaf_slot(a):
    leaf = a.leaf()
    leaf.slots[1] = leaf.frames[0][3]
    a.set_leaf(leaf)


@forged
def leaf_slot_other(a):
    """Two pages change places."""
    leaf = a.leaf()
    leaf.slots[1], leaf.slots[3] = leaf.slots[3], leaf.slots[1]
    a.set_leaf(leaf)


@forged
def leaf_frame(a):
    leaf = a.leaf()
    leaf.slots[0] = 255
    a.set_leaf(leaf)


def frame_field(a, at, value):
    leaf = a.leaf()
    leaf.frames[0][at] = value
    a.set_leaf(leaf)


@forged
def frame_off(a):
    frame_field(a, 0, len(a.parts[a.pack()]))


@forged
def frame_off_huge(a):
    frame_field(a, 0, (1 << 64) - 1)


@forged
def frame_len_none(a):
    frame_field(a, 1, 0)


@forged
def frame_len_short(a):
    frame_field(a, 1, len(a.first_frame()) - 1)


@forged
def frame_len_long(a):
    frame_field(a, 1, 266241)


@forged
def frame_part_tree(a):
    frame_field(a, 2, a.tree())


@forged
def frame_part_none(a):
    frame_field(a, 2, 0xffff)


@forged
def frame_pages_none(a):
    frame_field(a, 3, 0)


@forged
def frame_pages_most(a):
    frame_field(a, 3, 65)


@forged
def frame_pages_less(a):
    frame_field(a, 3, 15)


@forged
def frame_pages_more(a):
    frame_field(a, 3, 17)


# What is in a frame.

@forged
def frame_garbage(a):
    a.set_frame(bytes(range(256)))


@forged
def frame_bomb(a):
    a.set_frame(compress(bytes(64 << 20)))


@forged
def frame_bomb_hidden(a):
    """It says 16 pages, and has 64 MiB."""
    a.set_frame(saying(16 * 4096, compress(bytes(64 << 20), "--no-check")))


@forged
def frame_short(a):
    a.set_frame(compress(a.pages(15)))


@forged
def frame_page_more(a):
    a.set_frame(compress(a.pages(17)))


@forged
def frame_unsized(a):
    a.set_frame(subprocess.run(["zstd", "-q", "-c"], input=a.pages(16),
                               check=True, stdout=subprocess.PIPE).stdout)


@forged
def frame_page_hidden(a):
    """17 pages, of which it says 16."""
    a.set_frame(saying(16 * 4096, compress(a.pages(17), "--no-check")))


@forged
def frame_page_lacks(a):
    """15 pages, of which it says 16."""
    a.set_frame(saying(16 * 4096, compress(a.pages(15), "--no-check")))


@forged
def frame_tail(a):
    a.set_frame(a.first_frame() + b"\0")


@forged
def frame_two(a):
    a.set_frame(a.first_frame() + a.first_frame())


@forged
def frame_skippable(a):
    a.set_frame(struct.pack("<II", 0x184d2a50, 8) + bytes(8) +
                a.first_frame())


@forged
def frame_skippable_only(a):
    a.set_frame(struct.pack("<II", 0x184d2a50, 8) + bytes(8))


@forged
def frame_window(a):
    """A window of 3.75 TiB."""
    frame = a.first_frame()
    a.set_frame(frame[:4] + b"\x40\xff" + frame[5:])


@forged
def frame_dictionary(a):
    """Of a dictionary that nobody has."""
    frame = a.first_frame()
    a.set_frame(frame[:4] + bytes([frame[4] | 3]) + b"\1\2\3\4" + frame[5:])


@forged
def frame_checksum(a):
    frame = compress(a.pages(16), "--check")
    a.set_frame(frame[:-1] + bytes([frame[-1] ^ 1]))


# The envelope.

@forged
def envelope_json(a):
    a.envelope = b"{"


@forged
def envelope_version(a):
    a.envelope["version"] = 2


@forged
def envelope_name(a):
    a.envelope["files"][0] = "../memory.raw"


@forged
def envelope_name_hidden(a):
    name = a.envelope["files"][0]
    a.envelope["files"][0] = "a/b"
    a.envelope["digests"]["a/b"] = a.envelope["digests"].pop(name)


@forged
def envelope_twice(a):
    a.envelope["files"][1] = a.envelope["files"][0]


@forged
def envelope_files_none(a):
    del a.envelope["files"]


@forged
def envelope_digest_none(a):
    del a.envelope["digests"][a.envelope["files"][0]]


@forged
def envelope_digest(a):
    d = a.envelope["digests"][a.envelope["files"][0]]
    d["fsverity"] = "sha256:" + "0" * 64


@forged
def envelope_size(a):
    a.envelope["digests"][a.envelope["files"][0]]["size"] += 1


@forged
def envelope_trailer(a):
    a.envelope["trailer"] = True


@forged
def envelope_itself(a):
    """A file that has the envelope's name."""
    name = a.envelope["files"][0]
    a.envelope["files"][0] = "snapshot.json"
    a.envelope["digests"]["snapshot.json"] = a.envelope["digests"].pop(name)


def main():
    layout, tag = sys.argv[1:]
    path = os.path.join(layout, "index.json")
    index = json.load(open(path))
    for f in FORGED:
        name = f.__name__.replace("_", "-")
        a = Artifact(layout, tag)
        f(a)
        index["manifests"].append(a.write(name))
        print(name)
    with open(path, "w") as out:
        json.dump(index, out)


if __name__ == "__main__":
    main()
