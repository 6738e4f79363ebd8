# Short names for what `run` does; nothing needs make.
.PHONY: dev check demo docs lock

dev:    ## set up the environment and run the quick tests
	./run test -m "not integration and not faults and not slow"

check:  ## what CI runs
	CI=true bash .ci/run

demo:   ## a live funnel, from nothing
	./run demo

docs:   ## write the pages that are made from the code: docs/cli.md, docs/journeys.md, the schema, …
	./run --version
	$${TRACKER_VENV:-.venv}/bin/python -m tests.house.pages

lock:   ## renew the image's locks after a change of dependencies
	./run --version
	$${TRACKER_VENV:-.venv}/bin/python -m deploy.lock
