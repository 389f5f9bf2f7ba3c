TOP = .
include mk/config.mk

# Directories in the order in which they are built.
SUBDIRS = common

all lint install uninstall clean:
	@for d in $(SUBDIRS); do \
		(cd $$d && $(MAKE) $@) || exit 1; \
	done

.PHONY: all lint install uninstall clean
