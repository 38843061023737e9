# SPDX-License-Identifier: BSD-2-Clause
# The only Makefile. `make help` lists the targets; everything is built below O.

VERSION := 0.1.0

O       ?= build
V       ?= 0
DEBUG   ?= 0
SAN     ?= 0
WERROR  ?= 0

DESTDIR ?=
prefix  ?= /usr/local
sbindir ?= $(prefix)/sbin
mandir  ?= $(prefix)/share/man
docdir  ?= $(prefix)/share/doc/pftools
bashcompdir ?= $(prefix)/share/bash-completion/completions
zshcompdir  ?= $(prefix)/share/zsh/site-functions
fishcompdir ?= $(prefix)/share/fish/vendor_completions.d

CC      ?= gcc
CLANG   ?= clang
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /sbin/bpftool /usr/bin/bpftool /usr/local/sbin/bpftool) bpftool)
STRIP_BPF ?= $(firstword $(wildcard /usr/bin/llvm-strip $(sort $(wildcard /usr/bin/llvm-strip-*))) llvm-strip)
PKG_CONFIG ?= pkg-config
INSTALL ?= install

ifeq ($(V),0)
Q := @
say = @printf '  %-8s %s\n' '$(1)' '$(patsubst $(O)/%,%,$(2))'
else
Q :=
say = @:
endif

# ---- flags ----------------------------------------------------------------

PKGS     := libbpf jansson zlib
CFLAGS   ?= -O2 -g
WARN     := -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wshadow -Wformat=2 \
            -Wpointer-arith -Wwrite-strings -Wundef -Wvla -Wno-format-nonliteral
HARDEN   := -fstack-protector-strong -fPIE
PF_CPPFLAGS = -D_GNU_SOURCE -iquote . -iquote $(O)/gen $(CPPFLAGS)
PF_CFLAGS   = -std=gnu11 $(WARN) $(HARDEN) -MMD -MP $(CFLAGS)
PF_LDFLAGS  = -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS)
LIBS        = $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null || echo -lbpf -ljansson -lz) -lelf -lm

ifeq ($(DEBUG),1)
CFLAGS   := -O0 -g3
endif
ifeq ($(SAN),1)
CFLAGS   := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
LDFLAGS  += -fsanitize=address,undefined
else ifeq ($(DEBUG),0)
HARDEN   += -D_FORTIFY_SOURCE=2
endif
ifeq ($(WERROR),1)
WARN     += -Werror
endif

# The machine the objects run on, in the spelling of bpf_tracing.h.
ARCH     := $(shell uname -m)
BPF_ARCH := $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(ARCH)))
MULTIARCH = $(shell $(CC) -print-multiarch 2>/dev/null)
BPF_CFLAGS = -target bpf -D__TARGET_ARCH_$(BPF_ARCH) -mcpu=v2 -O2 -g -std=gnu11 -Wall -Wextra -Werror \
             -Wno-unused-parameter -Wno-missing-declarations -Wno-visibility \
             -I. $(if $(MULTIARCH),-idirafter /usr/include/$(MULTIARCH)) -MMD -MP

# ---- what there is --------------------------------------------------------

TOOLS     := $(sort $(notdir $(patsubst %/,%,$(dir $(wildcard tools/*/*.c)))))
LIB_SRC   := $(sort $(wildcard lib/*/*.c))
BPF_SRC   := $(sort $(wildcard bpf/*.bpf.c))
UNIT_SRC  := $(sort $(wildcard tests/unit/test_*.c))
WORK_SRC  := $(sort $(wildcard tests/workloads/*.c))
DEMO_SRC  := $(sort $(wildcard examples/*.c))
BENCH_SRC := $(sort $(wildcard tests/bench/*.c))
MAN       := $(sort $(wildcard man/*.[1-8]))
HEADERS   := $(sort $(wildcard lib/*/*.h tools/*/*.h bpf/*.h))
ALL_C     := $(sort $(LIB_SRC) $(wildcard tools/*/*.c) $(BPF_SRC) $(HEADERS) $(UNIT_SRC) \
             $(wildcard tests/unit/*.h) $(WORK_SRC) $(DEMO_SRC) $(wildcard tests/bench/*.[ch] tests/fuzz/*.[ch] tests/workloads/*.h))

BINS      := $(TOOLS:%=$(O)/bin/%)
SKEL      := $(BPF_SRC:bpf/%.bpf.c=$(O)/gen/bpf/%.skel.h)
LIB_OBJ   := $(LIB_SRC:%.c=$(O)/obj/%.o)
UNIT_BIN  := $(UNIT_SRC:tests/unit/%.c=$(O)/unit/%)
WORK_BIN  := $(WORK_SRC:tests/workloads/%.c=$(O)/workloads/%)
DEMO_BIN  := $(DEMO_SRC:examples/%.c=$(O)/examples/%)
BENCH_BIN := $(patsubst tests/bench/%.c,$(O)/bench/%,$(filter-out %.bpf.c,$(BENCH_SRC)))
LIBPF     := $(O)/libpf.a

.PHONY: all help
all: $(BINS)

help:
	@printf '%s\n' \
	'make                build the tools into $(O)/bin' \
	'make demo           find a real leaking process among healthy ones (root)' \
	'make test           install what is missing, then check and check-bpf (root)' \
	'make deps           install what build and tests need (root; does nothing when all is there)' \
	'make check          lint, unit tests under sanitizers, tests that need no root' \
	'make check-bpf      tests with the real kernel (root)' \
	'make lint format    layers, headers, licences, style, documents / reformat the sources' \
	'make corpus         score the labelled corpus: CORPUS=DIR (default ../shared/corpus)' \
	'make bench          costs beside other tools, as ratios of one run (root)' \
	'make fuzz           feed the parsers garbage for FUZZ_S seconds each' \
	'make tidy cppcheck  static analysis' \
	'make coverage       line coverage of the unit and replay tests' \
	'make bpf-stats      instructions of each BPF program as the kernel loads it (root)' \
	'make compile_commands.json' \
	'make install uninstall   DESTDIR= prefix=$(prefix)' \
	'make dist clean' \
	'' \
	'variables: O=build V=1 DEBUG=1 SAN=1 WERROR=1 CC=clang'

# ---- building -------------------------------------------------------------

$(O)/gen/version.h: Makefile
	@mkdir -p $(@D)
	$(Q)printf '#define PF_VERSION "%s"\n' '$(VERSION)' > $@.tmp
	$(Q)cmp -s $@.tmp $@ || cp $@.tmp $@
	$(Q)rm -f $@.tmp; touch $@

$(O)/bpf/%.bpf.o: bpf/%.bpf.c
	@mkdir -p $(@D)
	$(call say,BPF,$@)
	$(Q)$(CLANG) $(BPF_CFLAGS) -c $< -o $@ -MF $(@:.o=.d)
	$(Q)$(STRIP_BPF) -g $@

$(O)/gen/bpf/%.skel.h: $(O)/bpf/%.bpf.o
	@mkdir -p $(@D)
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name pf_$*_bpf > $@.tmp
	$(Q)mv $@.tmp $@

$(O)/obj/%.o: %.c $(O)/gen/version.h | $(SKEL)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(PF_CPPFLAGS) $(PF_CFLAGS) -c $< -o $@

$(LIBPF): $(LIB_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@; $(AR) rcs $@ $^

define tool_rule
$(O)/bin/$(1): $(patsubst %.c,$(O)/obj/%.o,$(sort $(wildcard tools/$(1)/*.c))) $(LIBPF)
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) $$(PF_LDFLAGS) $$^ -o $$@ $$(LIBS)
endef
$(foreach t,$(TOOLS),$(eval $(call tool_rule,$(t))))

$(O)/unit/%: $(O)/obj/tests/unit/%.o $(LIBPF)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(PF_LDFLAGS) $^ -o $@ -lcmocka $(LIBS)

$(O)/workloads/%: tests/workloads/%.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(PF_CPPFLAGS) -std=gnu11 $(WARN) -O1 -g -MMD -MP -MF $@.d $< -o $@ -lpthread

$(O)/examples/%: examples/%.c
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(PF_CPPFLAGS) -std=gnu11 $(WARN) -O1 -g -MMD -MP -MF $@.d $< -o $@ -lpthread

$(O)/bench/%: tests/bench/%.c $(LIBPF)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(PF_CPPFLAGS) $(PF_CFLAGS) -MF $@.d $< $(LIBPF) $(PF_LDFLAGS) -o $@ $(LIBS)

.PHONY: unit-bins workloads examples
unit-bins: $(UNIT_BIN)
workloads: $(WORK_BIN)
examples: $(DEMO_BIN)

.SECONDARY:
.DELETE_ON_ERROR:

-include $(shell find $(O) -name '*.d' 2>/dev/null)

clean:
	$(Q)rm -rf $(O)
.PHONY: clean
