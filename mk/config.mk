# What a builder may change: on make's command line, or in the environment.
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
MANDIR ?= $(PREFIX)/share/man
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
HARD = $(OPTIMIZE) -g -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
HARDLINK = -pie -Wl,-z,relro,-z,now -Wl,--as-needed
# SAN="-fsanitize=address,undefined -fno-sanitize-recover=all"
SAN ?=
# HOOKS=-DTEST_HOOKS lets tests stop a tool at a named step (base/hook.h).
HOOKS ?=
COMPILE = $(CC) $(STD) $(WARN) $(WERROR) $(HARD) $(SAN) $(HOOKS) $(CPPFLAGS) \
	$(CFLAGS) -I$(TOP)/common
LINK = $(CC) $(SAN) $(HARDLINK) $(LDFLAGS)
# Archives of these where there are any: we want single functions of them, and
# to load all of them takes longer than what most tools do.
LIBPARTS != for l in crypto z lzma bz2 lz4; do \
	f=`$(CC) -print-file-name=lib$$l.a`; \
	case $$f in /*) echo $$f;; *) echo -l$$l;; esac; done
# Debian's archive of libzstd compresses without threads: who compresses sets
# LIBZSTD = -lzstd before this is included.
UNZSTD != f=`$(CC) -print-file-name=libzstd.a`; \
	case $$f in /*) echo $$f;; *) echo -lzstd;; esac
LIBZSTD ?= $(UNZSTD)
LDLIBS = $(LIBPARTS) $(LIBZSTD) -larchive -ljansson -lcrypt -lpthread -ldl
# For a tool that ends within milliseconds, of which the dynamic loader would
# take a tenth: one that sets LINK = $(QUICKLINK) behind mk/prog.mk has none,
# where that works (mk/quicklink.sh).
QUICKLINK = $(CC) $(SAN) `cat $(TOP)/common/quicklink.stamp` $(LDFLAGS)
