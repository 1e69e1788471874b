# logferry: one non-recursive Makefile, everything built below $(BUILD).
#
#   make            both programs                make test    sanitizers, unit tests, e2e
#   make demo       the whole path, once         make bench   figures, as ratios in one run
#   make soak       what make test shows in short, in full (hours)
#   make lint       static checks                make install DESTDIR= PREFIX=/usr
#   make docs       docs/formats.md, from docs/formats.in and the code
#
# SAN=1 builds with ASan and UBSan and with the fault points of parsers/base/fault.h;
# DEV=1 makes warnings errors. The layers are static archives, linked so that a layer which
# reaches for one it must not know fails at link time (docs/architecture.md, "Borders").

BUILD   ?= build/release
PREFIX  ?= /usr
DESTDIR ?=
VERSION := 0.1.0
CC      ?= cc
PKGS_AGENT   = libcurl libpcre2-8 zlib libzstd liblzma yaml-0.1 $(ISAL)
PKGS_SERVER := sqlite3 libcrypto libxcrypt libmaxminddb libpcre2-8 zlib libzstd yaml-0.1
PKG_CONFIG  ?= pkg-config
# Debian has it for the common processors of 64 bits; else zlib does its part.
ISAL        := $(shell $(PKG_CONFIG) --exists libisal && echo libisal)

WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wwrite-strings \
        -Wpointer-arith -Wundef -Wno-unused-parameter
HARD := -fstack-protector-strong -fPIE -fno-plt
comma := ,
ifeq ($(SAN),1)
# -g1 is what reports of a sanitizer need, lines and functions: a seventh of the time of gcc is gone. (CFLAGS=-g3 for gdb.)
# What a function has not set is no lucky zero: the sanitizers do not see that.
OPT  := -O1 $(if $(findstring -g,$(CFLAGS)),,-g1) -fno-omit-frame-pointer -fsanitize=address,undefined \
        -ftrivial-auto-var-init=pattern -fno-sanitize-recover=all -DLOGFERRY_FAULTS
LSAN := -fsanitize=address,undefined $(patsubst %,-Wl$(comma)--wrap=%,malloc calloc realloc strdup strndup)
# Over a hundred programs: gold takes half as long as bfd, and like bfd, unlike lld, goes through the archives
# once. It takes --wrap for what shared libraries call, too, and must not ask for that.
LSAN += $(if $(shell command -v ld.gold),-fuse-ld=gold -Wl$(comma)--allow-shlib-undefined)
# The tests start the two programs some thousand times, and a leak check reads the memory of each sanitizer's library:
# one copy of it, and no addresses to move, are a quarter of the time of a start.
SAN_PROGRAM := -no-pie $(if $(findstring clang,$(CC)),,-static-libasan -static-libubsan)
$(BUILD)/tests/unit/config/test_memory: LSAN += $(SAN_PROGRAM) # which forks for each allocation that fails
# What calls the code under test may be slow. (Without optimisation gcc only guesses at what is not set.)
$(BUILD)/tests/unit/%.o: override CFLAGS += -O0 -Wno-maybe-uninitialized
else ifeq ($(SAN),fuzz)
OPT  := -O1 -g -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined
LSAN := -fsanitize=address,undefined
else
OPT  := -O2 -g -D_FORTIFY_SOURCE=2
HARD += -fstack-clash-protection
# gcc clears and copies structs of some hundred bytes by `rep stos` and `rep movs`, which take longer
# to start than a loop of vectors to end: 4 % of all CPU time of the agent.
LOOPS := vector_loop:1024:noalign,libcall:-1:noalign
LOOPS := -mmemset-strategy=$(LOOPS) -mmemcpy-strategy=$(LOOPS)
OPT  += $(shell $(CC) $(LOOPS) -E -xc /dev/null >/dev/null 2>&1 && echo $(LOOPS))
# Small functions of one file are called by loops of another: optimised as one program, the agent takes 8 % less CPU.
LTO  := $(shell $(CC) -v 2>&1 | grep -q '^gcc version' && echo -flto=auto)
OPT  += $(LTO)
ifeq ($(shell uname -m),x86_64)
HARD += -fcf-protection
endif
endif
ifeq ($(DEV),1)
WARN += -Werror
endif
override CPPFLAGS += -D_GNU_SOURCE -DLOGFERRY_VERSION='"$(VERSION)"' -I. -MMD -MP
override CPPFLAGS += $(if $(ISAL),-DHAVE_ISAL)
override CFLAGS   += -std=c17 $(OPT) $(WARN) $(HARD) -pthread
override LDFLAGS  += -pie -Wl,-z,relro,-z,now -Wl,--as-needed $(LSAN) $(if $(LTO),$(OPT)) -pthread

# ---- layers --------------------------------------------------------------------------------
srcs = $(filter-out %/main.c,$(wildcard $(1)/*.c) $(wildcard $(1)/*.S))
objs = $(patsubst %,$(BUILD)/%.o,$(basename $(call srcs,$(1))))

BASE    := $(BUILD)/libbase.a
PARSERS := $(BUILD)/libparsers.a
CONFIG  := $(BUILD)/libconfig.a
AGENT   := $(BUILD)/libagent.a
SERVER  := $(BUILD)/libserver.a
LIBS_AGENT  := $(shell $(PKG_CONFIG) --libs $(PKGS_AGENT) 2>/dev/null) -lbz2 -lev -lm
LIBS_SERVER := $(shell $(PKG_CONFIG) --libs $(PKGS_SERVER) 2>/dev/null) -lev -lm

# One short line a step; V=1 shows the commands.
ifneq ($(V),1)
say = @printf '  %-4s %s\n' $(1) $(patsubst $(BUILD)/%,%,$@);
endif

.DELETE_ON_ERROR:
.PHONY: all clean
all: $(BUILD)/logferry $(BUILD)/logferry-server

$(BASE): $(call objs,parsers/base)
$(PARSERS): $(call objs,parsers)
$(CONFIG): $(call objs,config)
$(AGENT): $(call objs,agent)
$(SERVER): $(call objs,server)
$(BUILD)/%.a:
	$(call say,AR)rm -f $@ && ar rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC)$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<
$(BUILD)/%.o: %.S
	@mkdir -p $(@D)
	$(call say,AS)$(CC) $(CPPFLAGS) -c -o $@ $<

# .incbin is invisible to -MMD.
$(BUILD)/parsers/agents_data.o: parsers/agents/agents.tsv parsers/agents/bots.tsv parsers/agents/ranges.txt
$(BUILD)/server/reference_data.o: $(wildcard server/reference/*)

$(BUILD)/logferry: $(BUILD)/agent/main.o $(AGENT) $(CONFIG) $(PARSERS) $(BASE)
	$(call say,LINK)$(CC) $(LDFLAGS) $(SAN_PROGRAM) -o $@ $^ $(LIBS_AGENT)
$(BUILD)/logferry-server: $(BUILD)/server/main.o $(SERVER) $(CONFIG) $(PARSERS) $(BASE)
	$(call say,LINK)$(CC) $(LDFLAGS) $(SAN_PROGRAM) -o $@ $^ $(LIBS_SERVER)

# ---- unit tests: tests/unit/<layer>/test_*.c, one program each, linked with what the layer may see
UNIT := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/*/test_*.c))
UNIT_LIBS_base    := $(BASE)
UNIT_LIBS_parsers := $(PARSERS) $(BASE)
UNIT_LIBS_config  := $(CONFIG) $(PARSERS) $(BASE)
UNIT_LIBS_agent   := $(AGENT) $(CONFIG) $(PARSERS) $(BASE)
UNIT_LIBS_server  := $(SERVER) $(CONFIG) $(PARSERS) $(BASE)
UNIT_EXT_base     :=
UNIT_EXT_parsers  := -lpcre2-8 -ljansson
UNIT_EXT_config   := -lyaml -lpcre2-8
UNIT_EXT_agent    := $(LIBS_AGENT)
UNIT_EXT_server   := $(LIBS_SERVER)

.PHONY: unit
unit: $(UNIT)
define unit_rule
$(BUILD)/tests/unit/$(1)/test_%: $(BUILD)/tests/unit/$(1)/test_%.o $(UNIT_LIBS_$(1))
	$$(call say,LINK)$$(CC) $$(LDFLAGS) -o $$@ $$^ -lcmocka $(UNIT_EXT_$(1))
endef
$(foreach l,base parsers config agent server,$(eval $(call unit_rule,$(l))))
.SECONDARY:

# ---- tests, demo, figures ---------------------------------------------------------------------
SAN_BUILD := build/san
RUN_SAN    = $(MAKE) --no-print-directory SAN=1 BUILD=$(SAN_BUILD) -j$(shell nproc)

# docs/formats.md out of docs/formats.in and what the code knows of the formats.
.PHONY: docs
docs:
	$(RUN_SAN) $(SAN_BUILD)/tests/unit/parsers/test_formats_md
	$(SAN_BUILD)/tests/unit/parsers/test_formats_md --write

.PHONY: test e2e soak demo bench fuzz fuzzers lint format install
test:
	sh tests/deps.sh test
	$(RUN_SAN) -j$$(($$(nproc) + 1)) openapi all unit chaos
	python3 parsers/agents/generate.py --check
	python3 parsers/cdn_ranges.py --check
	sh tests/run-all.sh $(SAN_BUILD)
# What the OpenAPI tests need from the npm registry; one job more, for it mostly waits.
.PHONY: openapi
openapi:
	sh tests/openapi/install.sh
e2e:
	sh tests/deps.sh test
	$(RUN_SAN) all chaos
	python3 tests/e2e/run.py --bin $(SAN_BUILD) $(NAME)
# The scenarios of tests/chaos with their full figures; NAME=r05 for those alone.
soak:
	sh tests/deps.sh soak
	$(RUN_SAN) all chaos
	$(MAKE) --no-print-directory -j$(shell nproc) all chaos
	CHAOS_FULL=1 python3 tests/chaos/soak.py --san $(SAN_BUILD) --release $(BUILD) $(NAME)
demo:
	sh tests/deps.sh demo
	$(MAKE) --no-print-directory -j$(shell nproc) all
	bash tests/demo.sh $(BUILD)
bench:
	sh tests/deps.sh bench
	$(MAKE) --no-print-directory -j$(shell nproc) all $(BENCH)
	python3 tests/bench/bench.py --bin $(BUILD)

# Programs that measure a part alone; built with the release flags.
BENCH := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/bench/bench_*.c))
$(BUILD)/tests/bench/bench_%: $(BUILD)/tests/bench/bench_%.o $(SERVER) $(CONFIG) $(PARSERS) $(BASE)
	$(call say,LINK)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS_SERVER)

# The writer and the sink of tests/chaos, which need nothing of ours; what measures there is linked with the parsers.
CHAOS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/chaos/*.c))
.PHONY: chaos
chaos: $(CHAOS)
$(BUILD)/tests/chaos/%: $(BUILD)/tests/chaos/%.o $(PARSERS) $(BASE)
	$(call say,LINK)$(CC) $(LDFLAGS) -o $@ $^ -lpcre2-8

# One libFuzzer program a target: make fuzz FUZZ_SECONDS=600 (or FUZZ_ONLY=fuzz_json).
FUZZ_SECONDS ?= 60
FUZZ_ONLY    ?= $(patsubst tests/fuzz/%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZERS      := $(addprefix $(BUILD)/tests/fuzz/,$(FUZZ_ONLY))
FUZZ_AGENT   := $(patsubst tests/%.c,$(BUILD)/tests/%,$(shell grep -l '"agent/' tests/fuzz/fuzz_*.c))
FUZZ_TOP      = $(SERVER)
$(FUZZ_AGENT): FUZZ_TOP = $(AGENT)
$(BUILD)/tests/fuzz/fuzz_%: $(BUILD)/tests/fuzz/fuzz_%.o $(AGENT) $(SERVER) $(CONFIG) $(PARSERS) $(BASE)
	$(call say,LINK)$(CC) $(LDFLAGS) -fsanitize=fuzzer -o $@ $< $(FUZZ_TOP) $(CONFIG) $(PARSERS) $(BASE) \
	    $(LIBS_AGENT) $(LIBS_SERVER) -ljansson
fuzzers: $(FUZZERS)
fuzz:
	sh tests/deps.sh dev
	$(MAKE) --no-print-directory -j$(shell nproc) CC=clang-14 SAN=fuzz BUILD=build/fuzz fuzzers
	@for f in $(FUZZ_ONLY); do echo "== $$f"; mkdir -p build/fuzz/corpus/$$f; \
	    build/fuzz/tests/fuzz/$$f -max_total_time=$(FUZZ_SECONDS) -verbosity=0 \
	    -print_final_stats=1 build/fuzz/corpus/$$f || exit 1; done

SOURCES := $(wildcard */*.[ch] */*/*.[ch] */*/*/*.[ch])
lint:
	sh tests/deps.sh dev
	sh tests/lint.sh
format:
	clang-format-14 -i $(SOURCES)

install: all
	install -D -m 0755 -t $(DESTDIR)$(PREFIX)/bin $(BUILD)/logferry $(BUILD)/logferry-server
	install -D -m 0644 -t $(DESTDIR)/lib/systemd/system systemd/logferry.service \
	    systemd/logferry-server.service systemd/logferry-server.socket
	install -D -m 0644 -t $(DESTDIR)/usr/lib/sysusers.d systemd/sysusers.d/*.conf
	install -D -m 0644 -t $(DESTDIR)/usr/lib/tmpfiles.d systemd/tmpfiles.d/*.conf
	install -D -m 0644 -t $(DESTDIR)$(PREFIX)/share/logferry docs/alerts.rules.yml
	install -d -m 0755 $(DESTDIR)/etc/logferry
	for f in logferry.yaml logferry-server.yaml; do [ -e $(DESTDIR)/etc/logferry/$$f ] || \
	    install -m 0644 config/$$f $(DESTDIR)/etc/logferry/$$f; done

clean:
	rm -rf build

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
