# lab.py does the work, so that Windows has the same commands: python lab.py, python lab.py test
PYTHON ?= $(or $(shell command -v python3 || command -v python),python3)

.PHONY: lab test test-all

lab:
	@$(PYTHON) lab.py lab $(ARGS)

test:
	@$(PYTHON) lab.py test $(ARGS)

test-all:
	@$(PYTHON) lab.py test-all $(ARGS)
