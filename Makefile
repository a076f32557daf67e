# onnxopt - see README.md; `make help` lists the targets.

CC       ?= gcc
PREFIX   ?= /usr/local
DESTDIR  ?=
BUILD    ?= build
V        ?=
Q        := $(if $(V),,@)

VERSION  := 0.1.0
FLOORS   ?= base ir proto ops rules verify passes api cli
LIBFLOORS := $(filter-out cli,$(FLOORS))

WARN     := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wpointer-arith -Wvla -Wundef -Wwrite-strings -Wformat=2 -Wnull-dereference
HARDEN   := -fstack-protector-strong -D_FORTIFY_SOURCE=2
OPT      ?= -O2
CFLAGS   ?= -g
OXFLAGS  := -std=c11 -D_DEFAULT_SOURCE -D_POSIX_C_SOURCE=200809L $(WARN) $(OPT) $(HARDEN) \
            -ffp-contract=off -fno-strict-aliasing -fPIC -fvisibility=hidden \
            -DOX_VERSION='"$(VERSION)"' -I. -Iinclude -I$(BUILD)/gen
LIBS     := -lprotobuf-c -lyaml -lm
LDFLAGS  ?=

src       = $(wildcard $(1)/*.c)
obj       = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))
FLOORLIBS := $(foreach f,$(FLOORS),$(BUILD)/lib/lib$(f).a)
UNITS    := $(patsubst tests/unit/%.c,$(BUILD)/unit/%,$(wildcard tests/unit/test_*.c))
PB       := $(BUILD)/gen/onnx-ml.pb-c.c

all: $(BUILD)/onnxopt                       ## the command-line tool, build/onnxopt

$(BUILD)/onnxopt: $(FLOORLIBS)
	$(Q)echo "  LD    $@"; $(CC) $(CFLAGS) $(LDFLAGS) -o $@ -Wl,--start-group $(FLOORLIBS) -Wl,--end-group $(LIBS)

define floor_rule
$(BUILD)/lib/lib$(1).a: $(call obj,$(call src,$(1))) $(if $(filter proto,$(1)),$(BUILD)/obj/gen/onnx-ml.pb-c.o)
	$(Q)mkdir -p $$(@D); rm -f $$@; ar rcs $$@ $$(filter %.o,$$^)
endef
$(foreach f,$(FLOORS),$(eval $(call floor_rule,$(f))))

$(BUILD)/obj/%.o: %.c | $(PB)
	$(Q)mkdir -p $(@D); echo "  CC    $<"; $(CC) $(OXFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(PB): proto/onnx-ml.proto
	$(Q)mkdir -p $(@D); echo "  PROTO $<"; protoc-c --c_out=$(@D) --proto_path=proto $<

$(BUILD)/obj/gen/onnx-ml.pb-c.o: $(PB)
	$(Q)mkdir -p $(@D); $(CC) -O2 -fPIC -fvisibility=hidden $(CFLAGS) -I$(BUILD)/gen -c -o $@ $<

$(BUILD)/unit/%: tests/unit/%.c $(FLOORLIBS)
	$(Q)mkdir -p $(@D); echo "  TEST  $<"; \
	$(CC) $(OXFLAGS) $(CFLAGS) $(LDFLAGS) -MMD -MP -MF $@.d -o $@ $< \
	    -Wl,--start-group $(FLOORLIBS) -Wl,--end-group $(LIBS) -lcriterion

unit: $(UNITS)                              ## unit tests (Criterion)
	$(Q)for t in $(UNITS); do $$t --quiet || exit 1; done

clean:                                      ## remove build/
	rm -rf $(BUILD)

help:                                       ## this list
	$(Q)grep -hE '^[a-z0-9_-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 20

.PHONY: all unit clean help
-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
