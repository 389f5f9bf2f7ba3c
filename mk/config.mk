# What a builder may change: on make's command line, or in the environment.
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
DATADIR ?= $(PREFIX)/share
MANDIR ?= $(DATADIR)/man
UNITDIR ?= $(PREFIX)/lib/systemd
DESTDIR ?=
CC ?= cc
AR ?= ar
STD = -std=c11 -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64
WARN = -Wall -Wextra -Wshadow -Wconversion -Wcast-qual -Wpointer-arith \
	-Wwrite-strings -Wvla -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wundef -Wformat=2 -Wimplicit-fallthrough
# Checks build with WERROR=-Werror; a release never fails on a warning.
WERROR ?=
OPTIMIZE ?= -O2
HARD = -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
HARDLINK = -pie -Wl,-z,relro,-z,now
# SAN="-fsanitize=address,undefined -fno-sanitize-recover=all"
SAN ?=
# HOOKS=-DTEST_HOOKS lets tests stop a tool at a named step (base/hook.h).
HOOKS ?=
# OPTIMIZE goes behind CFLAGS, where some a make has an -O of its own.
COMPILE = $(CC) $(STD) $(WARN) $(WERROR) $(HARD) $(SAN) $(HOOKS) $(CPPFLAGS) \
	$(CFLAGS) $(OPTIMIZE) -I$(TOP)/common
LINK = $(CC) $(SAN) $(HARDLINK) $(LDFLAGS)
# We want single functions of these, by their archives where that works
# (mk/libs.sh).  Debian's archive of libzstd compresses without threads: who
# compresses sets LIBZSTD = -lzstd, which goes before the archive.
PARTLIBS = -larchive -lcrypto -lz -llzma -lbz2 -llz4 -lzstd
OTHERLIBS = -ljansson -lcrypt -lpthread -ldl
LDLIBS = -Wl,--as-needed $(LIBZSTD) `cat $(TOP)/common/libs.stamp` $(OTHERLIBS)
# What talks to registries; it has no place in a tool that must start fast.
NETLIBS = -lcurl
# All of them as they are, for what need not start fast.
SHAREDLIBS = -Wl,--as-needed $(PARTLIBS) $(OTHERLIBS) $(NETLIBS)
# For a tool that ends within milliseconds, of which the dynamic loader would
# take a tenth: one that sets LINK = $(QUICKLINK) behind mk/prog.mk has none,
# where that works (mk/quicklink.sh, mk/link.sh).
QUICKLINK = sh $(TOP)/mk/link.sh "`cat $(TOP)/common/quicklink.stamp`" \
	"$(HARDLINK)" $(CC) $(SAN) $(LDFLAGS)
