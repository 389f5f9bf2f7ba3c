# How a tool is built: PROG, SRCS and MAN come from its own Makefile.
TOP = ..
include ../mk/config.mk

LIB = ../common/libcommon.a
OBJS = $(SRCS:.c=.o)

all: $(PROG)

$(PROG): $(OBJS) $(LIB)
	$(LINK) -o $@ $(OBJS) $(LIB) $(LDLIBS)

# Objects follow the archive: a changed common header rebuilds every tool.
$(OBJS): $(HDRS) $(LIB)

.SUFFIXES: .c .o
.c.o:
	$(COMPILE) -c -o $@ $<

lint:
	mandoc -T lint -W warning $(MAN)

install: $(PROG)
	mkdir -p $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1
	install -m 755 $(PROG) $(DESTDIR)$(BINDIR)/$(PROG)
	install -m 644 $(MAN) $(DESTDIR)$(MANDIR)/man1/$(MAN)

uninstall:
	rm -f $(DESTDIR)$(BINDIR)/$(PROG) $(DESTDIR)$(MANDIR)/man1/$(MAN)

clean:
	rm -f $(PROG) $(OBJS)

.PHONY: all lint install uninstall clean
