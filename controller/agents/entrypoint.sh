#!/bin/sh
# What every agent container is started with; argument 1 is the prompt. tini stays PID 1 and reaps what is left behind,
# the runner below it gets the kubelet's SIGTERM. -s: in a shared process namespace tini is not PID 1.
exec /usr/bin/tini -s -- python3 /kelos/runner.pyz launch "$@"
