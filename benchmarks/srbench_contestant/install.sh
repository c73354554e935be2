#!/usr/bin/env bash
# SRBench runs this in the method's environment, after environment.yml.
set -euo pipefail
pip install -r requirements.txt
