#!/bin/sh
# The images' entry point. With arguments, the command `enschedule` with these: `dashboard`, `worker`, `migrate` …
# Without, a worker where API_ENDPOINT is true, in any spelling that the settings know, else a dashboard.
set -eu

if [ -n "${WORKER_URL:-}" ] && [ "${HANDLERS_DIR:-}" = /enschedule/jobs ]; then
    unset HANDLERS_DIR # the image has set it, and a dashboard in front of a worker would say that it ignores it
fi

if [ $# -gt 0 ]; then
    exec enschedule "$@"
fi

case $(printf '%s' "${API_ENDPOINT:-}" | tr '[:upper:]' '[:lower:]' | tr -d '[:space:]') in
true | 1 | yes | on) exec enschedule worker ;;
*) exec enschedule dashboard ;;
esac
