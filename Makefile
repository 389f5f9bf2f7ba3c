TOP = .
include mk/config.mk

# Directories in the order in which they are built.
# A tool is a directory NAME with NAME.c in it; a new one needs no line here.
TOOLS != for d in */; do d=$${d%/}; [ ! -e $$d/$$d.c ] || echo $$d; done
SUBDIRS = common $(TOOLS) share

all install uninstall:
	@for d in $(SUBDIRS); do \
		(cd $$d && $(MAKE) $@) || exit 1; \
	done

clean:
	@for d in $(SUBDIRS) tests; do \
		(cd $$d && $(MAKE) $@) || exit 1; \
	done
	rm -rf build

# The tests, built and run under build/: quick, with sanitizers, the long ones,
# which end with each fuzzer for FUZZ_SECONDS (60) and, as root, check-matrix.
# TESTS="foo_test" chooses.  check-matrix tries Debian's releases in roots of
# their own; SUITES="bookworm trixie" and STEPS="demo check deb install states"
# choose of it (mk/matrix.sh).
check:
	@MAKE="$(MAKE)" sh mk/check.sh check

check-san:
	@MAKE="$(MAKE)" sh mk/check.sh san

check-long:
	@MAKE="$(MAKE)" sh mk/check.sh long

check-matrix:
	@sh mk/matrix.sh

lint:
	@MAKE="$(MAKE)" SUBDIRS="$(SUBDIRS)" sh mk/lint.sh

bench: all
	@for b in bench/*.sh; do sh "$$b" || exit 1; done

# BENCHES picks some of them.
bench-report: all
	@mkdir -p build/bench
	@rm -f build/bench/results.jsonl
	@for b in $${BENCHES:-bench/*_bench.sh}; do \
		BENCH_JSON=$$PWD/build/bench/results.jsonl sh "$$b" || exit 1; \
	done
	@python3 bench/report.py build/bench/results.jsonl \
	    >build/bench/report.html
	@echo build/bench/report.html

# The sources as one file, build/dist/instar-VERSION.tar.gz.
dist:
	@sh mk/dist.sh

# Debian's packages, in build/deb: as root, or with what debian/control wants.
deb:
	@sh mk/deb.sh

demo: all
	@cd tests/guest && $(MAKE) linux
	@sh examples/demo.sh
	@sh examples/fleet.sh

.PHONY: all install uninstall clean check check-san check-long check-matrix \
	lint bench bench-report demo dist deb
