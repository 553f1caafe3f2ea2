#!/usr/bin/env bash
# Submits a request, waits for the job, and prints its results.
#   CARLO_API_KEY=… ./jobs.sh REQUEST.json
set -euo pipefail

url="${CARLO_URL:-http://127.0.0.1:3001}"
request="${1:?the file of a request}"
# In a file, because other users can read arguments.
headers="$(mktemp)"
trap 'rm -f "$headers"' EXIT
printf 'X-API-Key: %s\nContent-Type: application/json\n' "${CARLO_API_KEY:-}" >"$headers"

# Calls the server. Prints the body, or an error to stderr. Tries again while the server is unreachable or asks to wait.
call() { # CURL ARGUMENTS
  local body
  body="$(curl --silent --show-error --header "@$headers" --retry 8 --retry-connrefused --retry-max-time 60 --fail-with-body "$@")" || {
    jq --raw-output '.detail, (.errors[]? | "  \(.pointer) \(.message)")' <<<"$body" >&2 || echo "$body" >&2
    exit 1
  }
  echo "$body"
}

# With the key, repeated calls create only one job.
key="$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')"
id="$(call --data-binary "@$request" --header "Idempotency-Key: $key" "$url/api/jobs" | jq --raw-output .jobId)"
while true; do
  # The server responds when the job's state changes, or after 20 s.
  job="$(call --header 'Prefer: wait=20' "$url/api/jobs/$id")"
  case "$(jq --raw-output .status <<<"$job")" in
    queued | running) jq --raw-output '"\(.status), \(.progress | round) %"' <<<"$job" >&2 ;;
    complete) break ;;
    *) jq --raw-output '"the job is \(.status): \(.error // "")"' <<<"$job" >&2; exit 1 ;;
  esac
done
jq --compact-output '.results | {successProbability, digest}' <<<"$job"
