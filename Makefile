# The front door. Meson does the work; each target first sets up what it needs.
BUILD := build
ASAN := build-asan
N ?= 20

all: $(BUILD)/build.ninja
	@tools/setup.sh build
	@ninja -C $(BUILD) rr

$(BUILD)/build.ninja:
	@tools/setup.sh build
	meson setup $(BUILD)

$(ASAN)/build.ninja: | $(BUILD)/build.ninja
	meson setup $(ASAN) -Db_sanitize=address,undefined -Dwerror=false

demo: all
	@tools/setup.sh demo
	@demo/demo.sh $(BUILD)/rr

check:
	@tools/setup.sh build test
	@$(MAKE) --no-print-directory $(BUILD)/build.ninja $(ASAN)/build.ninja
	@tools/check.sh $(BUILD) $(ASAN)

soak: all
	@tools/setup.sh test
	@ninja -C $(BUILD)
	@tests/soak.sh $(BUILD) $(N)

bench: all
	@tools/setup.sh test
	@bench/run.sh $(BUILD)/rr
	@bench/run.sh $(BUILD)/rr -c

format:
	@tools/setup.sh test
	@tools/check-format.sh

clean:
	rm -rf $(BUILD) $(ASAN)

.PHONY: all demo check soak bench format clean
