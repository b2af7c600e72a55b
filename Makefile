# Every verb of the project. `make help` lists them; CI and the commit hooks call the same ones.
SHELL := /bin/sh
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3.11)
VENV := .venv
BIN := $(VENV)/bin
RUN := env PYTHONPATH=. $(BIN)/python
STAMP := $(VENV)/.installed
MINISTACK_STAMP := .meridian/ministack/.installed
TOOLS_STAMP := .meridian/tools/.installed
NODE_STAMP := deploy/checks/node_modules/.installed
UNREACHABLE := The locked packages could not be installed: see that pip reaches its package index and the disk has 1 GB free, then try again.
WORKERS ?= 2

##@ Run it
.PHONY: up
up: setup ## Start everything on this machine (split=1: API and worker apart)
	@exec $(RUN) -m local up $(if $(split),--split)

.PHONY: demo
demo: setup ## Buy something through the gateway and watch every service react
	@exec $(RUN) -m local demo

.PHONY: seed
seed: setup ## Load the catalogue; n=100000 makes a large one
	@exec $(RUN) -m local seed $(if $(n),--n $(n))

.PHONY: admin-code
admin-code: setup ## Show the code the administrator types after the password
	@exec $(RUN) -m local admin-code

.PHONY: trace
trace: setup ## Tell the story of one order: make trace o=ord_...
	@exec $(RUN) -m local trace $(o)

.PHONY: status
status: setup ## Show every process, its port, memory and restarts
	@exec $(RUN) -m local status

.PHONY: logs
logs: setup ## Show logs, of one service with s=order, following with f=1
	@exec $(RUN) -m local logs $(if $(s),--service $(s)) $(if $(f),--follow)

.PHONY: down
down: setup ## Stop everything that `make up` started
	@exec $(RUN) -m local down

.PHONY: reset
reset: setup ## Stop and forget all local data
	@$(RUN) -m local down && $(RUN) -m local reset

##@ Operate it
.PHONY: dead-letters
dead-letters: setup ## List dead letters and given-up messages; redrive=QUEUE or revive=QUEUE tries them again
	@exec $(RUN) -m local dead-letters $(if $(redrive),--redrive $(redrive)) $(if $(revive),--revive $(revive))

.PHONY: republish
republish: setup ## Send events again from the outbox: make republish since=2026-01-31T12:00:00Z [s=order]
	@exec $(RUN) -m local republish --since $(since) $(if $(s),--service $(s))

.PHONY: rebuild
rebuild: setup ## Make a projection anew from events, while it is used: make rebuild [projection=cart]
	@exec $(RUN) -m local rebuild $(if $(projection),--projection $(projection))

.PHONY: reconcile
reconcile: setup ## Compare a day with the payment provider's book: make reconcile day=2026-01-31
	@exec $(RUN) -m local reconcile $(if $(day),--day $(day))

.PHONY: mail
mail: setup ## Print the last mails: to=ada@example.com n=5; stuck=list shows what was given up, stuck=revive tries it again
	@exec $(RUN) -m local mail $(if $(to),--to $(to)) $(if $(n),--number $(n)) $(if $(stuck),--stuck $(stuck))

.PHONY: audit
audit: setup ## Verify that no audit log was changed; anchor=order=HEAD finds a tail that was cut off
	@exec $(RUN) -m local audit $(if $(anchor),--anchor $(anchor))

.PHONY: rotate-keys
rotate-keys: setup ## Let the next key sign access tokens; revoke=KID refuses one that leaked, at once
	@exec $(RUN) -m local signing-keys $(if $(revoke),revoke-key $(revoke),rotate-keys)

.PHONY: erasures
erasures: setup ## List erasures that are not finished: push=ID or push=all has them tried now
	@exec $(RUN) -m local erasures $(if $(push),--push $(push))

.PHONY: backup
backup: setup ## Copy the running database; from then on every moment can be restored
	@exec $(RUN) -m local backup

.PHONY: restore
restore: setup ## Bring the stopped database back to a moment: make restore to=2026-01-31T12:00:00Z
	@exec $(RUN) -m local restore --to $(to)

.PHONY: deploy
deploy: ## Install or upgrade a region with Helm: make deploy env=prod region=us-east-1 [tag=v1.2.3] [only=order] [authorities=rds.pem] [dry=1]
	@sh deploy/helm/deploy.sh "$(env)" "$(region)" $(if $(tag),tag="$(tag)") $(if $(only),only="$(only)") $(if $(authorities),authorities="$(authorities)") $(if $(context),context="$(context)") $(if $(dry),dry="$(dry)")

.PHONY: controllers
controllers: ## Install or upgrade what the charts need in a cluster: make controllers env=prod region=us-east-1 [only=keda] [dry=1]
	@sh deploy/helm/controllers.sh "$(env)" "$(region)" $(if $(only),only="$(only)") $(if $(context),context="$(context)") $(if $(dry),dry="$(dry)")

.PHONY: argo
argo: ## Print the ApplicationSet for your repository: make argo repository=https://... | kubectl apply -f -
	@case "$(repository)" in https://?*|ssh://?*|git@?*) ;; *) echo "Say where Argo CD reads this repository: make argo repository=https://git.example.com/shop/meridian.git" >&2; exit 2;; esac
	@sed 's|$${REPOSITORY}|$(repository)|' deploy/argo/applicationset.yaml

##@ Build it in AWS
.PHONY: tf
tf: setup ## Terraform on one stack: make tf env=dev region=us-east-1 stack=network do=plan|apply|destroy|output [yes=1]
	@exec $(RUN) -m deploy.terraform.drive --env "$(env)" --region "$(region)" --stack "$(stack)" --do "$(or $(do),plan)" $(if $(yes),--yes)

.PHONY: tf-region
tf-region: setup ## Plan a region's stacks into files, then apply just those: make tf-region env=prod region=us-east-1 plans=/tmp/plans do=plan|apply
	@exec $(RUN) -m deploy.terraform.release --env "$(env)" --region "$(region)" --plans "$(plans)" --do "$(or $(do),plan)"

.PHONY: tf-values
tf-values: setup ## Lay Terraform's outputs over the charts' values: make tf-values env=prod region=us-east-1
	@exec $(RUN) -m deploy.terraform.helm_values --env "$(env)" --region "$(region)"

.PHONY: tf-docs
tf-docs: setup ## Rewrite what is generated from Terraform's files: the modules' READMEs and docs/costs.md
	@exec $(RUN) -m deploy.terraform.readmes

##@ Check it
.PHONY: check
check: setup ## Format, lint, types, layers, house rules: everything that needs no server
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	PYTHONPATH=. $(BIN)/lint-imports --cache-dir .import_linter_cache
	$(RUN) -m pytest -q tests/architecture --ignore tests/architecture/test_messages.py --ignore tests/architecture/test_migrations.py

.PHONY: test
test: setup ## All tests, with the coverage gates (scale=full tries every race and crash hundreds of times)
	@$(if $(scale),SCALE=$(scale) )PYTHONPATH=. $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --cov --cov-report= $(args)
	@$(BIN)/coverage report --skip-covered --fail-under=90
	@$(BIN)/coverage report --include='services/*/domain.py,services/*/domain/*.py' --fail-under=100

.PHONY: test-terraform
test-terraform: setup $(TOOLS_STAMP) ## Check deploy/terraform without an account: format, plans, mocked and emulated applies
	@PYTHONPATH=. $(BIN)/python -m pytest -m terraform -n 3 --dist loadscope --no-loadscope-reorder -q tests/terraform $(args)

.PHONY: test-deploy
test-deploy: setup tools ## Check charts, images and alerts with the programs made for it; says what is not installed
	@PYTHONPATH=. $(BIN)/python -m pytest -m tools -q tests/deploy $(args)

.PHONY: bench
bench: setup ## Measure on this machine and rewrite the table in docs/benchmarks.md
	@exec $(RUN) -m bench

.PHONY: bench-versions
bench-versions: setup ## Measure a version and this tree in turns: make bench-versions old=v0.1.0
	@exec $(RUN) -m bench.versions --old $(or $(old),$(error Say which version: make bench-versions old=v0.1.0))

.PHONY: overload
overload: setup ## Ask a shop for three times what it can do and rewrite docs/overload.md
	@exec $(RUN) -m bench.overload

.PHONY: torture
torture: setup ## Break a shop on purpose and judge what is left: kills=50 checkouts=2000 clients=32 seed=N
	@exec $(RUN) -m torture $(if $(kills),--kills $(kills)) $(if $(checkouts),--checkouts $(checkouts)) $(if $(clients),--clients $(clients)) $(if $(seed),--seed $(seed)) $(if $(folder),--folder $(folder))

.PHONY: torture-mutants
torture-mutants: setup ## Plant bugs, one at a time, and see that the torture's checker finds each: only=NAME
	@exec $(RUN) -m torture mutants $(if $(only),--only $(only)) $(if $(seed),--seed $(seed))

##@ Change it
.PHONY: fmt
fmt: setup ## Format and apply the safe fixes
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.PHONY: migration
migration: setup ## Draft a migration: make migration s=order m="add gift note"
	@$(RUN) -m local migration --service $(s) --message "$(m)"

.PHONY: events
events: setup ## Regenerate AsyncAPI, JSON Schemas and docs/events.md
	@$(RUN) -m libs.messaging events

.PHONY: openapi
openapi: setup ## Regenerate docs/openapi/*.json
	@$(RUN) -m tests.architecture.openapi

.PHONY: edge
edge: setup ## Regenerate what every gateway reads from deploy/gateway/routes.json
	@$(RUN) -m edge

.PHONY: emulators
emulators: setup ## Regenerate docs/emulators.md from the table of what emulators do differently
	@$(RUN) -m tests.emulator.table

.PHONY: golden
golden: setup ## Render the charts' golden snapshots anew; read the difference before you commit it
	@$(RUN) -m tests.deploy.golden

.PHONY: hooks
hooks: setup ## Run the checks before every commit
	$(BIN)/pre-commit install

.PHONY: lock
lock: ## Resolve all locks again (needs uv, and npm for the Node one)
	uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" pyproject.toml -o requirements.lock
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" --extra dev -c requirements.lock pyproject.toml -o requirements-dev.lock
	uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" local/ministack.in -o local/ministack.lock
	uv pip compile -q --upgrade --universal --python-version 3.11 --generate-hashes --no-emit-index-url --custom-compile-command "make lock" deploy/checks/tools.in -o deploy/checks/tools.lock
	npm install --prefix deploy/checks --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund

##@ Put it in containers
IMAGES := $(addprefix image-,auth user product cart order payment) image-simulator image-tools image-authorizer image-emulator
TAG ?= dev
DOCKER ?= docker
REVISION = $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)
BUILD = $(DOCKER) build --quiet --build-arg REVISION=$(REVISION) $(if $(base),--build-arg PYTHON_IMAGE=$(base))

.PHONY: images
images: $(IMAGES) ## Build every image (TAG=dev; base=IMAGE builds them upon another Python)

.PHONY: docker
docker:
	@command -v $(DOCKER) >/dev/null || { echo "Docker is not installed: see docs.docker.com/engine/install, or use \`make up\`, which needs none." >&2; exit 1; }
	@$(DOCKER) info >/dev/null 2>&1 || { echo "Docker is installed but its engine does not answer: start it and see that you may use it (docker info)." >&2; exit 1; }

.PHONY: $(IMAGES)
# Lambda takes an image, and not the index with attestations that BuildKit makes of it.
image-authorizer: export BUILDX_NO_DEFAULT_ATTESTATIONS := 1
image-simulator image-tools image-authorizer image-emulator: image-%: docker
	$(BUILD) --target $* --tag meridian/$*:$(TAG) .

image-auth image-user image-product image-cart image-order image-payment: image-%: docker
	$(BUILD) --target service --build-arg SERVICE=$* --tag meridian/$*:$(TAG) .

.PHONY: sbom
sbom: $(TOOLS_STAMP) ## Write what the images hold to .meridian/sbom (CycloneDX)
	@mkdir -p .meridian/sbom
	@.meridian/tools/bin/cyclonedx-py requirements --output-reproducible --outfile .meridian/sbom/meridian.cdx.json requirements.lock
	@.meridian/tools/bin/cyclonedx-py requirements --output-reproducible --outfile .meridian/sbom/emulator.cdx.json local/ministack.lock
	@echo "Wrote .meridian/sbom/meridian.cdx.json (services, simulator, tools) and .meridian/sbom/emulator.cdx.json."

.PHONY: compose-up
compose-up: docker ## Start everything in containers and wait until it is healthy (profile=observability adds dashboards)
	$(if $(profile),COMPOSE_PROFILES=$(profile) )$(DOCKER) compose up --build --detach --wait

.PHONY: compose-down
compose-down: docker ## Stop the containers; data=forget removes their data too
	COMPOSE_PROFILES=observability $(DOCKER) compose down $(if $(filter forget,$(data)),--volumes)

##@ Prepare it
.PHONY: setup
setup: $(STAMP) $(MINISTACK_STAMP) ## Create the environments from the hashed locks (the other verbs do it for you)

$(STAMP): requirements-dev.lock
	@command -v $(PYTHON) >/dev/null || { echo "Meridian needs Python 3.11: install it, or say where it is with make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Meridian needs Python 3.11 or newer: say where it is with make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "Installing the locked packages into $(VENV) (about a minute)..."
	@$(PYTHON) -m venv $(VENV) || { echo "This Python cannot make virtual environments: install its venv package (python3.11-venv on Debian and Ubuntu), then try again." >&2; exit 1; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock || { echo "$(UNREACHABLE)" >&2; exit 1; }
	@touch $@

# MiniStack pins another botocore than ours, so it lives in an environment of its own.
$(MINISTACK_STAMP): local/ministack.lock | $(STAMP)
	@echo "Installing the AWS emulator into .meridian/ministack..."
	@$(PYTHON) -m venv --clear .meridian/ministack
	@.meridian/ministack/bin/pip install --quiet --disable-pip-version-check --require-hashes -r local/ministack.lock || { echo "$(UNREACHABLE)" >&2; exit 1; }
	@touch $@

.PHONY: tools
tools: $(TOOLS_STAMP) $(NODE_STAMP) ## Install what `make test-deploy` runs, in environments of its own

# checkov pins a hundred packages otherwise than we do.
$(TOOLS_STAMP): deploy/checks/tools.lock
	@echo "Installing checkov, hadolint and cyclonedx into .meridian/tools..."
	@$(PYTHON) -m venv --clear .meridian/tools
	@.meridian/tools/bin/pip install --quiet --disable-pip-version-check --require-hashes -r deploy/checks/tools.lock || { echo "$(UNREACHABLE)" >&2; exit 1; }
	@touch $@

$(NODE_STAMP): deploy/checks/package-lock.json
	@command -v npm >/dev/null || { echo "npm is not installed: custom resources and the Compose file stay unchecked."; exit 0; }; \
	npm ci --prefix deploy/checks --ignore-scripts --no-audit --no-fund --loglevel error && touch $@

.PHONY: clean
clean: ## Remove environments and caches (local data stays; see reset)
	rm -rf $(VENV) .meridian/ministack .meridian/tools deploy/checks/node_modules .mypy_cache .ruff_cache .pytest_cache .coverage .import_linter_cache

.PHONY: help
help: ## List the verbs
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
