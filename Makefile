# The collection's own chores; `make help` lists them.

MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

BUILD   := $(CURDIR)/.build
NEWEST  := $(BUILD)/venv/newest/bin
OLDEST  := $(BUILD)/venv/oldest/bin
WORKERS ?= auto

# Where the user's own collections are, for `make audit`.
OWN_COLLECTIONS := $(or $(ANSIBLE_COLLECTIONS_PATH),$(HOME)/.ansible/collections:/usr/share/ansible/collections)

# Ansible finds the tree as vmguest.linux here, and the tests' own collections beside it.
export ANSIBLE_COLLECTIONS_PATH := $(BUILD)/import:$(BUILD)/collections
export PYTHONDONTWRITEBYTECODE  := 1
export HYPOTHESIS_STORAGE_DIRECTORY := $(BUILD)/hypothesis

ifdef CI
export NO_COLOR := 1
endif

GATE := @sh tests/tools/gate.sh

# Tests side by side: who is done takes from the others.
PARALLEL := -n $(WORKERS) --dist worksteal

# Programs of the newest environment, and podman with the test guests' settings.
WITH_NEWEST     := env PATH="$(NEWEST):$$PATH"
WITH_CONTAINERS := $(WITH_NEWEST) CONTAINERS_CONF="$(CURDIR)/tests/containers/containers.conf" MOLECULE_COMMAND_BORDERS=false

# Tests of properties alone, however long they take.
SEARCH := $(WITH_NEWEST) EXAMPLES=$(or $(EXAMPLES),20) pytest -q $(PARALLEL) -m hypothesis --timeout=0 tests/unit

# Makes the pages of docs that are generated (tests/pages).
PAGES := $(WITH_NEWEST) PYTHONPATH="$(BUILD)/import" python -m ansible_collections.vmguest.linux.tests.pages.run

# The VMs' own program (tests/vm).
VM := $(WITH_NEWEST) PYTHONPATH="$(BUILD)/import" python -m ansible_collections.vmguest.linux.tests.vm.run

help: ## list the targets
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | awk -F'\t' '{ printf "%-20s %s\n", $$1, $$2 }'

# ---- the main job ----------------------------------------------------------------------------------------------------

audit: ## audit your own guests: INVENTORY=path [LIMIT=pattern] [ARGS='-e name=value']
	@test -n "$(INVENTORY)" || { echo "make audit: name an inventory: make audit INVENTORY=path [LIMIT=pattern] [ARGS='-e name=value']" >&2; exit 2; }
	@case "$(INVENTORY)" in *,*) ;; *) test -e "$(INVENTORY)" || { echo "make audit: there is no inventory at '$(INVENTORY)'" >&2; exit 2; } ;; esac
	@sh tests/tools/setup.sh environments
	@$(WITH_NEWEST) ANSIBLE_COLLECTIONS_PATH="$(BUILD)/import:$(OWN_COLLECTIONS)" \
	    ansible-playbook vmguest.linux.audit -i "$(INVENTORY)" $(if $(LIMIT),--limit "$(LIMIT)") $(ARGS)

demo: ## audit, remediate, move to pvscsi and revert a guest in a VM that is thrown away (5 to 15 minutes)
	@sh tests/tools/setup.sh vm-packages environments
	@$(VM) demo

# ---- gates -----------------------------------------------------------------------------------------------------------

setup: ## install what the gates need, into .build/
	@sh tests/tools/setup.sh

check: setup ruff mypy shellcheck docs-check units-newest package ## the gates without containers and VMs (2 minutes)

LINT := sanity-newest sanity-oldest ansible-lint docs-lint changelog-lint

lint: setup $(LINT) ## Ansible's own gates

# Gates that one processor does, two at a time, the longest first. Each is shown whole when it has ended.
ONE_PROCESSOR := scenarios $(LINT) rulebook schedules browser

test: ## everything; what CI runs
	@$(MAKE) check units-oldest units-slow playbooks-oldest setup-rulebook images
	@GATE_PROGRESS=3 $(MAKE) -j 2 --output-sync=target $(addprefix -o ,setup setup-rulebook images) $(ONE_PROCESSOR) 3>&1
	@$(MAKE) vm-sample crash-sample

ruff:
	$(GATE) ruff $(NEWEST)/ruff check --cache-dir $(BUILD)/ruff .

mypy:
	$(GATE) 'mypy --strict' $(NEWEST)/mypy -p ansible_collections.vmguest.linux.plugins.plugin_utils

shellcheck:
	$(GATE) shellcheck sh tests/tools/shellcheck.sh

docs-check:
	$(GATE) 'pages of docs' $(PAGES) --check

units-newest:
	$(GATE) 'unit tests, newest ansible-core' $(WITH_NEWEST) pytest -q $(PARALLEL) tests/unit tests/containers/test_tools.py

# But the guest's scripts, which know neither ansible-core nor Python, and more examples of what was seen with the newest.
units-oldest:
	$(GATE) 'unit tests, oldest ansible-core' env PATH="$(OLDEST):$$PATH" pytest -q $(PARALLEL) -m 'not hypothesis' --ignore tests/unit/guest tests/unit

units-slow:
	$(GATE) 'whole guests, laws and crashes, newest ansible-core' $(WITH_NEWEST) pytest -q $(PARALLEL) --slow tests/unit

search: setup ## properties on guests and files that no run has tried yet: [EXAMPLES=20, times as many as usual]
	$(GATE) 'properties, new examples' $(SEARCH)
	$(GATE) 'properties of whole guests, new examples' $(SEARCH) --slow

# Each playbook and its plugins, with the oldest ansible-core; what they say of bad input and the like is seen with the newest.
ON_OLDEST := test_audit.py test_remediate.py test_report.py test_drift.py test_plan.py::TestDoingIt test_reboot.py::TestBatches \
    test_rollout.py::TestBatches

playbooks-oldest:
	$(GATE) 'playbooks, oldest ansible-core' env PATH="$(OLDEST):$$PATH" pytest -q $(PARALLEL) --slow $(ON_OLDEST:%=tests/unit/playbooks/%)

browser: setup ## the report's page in a headless Chromium
	$(GATE) "report's page in Chromium" $(WITH_NEWEST) pytest -q --durations=5 tests/browser

schedules:
	$(GATE) 'shards and execution environment' $(WITH_NEWEST) pytest -q tests/schedule --ignore tests/schedule/test_rulebook.py

setup-rulebook:
	@sh tests/tools/setup.sh rulebook

rulebook: setup setup-rulebook ## Event-Driven Ansible: an event, and the guest that is audited for it
	$(GATE) 'rulebook' $(WITH_NEWEST) pytest -q --durations=5 tests/schedule/test_rulebook.py

setup-awx:
	@sh tests/tools/setup.sh awx

# Not a part of `make test`: AWX is no package, and who runs this has it already.
awx: setup setup-awx ## AWX for real, one that is installed already: AWX_SOURCE=its source AWX_PYTHON=a python that runs it (as root)
	@test -d "$(AWX_SOURCE)/awx_collection" || { echo "make awx: AWX_SOURCE is '$(AWX_SOURCE)'; name a folder with AWX's source (docs/schedule.md)" >&2; exit 2; }
	@test -x "$(AWX_PYTHON)" || { echo "make awx: AWX_PYTHON is '$(AWX_PYTHON)'; name a python that has what AWX requires (docs/schedule.md)" >&2; exit 2; }
	@sh tests/containers/build.sh controller
	$(GATE) 'AWX' $(WITH_CONTAINERS) AWX_SOURCE="$(AWX_SOURCE)" AWX_PYTHON="$(AWX_PYTHON)" pytest -q --durations=5 tests/awx

breaks: setup ## break every recommendation on purpose and see its tests turn red (25 minutes): [ONLY="recommendation ..."]
	$(GATE) 'deliberate breaks' $(WITH_NEWEST) PYTHONPATH="$(BUILD)/import" python -m ansible_collections.vmguest.linux.tests.breaks.run $(ONLY)

package:
	$(GATE) 'package, newest ansible-core' $(WITH_NEWEST) sh tests/tools/package.sh
	$(GATE) 'package, oldest ansible-core' env PATH="$(OLDEST):$$PATH" sh tests/tools/package.sh

ansible-lint:
	$(GATE) ansible-lint $(WITH_NEWEST) ansible-lint --offline --profile production --strict

docs-lint:
	$(GATE) 'antsibull-docs' $(WITH_NEWEST) antsibull-docs lint-collection-docs --plugin-docs .

changelog-lint:
	$(GATE) 'antsibull-changelog' $(WITH_NEWEST) antsibull-changelog lint

sanity-newest:
	$(GATE) "ansible-test sanity, newest ansible-core" sh tests/tools/ansible_test.sh newest sanity

# The tests that ask ansible-core and its Python; the others see the same files as above.
sanity-oldest:
	$(GATE) "ansible-test sanity, oldest ansible-core" sh tests/tools/ansible_test.sh oldest sanity \
	    --test ansible-doc --test compile --test import --test validate-modules

# Not a part of `make test`: what units-newest runs, as Galaxy's own tool runs it.
ansible-units: setup ## unit tests by ansible-test
	$(GATE) "ansible-test units, newest ansible-core" sh tests/tools/ansible_test.sh newest units

# ---- containers ------------------------------------------------------------------------------------------------------

# On the disk: a file system in memory may refuse devices.
images: setup ## build the test guests' images that are not built yet
	$(GATE) "test guests' images" env -u TMPDIR sh tests/containers/build.sh

molecule: images ## one step by hand: ARGS=create, converge, verify, destroy
	@$(WITH_CONTAINERS) molecule $(ARGS)

scenarios: images ## the container scenarios (as root)
	$(GATE) 'container scenarios' $(WITH_CONTAINERS) pytest -s -v --durations=0 tests/containers

# ---- virtual machines ------------------------------------------------------------------------------------------------

vm-shell: ## boot a VM and look around in it: [IMAGE=debian|dracut|grub-legacy] [CONTROLLER=lsi|pvscsi|mptsas]
	@sh tests/tools/setup.sh vm-packages environments
	@$(VM) shell $(or $(IMAGE),debian) $(or $(CONTROLLER),lsi)

# Two VMs at a time: an emulated guest fills a processor.
TWO_VMS := -n 2 --dist worksteal

vm-sample: setup ## the VM scenarios that `make test` holds
	$(GATE) 'virtual machines, a sample' $(WITH_NEWEST) pytest -s $(TWO_VMS) --durations=0 tests/vm

proof: setup ## all VM scenarios (hours); writes docs/proof.md. ARGS=tests/vm/test_disks.py runs some and keeps the others' results
	@$(if $(ARGS),,rm -rf $(BUILD)/vm/results)
	@$(WITH_NEWEST) pytest -s $(TWO_VMS) --durations=0 --all $(or $(ARGS),tests/vm)
	@$(if $(ARGS),,$(VM) page)

proof-page: ## docs/proof.md, of the results that `make proof` left; what was not run here stays on the page
	@$(VM) page --keep

# ---- the rest --------------------------------------------------------------------------------------------------------

bench: setup ## measure against ping, plain ssh and an idiomatic playbook: [ARGS=...]
	@$(WITH_NEWEST) python tests/bench/run.py $(ARGS)

bench-report: setup ## measure the report's page, built and opened in Chromium: [GUESTS=10000]
	@$(WITH_NEWEST) PYTHONPATH="$(BUILD)/import" GUESTS=$(or $(GUESTS),10000) python -m ansible_collections.vmguest.linux.tests.bench.bench_report

bench-fleet: setup ## what 100, 1,000 and 10,000 guests cost the controller: [SIZES=100,1000,10000] [FORKS=10] [PROFILE=200]; and 1,000 in shards
	@$(WITH_NEWEST) PYTHONPATH="$(BUILD)/import" SIZES=$(SIZES) FORKS=$(FORKS) PROFILE=$(PROFILE) python -m ansible_collections.vmguest.linux.tests.bench.fleet.run $(ARGS)
	@$(WITH_NEWEST) SHARD_GUESTS=1000 pytest -q --timeout 7200 tests/schedule/test_shards.py

setup-peers: setup ## pyinfra and salt-ssh, which only bench-peers needs
	@sh tests/tools/setup.sh peers

bench-peers: setup-peers ## measure against stock modules, pyinfra and salt-ssh, side by side; writes docs/bench-peers.md: [GUESTS=20] [ROUNDS=3]
	@$(WITH_NEWEST) python tests/bench/peers/bench_peers.py $(ARGS)

crashtest: setup ## cut apply and revert off at every write, in a small VM: [SAMPLE=states] [SEED=number]
	@$(WITH_NEWEST) PYTHONPATH="$(BUILD)/import" python -m ansible_collections.vmguest.linux.tests.crash.run --seed $(or $(SEED),1) $(if $(SAMPLE),--sample $(SAMPLE),--page docs/crash.md)

crash-sample: setup ## a seeded sample of crashtest, as tests: [SEED=number]
	$(GATE) 'boot safety, a sample' $(WITH_NEWEST) CRASH_SEED=$(or $(SEED),1) pytest -v $(PARALLEL) --durations=0 tests/crash

docs-pages: setup ## make the pages anew that are made from code, roles, profiles and tests
	@$(PAGES)

docs: docs-pages ## the same, and the documentation site in .build/docs
	@rm -rf $(BUILD)/docs && mkdir -m 0700 $(BUILD)/docs
	@$(WITH_NEWEST) antsibull-docs sphinx-init --use-current --sphinx-theme alabaster --dest-dir $(BUILD)/docs vmguest.linux >/dev/null
	@cd $(BUILD)/docs && $(WITH_NEWEST) antsibull-docs --config-file antsibull-docs.cfg \
	    collection --cleanup everything --use-current --dest-dir rst vmguest.linux
	@# Not with warnings as errors: the pages refer to Ansible's own site, which a build machine may not reach.
	@cd $(BUILD)/docs && $(WITH_NEWEST) sphinx-build -M html rst build -c . -q
	@echo "docs: .build/docs/build/html/index.html"

clean: ## remove .build/ and the test guests
	@-podman rm --force --time 1 $$(podman ps --all --quiet --filter name='^vmguest-') 2>/dev/null
	rm -rf $(BUILD)

.PHONY: help audit demo setup check lint test ruff mypy shellcheck docs-check docs-pages units-newest units-oldest units-slow search playbooks-oldest breaks browser schedules setup-rulebook rulebook setup-awx awx package ansible-lint \
    docs-lint changelog-lint sanity-newest sanity-oldest ansible-units images molecule scenarios vm-shell vm-sample proof proof-page bench bench-report bench-fleet setup-peers bench-peers crashtest crash-sample docs clean
