# onnxopt - see README.md; `make help` lists the targets.
#
# Everything is built in $(BUILD), one folder per variant: the plain build in $(BUILD)
# itself, the others ($(BUILD)/asan, clang, static) beside it. No recursion: a variant is
# a set of rules made from one template.

ifeq ($(origin CC),default)
CC        := gcc
endif
BUILD     ?= build
PREFIX    ?= /usr/local
DESTDIR   ?=
PYTHON    ?= python3
VERSION   := 0.1.0
ABI       := 0
Q         := $(if $(V),,@)

FLOORS    ?= base ir proto ops rules verify passes api cli
OPT       ?= -O2
CFLAGS    ?= -g
LDFLAGS   ?=
WARN      := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
             -Wpointer-arith -Wvla -Wundef -Wwrite-strings -Wformat=2
HARDEN    ?= -fstack-protector-strong -D_FORTIFY_SOURCE=2
OXFLAGS   := -std=c11 -D_DEFAULT_SOURCE -D_POSIX_C_SOURCE=200809L -DOX_VERSION='"$(VERSION)"' \
             -DOX_PREFIX='"$(PREFIX)"' \
             -ffp-contract=off -fPIC -fvisibility=hidden $(WARN) -I. -Iinclude
LIBS      := -Wl,--as-needed -lprotobuf-c -lyaml -lz -lm
SANITIZE  := -fsanitize=address,undefined -fno-sanitize-recover=undefined

sources    = $(foreach f,$(1),$(wildcard $(f)/*.c))
objects    = $(patsubst %.c,$(1)/obj/%.o,$(call sources,$(2))) \
             $(if $(filter proto,$(2)),$(1)/obj/onnx-ml.pb-c.o) $(if $(filter rules,$(2)),$(1)/obj/rule_files.o) \
             $(if $(filter passes,$(2)),$(1)/obj/pass_pages.o)
library    = $(call objects,$(1),$(filter-out cli,$(FLOORS)))
UNITS     := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
PB        := $(BUILD)/gen/onnx-ml.pb-c.c
RULES     := $(BUILD)/gen/rule_files.c
PAGES     := $(BUILD)/gen/pass_pages.c

all: $(BUILD)/onnxopt                       ## the tool, build/onnxopt (default)

# The names of all sources. What is made of several of them depends on it: one that disappears
# changes no time of what is left.
SOURCES   := $(foreach f,$(FLOORS),$(wildcard $(f)/*.c)) $(wildcard rules/*.yaml)

$(BUILD)/sources.list: FORCE
	$(Q)mkdir -p $(@D); echo $(SOURCES) | cmp -s - $@ || echo $(SOURCES) >$@

.PHONY: FORCE

# variant: folder, compiler, compile flags, link flags
define variant
$(1)/obj/%.o: %.c | $(if $(filter proto,$(FLOORS)),$(PB))
	$(Q)mkdir -p $$(@D); echo "  CC     $$@"; \
	$(2) $(OXFLAGS) -I$(BUILD)/gen $(3) -MMD -MP -c -o $$@ $$<

$(1)/obj/onnx-ml.pb-c.o: $(PB)
	$(Q)mkdir -p $$(@D); $(2) -std=c11 -fPIC -fvisibility=hidden $(3) -I$(BUILD)/gen -c -o $$@ $$<

$(1)/obj/rule_files.o: $(RULES)
	$(Q)mkdir -p $$(@D); $(2) -std=c11 -fPIC -fvisibility=hidden $(3) -c -o $$@ $$<

$(1)/obj/pass_pages.o: $(PAGES)
	$(Q)mkdir -p $$(@D); $(2) $(OXFLAGS) $(3) -c -o $$@ $$<

$(1)/libonnxopt.a: $(call library,$(1)) $(BUILD)/sources.list
	$(Q)rm -f $$@; ar rcs $$@ $$(filter %.o,$$^)

$(1)/onnxopt: $(call objects,$(1),cli) $(1)/libonnxopt.a
	$(Q)echo "  LD     $$@"; $(2) $(3) -o $$@ $$^ $(4) $(LIBS)

$(1)/unit/%: tests/unit/%.c $(1)/libonnxopt.a
	$(Q)mkdir -p $$(@D); echo "  CC     $$@"; \
	$(2) $(OXFLAGS) -I$(BUILD)/gen $(3) -MMD -MP -o $$@ $$< $(1)/libonnxopt.a $(4) $(LIBS) -lcriterion

$(1)/bench/%: bench/%.c $(1)/libonnxopt.a
	$(Q)mkdir -p $$(@D); echo "  CC     $$@"; \
	$(2) $(OXFLAGS) -I$(BUILD)/gen $(3) -MMD -MP -o $$@ $$< $(1)/libonnxopt.a $(4) $(LIBS)

$(1)/fuzz/%: fuzz/%.c $(1)/libonnxopt.a
	$(Q)mkdir -p $$(@D); echo "  CC     $$@"; \
	$(2) $(OXFLAGS) -I$(BUILD)/gen $(3) -MMD -MP -o $$@ $$< $(1)/libonnxopt.a $(4) $(LIBS)
endef
$(eval $(call variant,$(BUILD),$(CC),$(OPT) $(HARDEN) $(CFLAGS),$(LDFLAGS)))
$(eval $(call variant,$(BUILD)/asan,$(CC),-O1 -g -fno-omit-frame-pointer $(SANITIZE),$(SANITIZE)))
$(eval $(call variant,$(BUILD)/clang,clang,$(OPT) $(HARDEN) -g,))
$(eval $(call variant,$(BUILD)/static,$(CC),$(OPT) $(HARDEN) -g -DOX_STATIC,-static))
$(eval $(call variant,$(BUILD)/arm64,aarch64-linux-gnu-gcc,-O2 -g -DOX_STATIC -isystem $(BUILD)/arm64/sysroot/usr/include,\
	-static -L$(BUILD)/arm64/sysroot/usr/lib/aarch64-linux-gnu))

$(PB): proto/onnx-ml.proto
	$(Q)mkdir -p $(@D); echo "  PROTO  $<"; protoc-c --c_out=$(@D) --proto_path=proto $<

$(RULES): $(wildcard rules/*.yaml) rules/embed.sh $(BUILD)/sources.list
	$(Q)mkdir -p $(@D); echo "  RULES  $@"; sh rules/embed.sh rules/*.yaml >$@.tmp && mv $@.tmp $@

$(PAGES): $(wildcard passes/*.c) passes/passes.def passes/pages.sh $(BUILD)/sources.list
	$(Q)mkdir -p $(@D); echo "  PAGES  $@"; sh passes/pages.sh >$@.tmp && mv $@.tmp $@

$(BUILD)/libonnxopt.so.$(ABI): $(call library,$(BUILD)) $(BUILD)/sources.list
	$(Q)echo "  LD     $@"; $(CC) -shared -Wl,-soname,$(@F) -Wl,-z,relro,-z,now -o $@ $(filter %.o,$^) $(LDFLAGS) $(LIBS)

# Plugins for tests; the first three are worked examples, too.
PLUGINS   := $(patsubst tests/plugin/%.c,$(BUILD)/plugin/%.so,$(wildcard tests/plugin/*.c)) $(BUILD)/plugin/newer.so

$(BUILD)/plugin/%.so: tests/plugin/%.c include/onnxopt/plugin.h
	$(Q)mkdir -p $(@D); echo "  SO     $@"; $(CC) -std=c11 -O2 -g $(WARN) -Iinclude -shared -fPIC -o $@ $<

$(BUILD)/plugin/newer.so: tests/plugin/marker.c include/onnxopt/plugin.h
	$(Q)mkdir -p $(@D); $(CC) -std=c11 -Iinclude -Donnxopt_plugin_v1=onnxopt_plugin_v2 -shared -fPIC -o $@ $<

# ---- using ------------------------------------------------------------------

demo: $(BUILD)/onnxopt                      ## optimize a model of the repository, print the table
	$(BUILD)/onnxopt tests/models/distilbert_dynamic_nofold_narrow.onnx $(BUILD)/demo.onnx --passes default

static: $(BUILD)/static/onnxopt             ## a static binary, build/static/onnxopt
	$(Q)! ldd $< 2>/dev/null | grep -q '=>' && ls -l $<

lib: $(BUILD)/libonnxopt.a $(BUILD)/libonnxopt.so.$(ABI)   ## the library, static and shared

install: all lib                            ## tool, library, headers, pkg-config (DESTDIR, PREFIX)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/lib/pkgconfig $(DESTDIR)$(PREFIX)/include/onnxopt \
	           $(DESTDIR)$(PREFIX)/lib/onnxopt/plugins
	install -m 755 $(BUILD)/onnxopt $(DESTDIR)$(PREFIX)/bin/
	install -m 644 $(BUILD)/libonnxopt.a $(DESTDIR)$(PREFIX)/lib/
	install -m 755 $(BUILD)/libonnxopt.so.$(ABI) $(DESTDIR)$(PREFIX)/lib/
	ln -sf libonnxopt.so.$(ABI) $(DESTDIR)$(PREFIX)/lib/libonnxopt.so
	install -m 644 include/onnxopt/*.h $(DESTDIR)$(PREFIX)/include/onnxopt/
	for p in onnxopt onnxopt-plugin; do sed 's|@PREFIX@|$(PREFIX)|; s|@VERSION@|$(VERSION)|' include/$$p.pc.in \
	    > $(DESTDIR)$(PREFIX)/lib/pkgconfig/$$p.pc; done

# ---- testing ----------------------------------------------------------------

test: floors unit golden guards cli-test docs-check wrong models chains conformance install-test asan compilers   ## everything that must pass
# Without PyPI everything else is tested all the same, and this is said last, where it is seen.
	$(Q)! [ -f $(BUILD)/conformance.skipped ] || echo "NOT TESTED: $$(cat $(BUILD)/conformance.skipped)"
	$(Q)echo "all tests passed"

floors:                                     ## includes that break the order of floors
	$(Q)sh tests/floors.sh

unit: $(UNITS:%=$(BUILD)/unit/%)            ## unit tests (Criterion)
	$(Q)sh tests/unit.sh $^

golden: $(BUILD)/onnxopt                    ## goldens: before and after of every pass
	$(Q)$(BUILD)/onnxopt test tests/golden

guards: $(BUILD)/onnxopt                    ## each guard of each rule switched off: a golden must fail
	$(Q)$(PYTHON) tests/guards.py --tool $(BUILD)/onnxopt
	$(Q)$(PYTHON) tests/known.py

bless: $(BUILD)/onnxopt                     ## rewrite the goldens' expectations
	$(BUILD)/onnxopt test tests/golden --bless

cli-test: $(BUILD)/onnxopt $(PLUGINS)                  ## exit codes, messages, help pages, reports
	$(Q)$(PYTHON) tests/cli/run.py --tool $(BUILD)/onnxopt

docs: $(BUILD)/onnxopt                      ## write the pages that come from tables and rules
	$(Q)sh docs/generate.sh $(BUILD)/onnxopt docs

docs-check: $(BUILD)/onnxopt                ## are they as the tables and rules say?
	$(Q)mkdir -p $(BUILD)/docs; sh docs/generate.sh $(BUILD)/onnxopt $(BUILD)/docs
	$(Q)for f in $(BUILD)/docs/*; do diff -u docs/$${f##*/} $$f || { echo "docs/$${f##*/} is not up to date: make docs"; exit 1; }; done

models: $(BUILD)/onnxopt                    ## every model of tests/models (and ../shared/models)
	$(Q)$(PYTHON) tests/models.py --tool $(BUILD)/onnxopt tests/models ../shared/models

wrong: $(BUILD)/onnxopt                     ## rewrites that are wrong must be found
	$(Q)$(PYTHON) tests/wrong.py --tool $(BUILD)/onnxopt

chains: $(BUILD)/onnxopt                    ## long chains of what passes shorten: work grows with them, not with their square
	$(Q)$(PYTHON) tests/chains.py --tool $(BUILD)/onnxopt

CASES_PASS := 2024
conformance: $(BUILD)/onnxopt               ## operator cases and models of the onnx package (from PyPI)
	$(Q)sh tests/cross/conformance.sh $(BUILD) $(CASES_PASS)

install-test: all lib                       ## install, then build and run the example against it
	$(Q)sh tests/install.sh $(BUILD)

asan: $(BUILD)/asan/onnxopt $(BUILD)/asan/fuzz/eval $(BUILD)/asan/fuzz/data $(UNITS:%=$(BUILD)/asan/unit/%)   ## unit tests, goldens, models, some fuzzing under ASan+UBSan
	$(Q)sh tests/asan.sh $(BUILD)/asan

compilers: $(BUILD)/clang/onnxopt static    ## also with clang, also static
	$(Q)$(BUILD)/clang/onnxopt test tests/golden
	$(Q)$(BUILD)/static/onnxopt doctor --plugin acme 2>&1 | grep -q 'OX6010.*linked statically'

# ---- long measurements, not part of `test` -----------------------------------

loops:                                      ## the loops of the fast forms, alone; also for aarch64, emulated
	$(Q)sh tests/fast_loops.sh $(BUILD)/loops

faults: $(BUILD)/onnxopt                    ## kill and fail the tool at every write and rename
	$(PYTHON) tests/faults/run.py --tool $(BUILD)/onnxopt

FUZZ_SECONDS ?= 600
FUZZ_SEED    ?= 1
FUZZ_JOBS    ?= 2

fuzz-eval: $(BUILD)/asan/fuzz/eval          ## kernels on made-up nodes, ASan+UBSan; FUZZ_SECONDS=600 FUZZ_SEED=1
	$< --seconds $(FUZZ_SECONDS) --seed $(FUZZ_SEED) --jobs $(FUZZ_JOBS) --out $(BUILD)/fuzz --table

fuzz-data: $(BUILD)/asan/fuzz/data          ## readers of .npy and .npz on damaged files, ASan+UBSan; FUZZ_SECONDS FUZZ_SEED
	$< --seconds $(FUZZ_SECONDS) --seed $(FUZZ_SEED)

# coverage tells libFuzzer which bytes to keep; clang with its runtime libraries
$(BUILD)/libfuzzer/eval: fuzz/eval.c $(call sources,base ir ops)
	$(Q)mkdir -p $(@D); echo "  CC     $@"; \
	clang $(OXFLAGS) -DOX_LIBFUZZER -O1 -g -fsanitize=fuzzer $(SANITIZE) -o $@ $^ -lm

fuzz-eval-lib: $(BUILD)/libfuzzer/eval      ## the same target under libFuzzer, which looks at coverage
	mkdir -p $(BUILD)/corpus/eval
	$< -max_total_time=$(FUZZ_SECONDS) -timeout=20 -max_len=1024 -artifact_prefix=$(BUILD)/fuzz- $(BUILD)/corpus/eval

bench-io: $(BUILD)/onnxopt                  ## against cp and python onnx, in one interleaved run
	$(PYTHON) bench/io.py --tool $(BUILD)/onnxopt --check

bench-infer: $(BUILD)/bench/infer_time      ## inference alone: per node, as models grow, after an edit
	$(PYTHON) bench/infer.py --program $< --check

bench-rules: $(BUILD)/onnxopt               ## 1,000 rules beside 100: less than twice the time
	$(PYTHON) bench/rules.py --tool $< --check

bench-eval: $(BUILD)/bench/eval_time        ## the fast forms of kernels: GFLOP/s per width of vectors
	$<

cross: $(BUILD)/onnxopt                     ## against the onnx package (a virtual environment in build/)
	$(Q)sh tests/cross/run.sh $(BUILD)

arm64: $(BUILD)/onnxopt                     ## the same bytes from an arm64 build, under emulation
	$(Q)sh tests/arm64.sh $(BUILD)/arm64/sysroot
	$(Q)$(MAKE) --no-print-directory $(BUILD)/arm64/onnxopt
	$(Q)$(BUILD)/venv/bin/python tests/cross/arm64.py --tool $(BUILD)/onnxopt --arm $(BUILD)/arm64/onnxopt tests/models

infer-check: $(BUILD)/onnxopt $(BUILD)/asan/onnxopt   ## shapes and contents beside ONNX Runtime: never wrong, strong, bad input
	$(Q)STEPS=infer sh tests/cross/run.sh $(BUILD)

.PHONY: laws orders guards-c mutants
laws: $(BUILD)/onnxopt                      ## every golden with one law broken at a time, in ONNX Runtime
	$(Q)$(BUILD)/venv/bin/python tests/cross/laws.py --tool $(BUILD)/onnxopt

orders: $(BUILD)/onnxopt                    ## the passes of default in 20 random orders, before the judge
	$(Q)$(BUILD)/venv/bin/python tests/cross/orders.py --tool $(BUILD)/onnxopt tests/models

guards-c: $(BUILD)/onnxopt                  ## each guard of the passes in C switched off: a golden must fail
	$(Q)$(PYTHON) tests/guards_c.py --tool $(BUILD)/onnxopt

MUTANTS_SAMPLE ?= 0
mutants: $(BUILD)/onnxopt                   ## passes made wrong, on every model: the check must find them; MUTANTS_SAMPLE=100: some
	$(Q)$(BUILD)/venv/bin/python tests/cross/mutants.py --tool $(BUILD)/onnxopt --sample $(MUTANTS_SAMPLE)

judge: $(BUILD)/onnxopt                     ## ../shared/judge on ../shared/models
	$(Q)sh tests/cross/judge.sh $(BUILD)

peers: $(BUILD)/onnxopt                     ## nodes after the default pipeline beside the best peer's
	$(Q)$(BUILD)/venv/bin/python tests/cross/peers.py --tool $(BUILD)/onnxopt

.PHONY: audit alarms deep
audit: $(BUILD)/onnxopt                     ## peers' outputs of ../shared/models, as verify and as the judge see them
	$(Q)[ -x $(BUILD)/peers/bin/onnxslim ] || { $(PYTHON) -m venv $(BUILD)/peers && \
	$(BUILD)/peers/bin/pip install -q -r ../shared/judge/requirements.txt onnxsim==0.8.1 onnxslim==0.1.98; }
	$(Q)$(PYTHON) tests/cross/audit.py --tool $(BUILD)/onnxopt --peers $(BUILD)/peers --out $(BUILD)/audit

alarms: $(BUILD)/onnxopt                    ## the most thorough check, 20 seeds, every model: nothing right is refused
	$(Q)$(PYTHON) tests/cross/alarms.py --tool $(BUILD)/onnxopt --log $(BUILD)/alarms.jsonl

deep: $(BUILD)/onnxopt                      ## deep networks: wrong rewrites that only windows can see
	$(Q)$(BUILD)/venv/bin/python tests/cross/deep.py --tool $(BUILD)/onnxopt

clean:                                      ## remove build/
	rm -rf $(BUILD)

help:                                       ## this list
	$(Q)sed -nE 's/^([a-z-]+):[^#]*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16

.PHONY: docs docs-check chains loops arm64 all demo static lib install test floors unit golden guards bless cli-test models conformance install-test \
        asan compilers faults fuzz-eval fuzz-eval-lib fuzz-data bench-io bench-infer bench-rules bench-eval cross infer-check judge peers clean help
.SECONDARY:
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
