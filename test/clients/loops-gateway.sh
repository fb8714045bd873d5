#!/usr/bin/env bash
# Starts Fairlead between a real client and a scripted upstream, in the foreground:
#   PORT=4101 UPSTREAM=http://127.0.0.1:4100 test/clients/loops-gateway.sh
# PORT: where it listens. UPSTREAM: root of the upstream, without /v1. Clients ask for the model `fake-model`, or for
# one of the names that support/loops-gateway.yaml lists. FAIRLEAD_CONFIG names another configuration.
# FAIRLEAD_STORE=sqlite:/some/file.db keeps what happened, to be read afterwards; the default is memory.
set -euo pipefail
: "${PORT:?the port to listen on}" "${UPSTREAM:?the root URL of the upstream, without /v1}"
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

# The pinned Node.js where it is installed, else the caller's own.
node=$root/node_modules/.bin/node
if [ ! -x "$node" ]; then node=node; fi

# Starts in half the time: a harness does not wait long before its client calls.
export NODE_COMPILE_CACHE=${NODE_COMPILE_CACHE:-${TMPDIR:-/tmp}/fairlead-compile-cache}

# exec: a signal for this script is one for the gateway.
exec "$node" "$root/src/cli.ts" start \
  --config "${FAIRLEAD_CONFIG:-$root/test/clients/support/loops-gateway.yaml}" --port "$PORT"
