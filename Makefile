# SPDX-License-Identifier: BSD-2-Clause
# The only Makefile. `make help` lists the targets; everything is built below O.
# Reading it runs no compiler and no pkg-config: `make deps` must work before they exist.

VERSION := 0.1.0

# The machine that the programs run on: ARCH=arm64, or what the compiler's name says. If that is
# not this one, O is build-ARCH, and the libraries are those of SYSROOT, which `make sysroot` fills.
MACHINE := $(shell uname -m)
PREFIXED = $(foreach w,$(CROSS_COMPILE) $(CC),$(if $(findstring -linux-,$w),$(notdir $w)))
ARCH    ?= $(or $(firstword $(subst -, ,$(firstword $(PREFIXED)))),$(MACHINE))
HOST    := $(patsubst arm64,aarch64,$(patsubst amd64,x86_64,$(patsubst x86,x86_64,$(ARCH))))
CROSS   := $(filter-out $(MACHINE),$(HOST))
TRIPLE  := $(HOST)-linux-gnu
# In the spelling of bpf_tracing.h.
BPF_ARCH := $(patsubst aarch64,arm64,$(patsubst x86_64,x86,$(HOST)))

O       ?= build$(CROSS:%=-$(HOST:aarch64=arm64))
V       ?= 0
DEBUG   ?= 0
SAN     ?= 0
WERROR  ?= 0

DESTDIR ?=
prefix  ?= /usr/local
sbindir ?= $(prefix)/sbin
libexecdir ?= $(prefix)/libexec/pftools
mandir  ?= $(prefix)/share/man
docdir  ?= $(prefix)/share/doc/pftools
bashcompdir ?= $(prefix)/share/bash-completion/completions
zshcompdir  ?= $(prefix)/share/zsh/site-functions
fishcompdir ?= $(prefix)/share/fish/vendor_completions.d

CORPUS  ?= ../shared/corpus
DURATION ?= 7200
LEAK_S  ?= 10
FUZZ_S  ?= 30
VM_JOBS ?= 2

ifdef CROSS
ifeq ($(origin SYSROOT),undefined)
SYSROOT := $(abspath $(wildcard $(O)/sysroot))
endif
ifeq ($(origin CROSS_COMPILE),undefined)
CROSS_COMPILE := $(if $(filter default,$(origin CC)),$(TRIPLE)-,$(patsubst %gcc,%,$(filter %-gcc,$(CC))))
endif
endif
ifeq ($(origin CC),default)
CC      := $(CROSS_COMPILE)gcc
endif
ifeq ($(origin AR),default)
AR      := $(CROSS_COMPILE)ar
endif
CLANG   ?= clang
PROTOC  ?= protoc-c
BPFTOOL ?= $(firstword $(wildcard /usr/sbin/bpftool /sbin/bpftool /usr/bin/bpftool /usr/local/sbin/bpftool) bpftool)
STRIP_BPF ?= $(firstword $(wildcard /usr/bin/llvm-strip $(sort $(wildcard /usr/bin/llvm-strip-*))) llvm-strip)
ifneq ($(SYSROOT),)
PKG_CONFIG ?= PKG_CONFIG_SYSROOT_DIR='$(SYSROOT)' \
    PKG_CONFIG_LIBDIR='$(SYSROOT)/usr/lib/$(TRIPLE)/pkgconfig:$(SYSROOT)/usr/share/pkgconfig' pkg-config
endif
PKG_CONFIG ?= $(CROSS_COMPILE)pkg-config
INSTALL ?= install

# What `make deps` installs, in Debian's words; tests/deps.sh knows the other distributions'.
DEPS_BUILD := make gcc libc6-dev clang llvm bpftool pkg-config libbpf-dev libelf-dev zlib1g-dev \
              libjansson-dev libcap-dev libcurl4-openssl-dev libyaml-dev uthash-dev libdw-dev \
              libiberty-dev libseccomp-dev libprotobuf-c-dev protobuf-c-compiler
DEPS_TEST  := bats libcmocka-dev jq python3 shellcheck clang-format mandoc zsh fish bash-completion \
              tmux procps util-linux gzip strace libjemalloc-dev libgoogle-perftools-dev libmimalloc-dev \
              musl-tools gron systemd systemd-container
DEPS_FUZZ  := libclang-rt-dev
DEPS_DEV   := clang-tidy cppcheck git
DEPS_BENCH := bpftrace sysstat linux-perf heaptrack
# Servers and runtimes for test-real; none is started.
DEPS_REAL  := prometheus prometheus-alertmanager curl redis-server nodejs openjdk-17-jdk-headless chromium golang-go
DEPS_CROSS := gcc-aarch64-linux-gnu
DEPS_VM    := qemu-system-x86 qemu-system-arm busybox-static binutils cpio python3 xz-utils zstd

ifeq ($(V),0)
Q := @
say = @printf '  %-8s %s\n' '$(1)' '$(patsubst $(O)/%,%,$(2))'
MAKEFLAGS += --no-print-directory
else
Q :=
say = @:
endif

# ---- flags ----------------------------------------------------------------

PKGS     := libbpf jansson libcap yaml-0.1 libprotobuf-c zlib
CFLAGS   ?= -O2 -g
WARN     := -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wshadow -Wformat=2 \
            -Wpointer-arith -Wwrite-strings -Wundef -Wvla -Wno-format-nonliteral
HARDEN   := -fstack-protector-strong -fPIE
MODE     :=
MODE_LD  :=

ifeq ($(DEBUG),1)
CFLAGS   := -O0 -g3
endif
# COV and FUZZ belong to the targets coverage and fuzz, which build in directories of their own.
ifeq ($(SAN),1)
MODE     := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
MODE_LD  := -fsanitize=address,undefined
else ifeq ($(FUZZ),1)
MODE     := -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
            -fno-sanitize-recover=undefined
MODE_LD  := -fsanitize=fuzzer,address,undefined
else ifeq ($(COV),1)
MODE     := -O0 --coverage
MODE_LD  := --coverage
else ifeq ($(DEBUG),0)
HARDEN   += $(if $(findstring _FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),,-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif
ifeq ($(WERROR),1)
WARN     += -Werror
endif

# Which machine, for each call of the compiler: nothing where it is this one.
TARGET   := $(if $(CROSS),$(if $(findstring clang,$(CC)),--target=$(TRIPLE))) $(SYSROOT:%=--sysroot=%)
PF_CPPFLAGS = -D_GNU_SOURCE -iquote . -iquote $(O)/gen $(CPPFLAGS)
PF_CFLAGS   = $(strip $(TARGET) -std=gnu11) $(WARN) $(HARDEN) $(CFLAGS) $(MODE)
PF_LDFLAGS  = -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LDFLAGS) $(MODE_LD)
CURL_LIBS   = $(shell $(PKG_CONFIG) --libs libcurl 2>/dev/null || echo -lcurl)
# What reads foreign files is linked to those who call it: pf-symbolize and the tests.
LIBS        = $(shell $(PKG_CONFIG) --libs $(PKGS) 2>/dev/null || \
                echo -lbpf -ljansson -lcap -lyaml -lprotobuf-c -lz) -liberty -ldw -lelf -lm
# Programs that fault in a known way: nothing of ours in them, little optimized.
PLAIN_CFLAGS = $(strip $(TARGET) -std=gnu11) $(WARN) -O1 -g

BPF_CPU  = v3
BPF_CFLAGS = -target bpf -D__TARGET_ARCH_$(BPF_ARCH) -mcpu=$(BPF_CPU) -O2 -g -std=gnu11 -Wall -Wextra -Werror \
             -Wno-unused-parameter -Wno-missing-declarations -Wno-visibility \
             -I. $(SYSROOT:%=--sysroot=%) $(addprefix -idirafter ,$(wildcard $(SYSROOT)/usr/include/$(TRIPLE)))

# ---- what there is --------------------------------------------------------

TOOLS     := $(sort $(notdir $(patsubst %/,%,$(dir $(wildcard tools/*/*.c)))))
TOOL_SRC  := $(sort $(wildcard tools/*/*.c))
HELPERS   := $(sort $(notdir $(patsubst %/,%,$(dir $(wildcard libexec/*/*.c)))))
HELPER_SRC := $(sort $(wildcard libexec/*/*.c))
LIB_SRC   := $(sort $(wildcard lib/*/*.c))
BPF_SRC   := $(sort $(wildcard bpf/*.bpf.c))
UNIT_SRC  := $(sort $(wildcard tests/unit/test_*.c))
WORK_SRC  := $(sort $(filter-out tests/workloads/oracle_%,$(wildcard tests/workloads/*.c)))
DEMO_SRC  := $(sort $(wildcard examples/*.c))
VM_SRC    := $(sort $(wildcard tests/vm/*.c))
FUZZ_SRC  := $(sort $(wildcard tests/fuzz/fuzz_*.c))
BENCH_BPF := $(sort $(wildcard tests/bench/*.bpf.c))
BENCH_SRC := $(sort $(filter-out %.bpf.c,$(wildcard tests/bench/*.c)))
MAN       := $(sort $(wildcard man/*.[1-8]))
DOCS      := $(sort $(wildcard README.md NEWS.md LICENSE LICENSES/* $(shell find contrib -type f 2>/dev/null)))
ALL_C     := $(sort $(wildcard $(foreach d,lib/* tools/* libexec/* bpf examples $(addprefix tests/,unit workloads fuzz bench vm),$d/*.[ch])))

BINS      := $(TOOLS:%=$(O)/bin/%) $(HELPERS:%=$(O)/libexec/%)
SKEL      := $(BPF_SRC:bpf/%.bpf.c=$(O)/gen/bpf/%.skel.h)
PROTO     := $(O)/gen/profile.pb-c
FLAME     := $(O)/gen/flame.js.h $(O)/gen/flame.css.h
LIB_OBJ   := $(LIB_SRC:%.c=$(O)/obj/%.o) $(O)/obj/gen/profile.pb-c.o
UNIT_BIN  := $(UNIT_SRC:tests/unit/%.c=$(O)/unit/%)
WORK_BIN  := $(WORK_SRC:tests/workloads/%.c=$(O)/workloads/%)
DEMO_BIN  := $(DEMO_SRC:examples/%.c=$(O)/examples/%)
VM_BIN    := $(VM_SRC:tests/vm/%.c=$(O)/vm/%)
FUZZ_BIN  := $(FUZZ_SRC:tests/fuzz/%.c=$(O)/fuzz/%)
BENCH_SKEL := $(BENCH_BPF:tests/bench/%.bpf.c=$(O)/gen/tests/bench/%.skel.h)
BENCH_BIN := $(BENCH_SRC:tests/bench/%.c=$(O)/bench/%)
LIBPF     := $(O)/libpf.a

.PHONY: all help FORCE
all: $(BINS)

help:
	@printf '%s\n' \
	'make                build the tools into $(O)/bin' \
	'make demo           find a real leaking process among healthy ones (root)' \
	'make test           install what is missing, then check and check-bpf (root)' \
	'make deps           install what build and tests need (root; does nothing when all is there)' \
	'make deps-fuzz deps-dev deps-bench deps-real   the same for fuzz, for tidy cppcheck dist, ...' \
	'make deps-cross     the same for building for another machine: ARCH=arm64' \
	'make deps-vm        the same for guests with other kernels: tests/vm/run.sh' \
	'' \
	'make check          lint, unit tests under sanitizers, tests that need no root' \
	'make check-bpf      tests with the real kernel (root)' \
	'make check-vm       tests in guests with other kernels (KERNELS="5.10 6.1", ARCHES=arm64)' \
	'make matrix         put what check-vm saw into the README' \
	'make lint           layers, headers, licences, style, documents' \
	'make format         reformat the C sources' \
	'make corpus         score the labelled corpus: CORPUS=DIR (../shared/corpus)' \
	'make leak-sites     does pfstack name the code that leaks: a grid of leaks, a quarter of an hour (root)' \
	'make soak           real programs for DURATION seconds (7200), healthy and leaking: false alerts (root)' \
	'make test-real      tests with servers and runtimes as Debian ships them (root; deps-real)' \
	'make bench          costs beside other tools, as ratios of one run (root)' \
	'make fuzz           feed the parsers garbage for FUZZ_S seconds each (30)' \
	'make tidy cppcheck  static analysis' \
	'make coverage       line coverage of the unit tests and those that need no root' \
	'make bpf-stats      instructions of each BPF program as the kernel loads it (root)' \
	'make compile_commands.json           for editors and clang-tidy' \
	'' \
	'make install uninstall               DESTDIR= prefix=$(prefix)' \
	'make dist           $(O)/pftools-$(VERSION).tar.gz of the last commit' \
	'make clean          remove what was built below $(O)' \
	'make unit-bins workloads examples bench-bins fuzz-bins vm-bins   parts of the above' \
	'' \
	'make ARCH=arm64     build for arm64 into build-arm64; CROSS_COMPILE=aarch64-linux-gnu- does too' \
	'make ARCH=arm64 sysroot              its libraries, from Debian, into build-arm64/sysroot' \
	'' \
	'variables: O=build V=1 DEBUG=1 SAN=1 (sanitizers) WERROR=1 CC=clang CFLAGS= LDFLAGS='

# ---- building -------------------------------------------------------------

# $(call keep,TEXT): a target that changes only when TEXT does.
keep = @mkdir -p $(@D); printf '%s\n' '$(subst ','\'',$(1))' > $@.new; \
       if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

# $(call need,PROGRAMS,HEADERS,LIBRARIES): say all at once what is missing, and how to get it.
need = @mkdir -p $(@D); no=; \
       for p in $(1); do command -v "$$p" >/dev/null 2>&1 || no="$$no $$p"; done; \
       for h in $(2); do [ -n "$$no" ] || \
           printf '\043include <stdarg.h>\n\043include <stddef.h>\n\043include <setjmp.h>\n\043include <%s>\n' $$h | \
           $(CC) $(TARGET) $(CPPFLAGS) $(CFLAGS) -fsyntax-only -x c - 2>/dev/null || no="$$no <$$h>"; done; \
       for l in $(3); do [ -n "$$no" ] || echo 'int main(void) { return 0; }' | \
           $(CC) $(TARGET) $(LDFLAGS) -x c - "$$l" -o $@.new 2>/dev/null || no="$$no $$l"; done; rm -f $@.new; \
       if [ -n "$$no" ]; then echo "missing:$$no - run $(FROM)" >&2; exit 1; fi; touch $@
FROM := \`make deps\` as root
ifdef CROSS
FROM := \`make deps-cross\` as root, and \`make sysroot\` with these variables
endif

TOOLCHAIN := $(O)/gen/toolchain.ok

$(TOOLCHAIN):
	$(call need,$(firstword $(CC)) $(CLANG) $(STRIP_BPF) $(BPFTOOL) $(AR) $(PROTOC),bpf/libbpf.h libelf.h zlib.h jansson.h sys/capability.h yaml.h curl/curl.h uthash.h elfutils/libdwfl.h libiberty/demangle.h seccomp.h protobuf-c/protobuf-c.h,$(if $(CROSS),$(filter -l%,$(LIBS))))

$(O)/gen/cmocka.ok: | $(TOOLCHAIN)
	$(call need,,cmocka.h)

# Everything is rebuilt when the compiler or a flag changes, not when this file does.
$(O)/gen/flags: FORCE
	$(call keep,$(CC) $(PF_CPPFLAGS) $(PF_CFLAGS) $(PF_LDFLAGS))

$(O)/gen/bpf-flags: FORCE
	$(call keep,$(CLANG) $(BPF_CFLAGS))

# An archive keeps the objects of sources that are gone, hence the list.
$(O)/gen/sources: FORCE
	$(call keep,$(LIB_SRC) $(TOOL_SRC) $(HELPER_SRC))

$(O)/gen/version.h: FORCE
	$(call keep,#define PF_VERSION "$(VERSION)")

# Where the tools find their helpers once installed.
$(O)/gen/paths.h: FORCE
	$(call keep,#define PF_LIBEXECDIR "$(libexecdir)")

$(O)/bpf/%.bpf.o: bpf/%.bpf.c $(O)/gen/bpf-flags | $(TOOLCHAIN)
	@mkdir -p $(@D)
	$(call say,BPF,$@)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -MF $(@:.o=.d) -c $< -o $@
	$(Q)$(STRIP_BPF) -g $@

# For kernels that know the first instruction set only.
$(O)/bpf/plain.bpf.o: BPF_CPU := v1

$(O)/bench/%.bpf.o: tests/bench/%.bpf.c $(O)/gen/bpf-flags | $(TOOLCHAIN)
	@mkdir -p $(@D)
	$(call say,BPF,$@)
	$(Q)$(CLANG) $(BPF_CFLAGS) -MMD -MP -MF $(@:.o=.d) -c $< -o $@
	$(Q)$(STRIP_BPF) -g $@

$(O)/gen/bpf/%.skel.h: $(O)/bpf/%.bpf.o
	@mkdir -p $(@D)
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name pf_$*_bpf > $@.tmp
	$(Q)mv $@.tmp $@

$(O)/gen/tests/bench/%.skel.h: $(O)/bench/%.bpf.o
	@mkdir -p $(@D)
	$(call say,SKEL,$@)
	$(Q)$(BPFTOOL) gen skeleton $< name pf_$*_bpf > $@.tmp
	$(Q)mv $@.tmp $@

$(O)/obj/%.o: %.c $(O)/gen/flags | $(O)/gen/version.h $(O)/gen/paths.h $(PROTO).h $(FLAME) $(SKEL) $(TOOLCHAIN)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(PF_CPPFLAGS) $(PF_CFLAGS) -MMD -MP -c $< -o $@

# What reads and writes the messages of a .proto file: source and header in one run.
$(O)/gen/%.pb-c.c $(O)/gen/%.pb-c.h: lib/stack/%.proto | $(TOOLCHAIN)
	@mkdir -p $(@D)
	$(call say,PROTO,$@)
	$(Q)$(PROTOC) --c_out=$(O)/gen --proto_path=lib/stack $<

# The script and the style of the flame graph, as texts.
$(O)/gen/flame.%.h: lib/stack/flame.%
	@mkdir -p $(@D)
	$(call say,TEXT,$@)
	$(Q)( echo 'static const char pf_flame_$*[] ='; sed 's/[\\"]/\\&/g; s/.*/"&\\n"/' $<; echo ';' ) > $@

$(O)/obj/gen/%.o: $(O)/gen/%.c $(O)/gen/flags
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(PF_CPPFLAGS) $(PF_CFLAGS) -MMD -MP -c $< -o $@

$(LIBPF): $(LIB_OBJ) $(O)/gen/sources
	$(call say,AR,$@)
	$(Q)rm -f $@; $(AR) rcs $@ $(filter %.o,$^)

define tool_rule
$(O)/bin/$(1): $(patsubst %.c,$(O)/obj/%.o,$(sort $(wildcard tools/$(1)/*.c))) $(LIBPF) $(O)/gen/sources
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) $$(PF_CFLAGS) $$(PF_LDFLAGS) $$(filter %.o %.a,$$^) -o $$@ $$(LIBS)
endef
$(foreach t,$(TOOLS),$(eval $(call tool_rule,$(t))))

# What runs without privileges: a library there is no library in a tool.
HELPER_LIBS_pf-notify = $(CURL_LIBS)
HELPER_LIBS_pf-symbolize = -lseccomp

define helper_rule
$(O)/libexec/$(1): $(patsubst %.c,$(O)/obj/%.o,$(sort $(wildcard libexec/$(1)/*.c))) $(LIBPF) $(O)/gen/sources
	@mkdir -p $$(@D)
	$$(call say,LINK,$$@)
	$$(Q)$$(CC) $$(PF_CFLAGS) $$(PF_LDFLAGS) $$(filter %.o %.a,$$^) -o $$@ $$(HELPER_LIBS_$(1)) $$(LIBS)
endef
$(foreach h,$(HELPERS),$(eval $(call helper_rule,$(h))))

$(O)/obj/tests/unit/%.o: | $(O)/gen/cmocka.ok

$(O)/unit/%: $(O)/obj/tests/unit/%.o $(LIBPF)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(PF_CFLAGS) $(PF_LDFLAGS) $(filter %.o %.a,$^) -o $@ -lcmocka $(LIBS)

# The oracle is made of several files.
$(O)/workloads/oracle: $(wildcard tests/workloads/oracle_*.c tests/workloads/*.h)

$(O)/workloads/%: tests/workloads/%.c $(O)/gen/flags | $(TOOLCHAIN)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(PF_CPPFLAGS) $(PLAIN_CFLAGS) -MMD -MP -MF $@.d $(filter %.c,$^) -o $@ -lpthread

$(O)/examples/%: examples/%.c $(O)/gen/flags | $(TOOLCHAIN)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(PF_CPPFLAGS) $(PLAIN_CFLAGS) -MMD -MP -MF $@.d $< -o $@ -lpthread

$(O)/vm/%: tests/vm/%.c $(O)/gen/flags | $(TOOLCHAIN)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(PF_CPPFLAGS) $(PLAIN_CFLAGS) -MMD -MP -MF $@.d $< -o $@

$(O)/bench/%: tests/bench/%.c $(LIBPF) $(O)/gen/flags | $(BENCH_SKEL)
	@mkdir -p $(@D)
	$(call say,CC,$@)
	$(Q)$(CC) $(PF_CPPFLAGS) $(PF_CFLAGS) -MMD -MP -MF $@.d $< $(LIBPF) $(PF_LDFLAGS) -o $@ $(LIBS) -lpthread

$(O)/fuzz/%: $(O)/obj/tests/fuzz/%.o $(LIBPF)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(PF_CFLAGS) $(PF_LDFLAGS) $(filter %.o %.a,$^) -o $@ $(LIBS)

.PHONY: unit-bins workloads examples bench-bins fuzz-bins vm-bins san
unit-bins: $(UNIT_BIN); @:
vm-bins: $(VM_BIN); @:
workloads: $(WORK_BIN); @:
examples: $(DEMO_BIN); @:
bench-bins: $(BENCH_BIN); @:
fuzz-bins:
	$(Q)$(MAKE) O=$(O)/fuzz FUZZ=1 SAN=0 CC=$(CLANG) fuzz-bins-here
fuzz-bins-here: $(FUZZ_BIN)
san:
	$(Q)$(MAKE) O=$(O)/san SAN=1 all unit-bins
.PHONY: fuzz-bins-here

# ---- what it needs --------------------------------------------------------

.PHONY: deps deps-fuzz deps-dev deps-bench deps-cross deps-vm sysroot
deps:
	$(Q)tests/deps.sh $(DEPS_BUILD) $(DEPS_TEST)
deps-fuzz:
	$(Q)tests/deps.sh $(DEPS_BUILD) $(DEPS_FUZZ)
deps-dev:
	$(Q)tests/deps.sh $(DEPS_BUILD) $(DEPS_DEV)
deps-bench:
	$(Q)tests/deps.sh $(DEPS_BUILD) $(DEPS_TEST) $(DEPS_BENCH)
deps-real:
	$(Q)tests/deps.sh $(DEPS_BUILD) $(DEPS_TEST) $(DEPS_REAL)
deps-cross:
	$(Q)tests/deps.sh $(DEPS_BUILD) $(DEPS_CROSS)
deps-vm:
	$(Q)tests/deps.sh $(DEPS_BUILD) $(DEPS_CROSS) $(DEPS_VM)

# Libraries of the other machine, to build and to run with: unpacked packages, nothing is installed.
sysroot:
	$(Q)tests/vm/sysroot.sh make $(BPF_ARCH) $(O)/sysroot $(filter %-dev,$(DEPS_BUILD)) busybox-static util-linux

# ---- testing --------------------------------------------------------------

# These run what was built.
HERE := check check-bpf test test-all demo demo-run lint corpus leak-sites soak bench fuzz coverage bpf-stats san fuzz-bins bench-bins
ifneq ($(and $(CROSS),$(filter $(HERE),$(MAKECMDGOALS))),)
$(error $(filter $(HERE),$(MAKECMDGOALS)): not on $(MACHINE) with what is built for $(HOST); check-vm runs that)
endif

export PYTHONDONTWRITEBYTECODE := 1

# How scripts find what was built.
WHERE = PF_BUILD='$(abspath $(O))' PF_BIN='$(abspath $(O))/bin' \
        PF_WORK='$(abspath $(O))/workloads' PF_EXAMPLES='$(abspath $(O))/examples'

.PHONY: check check-bpf check-vm check-vm-quick matrix test test-all test-real demo demo-run lint corpus leak-sites soak bench need-root
check: all workloads examples san
	$(Q)$(WHERE) tests/run.sh lint unit replay-san bats-user

check-bpf: need-root all workloads examples
	$(Q)$(WHERE) tests/run.sh bats-root

# All CPUs, unless it was said how many.
JOBS = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

# Packages first: they bring the compiler that the rest of the graph needs.
test: need-root
	$(Q)$(MAKE) deps
	$(Q)$(MAKE) $(JOBS) test-all
test-all: all workloads examples san
	$(Q)$(WHERE) tests/run.sh lint unit replay-san bats-user bats-root

# One build for each machine, for all its kernels. KERNELS="5.10 6.1", ARCHES=arm64 choose among them.
VM_OTHERS = $(filter-out $(MACHINE:aarch64=arm64),$(or $(ARCHES),x86_64 arm64))
check-vm: all workloads examples vm-bins $(VM_OTHERS:%=vm-%)
	$(Q)tests/vm/check.py $(if $(QUICK),--quick) --kernels '$(KERNELS)' --arches '$(ARCHES)' --jobs $(VM_JOBS) $(O)
# The few that .ci/run always runs, with what that needs.
check-vm-quick:
	$(Q)$(MAKE) deps-vm
	$(Q)$(MAKE) check-vm QUICK=1
vm-%:
	$(Q)$(MAKE) ARCH=$* O=$(O)-$* sysroot
	$(Q)$(MAKE) ARCH=$* O=$(O)-$* -j$(VM_JOBS) all workloads examples vm-bins

# What the last check-vm saw becomes what the README says.
matrix:
	$(Q)tests/vm/matrix.py write $(O)/guest/matrix.md README.md

demo: need-root
	$(Q)$(MAKE) deps
	$(Q)$(MAKE) $(JOBS) demo-run
demo-run: all examples
	$(Q)$(WHERE) tests/demo.sh

lint: all
	$(Q)$(WHERE) tests/run.sh lint

corpus: all
	$(Q)$(WHERE) CORPUS='$(CORPUS)' tests/corpus/corpus.py

# Takes a quarter of an hour, hence in no test; what was seen is in the README.
leak-sites: need-root all workloads
	$(Q)$(WHERE) tests/leaks/sites.py --seconds=$(LEAK_S) --dir='$(O)/leak-sites'

# Takes hours, hence in no test. REPLAY=DIR judges again what an earlier run recorded.
soak: all
	$(Q)$(WHERE) tests/soak/soak.py --duration=$(DURATION) --dir='$(O)/soak' $(if $(REPLAY),--replay='$(REPLAY)')

# Heavy packages, hence not in test: `make deps-real` first.
test-real: need-root all workloads examples $(O)/bench/unwind
	$(Q)$(WHERE) tests/run.sh bats-real

bench: need-root all workloads bench-bins
	$(Q)$(WHERE) PF_BENCH='$(abspath $(O))/bench' tests/bench/run.sh $(SECTIONS)

need-root:
	@[ "$$(id -u)" = 0 ] || { echo 'needs root, to load BPF programs: sudo make $(MAKECMDGOALS)' >&2; exit 1; }

.PHONY: fuzz format tidy cppcheck coverage bpf-stats
# What it found new is kept and begun with next time; a finding is kept as $(O)/fuzz/NAME-*.
fuzz: fuzz-bins
	$(Q)set -e; for f in $(FUZZ_SRC:tests/fuzz/%.c=%); do \
	    echo "  FUZZ     $$f, $(FUZZ_S) s"; \
	    mkdir -p $(O)/fuzz/corpus/$$f; \
	    set -- $(O)/fuzz/corpus/$$f; \
	    [ ! -d tests/fuzz/$$f.seeds ] || set -- "$$@" tests/fuzz/$$f.seeds; \
	    [ ! -f tests/fuzz/$$f.dict ] || set -- -dict=tests/fuzz/$$f.dict "$$@"; \
	    $(O)/fuzz/fuzz/$$f -max_total_time=$(FUZZ_S) -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
	        -artifact_prefix=$(O)/fuzz/$$f- "$$@" >$(O)/fuzz/$$f.log 2>&1 || \
	        { tail -n 60 $(O)/fuzz/$$f.log >&2; exit 1; }; \
	    sed -n 's/^stat::/             /p' $(O)/fuzz/$$f.log; \
	done

format:
	$(Q)clang-format -i $(ALL_C)

# One file at a time: clang-tidy's va_list check stumbles over its own state otherwise.
tidy: compile_commands.json $(SKEL)
	$(Q)printf '%s\n' $(LIB_SRC) $(TOOL_SRC) $(HELPER_SRC) | \
	    xargs -P "$$(nproc)" -n 1 clang-tidy -p . --quiet >$(O)/tidy.log 2>&1; status=$$?; \
	sed -nE 's!^($(CURDIR)/)?(\./)?(.*: (warning|error): .*)!\3!p' $(O)/tidy.log | sort -u; exit $$status

# It does not know _cleanup_, hence not what leaks; the sanitizers do.
cppcheck: $(SKEL)
	$(Q)cppcheck --quiet -j "$$(nproc)" --std=c11 --language=c --enable=warning,performance,portability \
	    $(addprefix --suppress=,missingIncludeSystem resourceLeak memleak invalidPointerCast '*:/usr/include/*') \
	    --inline-suppr --error-exitcode=1 -D_GNU_SOURCE -DPF_VERSION='""' -I. \
	    $(addprefix --include=,$(wildcard /usr/include/uthash.h)) $(LIB_SRC) $(TOOL_SRC) $(HELPER_SRC)

coverage: workloads examples
	$(Q)$(MAKE) O=$(O)/cov COV=1 SAN=0 CC=gcc all unit-bins
	$(Q)$(WHERE) tests/coverage.sh $(O)/cov

bpf-stats: need-root all
	$(Q)$(WHERE) BPFTOOL='$(BPFTOOL)' tests/bpf-stats.sh $(BPF_SRC:bpf/%.c=$(O)/bpf/%.o)

# $(call entry,FILE,COMMAND): one member of the compilation database.
entry = $(file >>$@.tmp,{"directory":"$(CURDIR)","file":"$(1)","command":"$(subst ",\",$(subst \,\\,$(2)))"}$(comma))
comma := ,

compile_commands.json: FORCE
	@: $(file >$@.tmp,[) \
	  $(foreach f,$(BPF_SRC) $(BENCH_BPF),$(call entry,$f,$(CLANG) $(BPF_CFLAGS) -c $f)) \
	  $(foreach f,$(WORK_SRC) $(DEMO_SRC) $(VM_SRC),$(call entry,$f,$(CC) $(PF_CPPFLAGS) $(PLAIN_CFLAGS) -c $f)) \
	  $(foreach f,$(LIB_SRC) $(TOOL_SRC) $(HELPER_SRC) $(UNIT_SRC) $(FUZZ_SRC) $(BENCH_SRC),$(call entry,$f,$(CC) $(PF_CPPFLAGS) $(PF_CFLAGS) -c $f))
	@sed '$$s/,$$//' $@.tmp > $@.new; echo ']' >> $@.new; rm $@.tmp
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

# ---- installing -----------------------------------------------------------

# MODE|FROM|TO: install and uninstall read the same list, so that they agree.
PAYLOAD := $(foreach t,$(TOOLS),755|$(O)/bin/$t|$(sbindir)/$t) \
           $(foreach h,$(HELPERS),755|$(O)/libexec/$h|$(libexecdir)/$h) \
           $(foreach m,$(MAN),644|$m|$(mandir)/man$(subst .,,$(suffix $m))/$(notdir $m)) \
           $(foreach f,$(wildcard completions/bash/*),644|$f|$(bashcompdir)/$(notdir $f)) \
           $(foreach f,$(wildcard completions/zsh/*),644|$f|$(zshcompdir)/$(notdir $f)) \
           $(foreach f,$(wildcard completions/fish/*),644|$f|$(fishcompdir)/$(notdir $f)) \
           $(foreach f,$(DOCS),644|$f|$(docdir)/$f)

# The directories that install had to make are listed beside the documents, for uninstall.
MADE := $(docdir)/.directories

.PHONY: install uninstall dist clean
install: all
	$(Q)set -e; D='$(patsubst %/,%,$(DESTDIR))'; made=; mkdir -p "$$D/"; \
	case '$(prefix)' in /*) ;; *) echo "prefix: '$(prefix)' is not accepted: give an absolute path" >&2; exit 1;; esac; \
	up() { [ -d "$$D/$$1" ] || { up "$${1%/*}"; mkdir -m 755 "$$D$$1"; made="$$made $$1"; }; }; \
	for e in $(PAYLOAD:%='%'); do \
	    to="$${e##*|}"; from="$${e#*|}"; from="$${from%|*}"; \
	    up "$${to%/*}"; $(INSTALL) -m "$${e%%|*}" "$$from" "$$D$$to"; \
	done; \
	[ -z "$$made" ] || { printf '%s\n' $$made >> "$$D$(MADE)"; chmod 644 "$$D$(MADE)"; }
	$(call say,INSTALL,$(DESTDIR)$(prefix))

uninstall:
	$(Q)D='$(patsubst %/,%,$(DESTDIR))'; \
	for e in $(PAYLOAD:%='%'); do rm -f "$$D$${e##*|}"; done; \
	made="$$(sort -ru "$$D$(MADE)" 2>/dev/null)"; rm -f "$$D$(MADE)"; \
	for d in $$made; do rmdir "$$D$$d" 2>/dev/null || :; done

dist:
	@mkdir -p $(O)
	$(Q)git archive --prefix=pftools-$(VERSION)/ -o $(O)/pftools-$(VERSION).tar HEAD
	$(Q)gzip -9nf $(O)/pftools-$(VERSION).tar
	$(call say,DIST,$(O)/pftools-$(VERSION).tar.gz)

# Only what is ours: O may be a directory that holds other things.
clean:
	$(Q)rm -rf $(addprefix $(O)/,bin libexec bpf gen obj unit workloads examples bench fuzz vm guest san cov leak-sites libpf.a tidy.log pftools-*.tar.gz)
	$(Q)rm -f compile_commands.json; rmdir $(O) 2>/dev/null || :

.SECONDARY:
.DELETE_ON_ERROR:

-include $(wildcard $(addprefix $(O)/,obj/*/*/*.d bpf/*.d workloads/*.d examples/*.d bench/*.d vm/*.d))
