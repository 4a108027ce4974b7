#!/usr/bin/env bash
# Known vulnerabilities of the pinned dependencies. Exit status 0: none known, or the index could not be reached
# (said aloud, for a closed network has none); 1: some are known.
set -euo pipefail
cd "$(dirname "$0")/.."
python="${PYTHON:-python3}"
if ! "$python" -m pip_audit --version >/dev/null 2>&1; then
  echo "audit: pip-audit is not installed; run: $python -m pip install pip-audit" >&2
  exit 0
fi
log="$(mktemp)"
trap 'rm -f "$log"' EXIT
if "$python" -m pip_audit --requirement constraints.txt --no-deps --disable-pip --progress-spinner off --timeout 20 >"$log" 2>&1; then
  skipped="$(grep -c 'could not be audited' "$log" || true)"
  pinned="$(grep -cE '^[A-Za-z0-9]' constraints.txt)"
  grep -v 'could not be audited' "$log" || true
  if [ "$skipped" -ge "$pinned" ]; then
    echo "audit: NOT DONE, the index knows none of the $pinned dependencies" >&2
  elif [ "$skipped" -gt 0 ]; then
    echo "audit: $skipped of $pinned dependencies could not be audited" >&2
  fi
  exit 0
fi
if grep -qE 'Known vulnerabilit|Found [0-9]+ known' "$log"; then
  cat "$log" >&2
  exit 1
fi
echo "audit: NOT DONE, the vulnerability index could not be reached:" >&2
tail -n 3 "$log" >&2
exit 0
