# Makes .venv and installs fenbo into it, once; again when pyproject.toml or constraints.txt change.
environment() {
  local extras="${1:-}" python="${PYTHON:-python3}" stamp wanted
  "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "fenbo needs Python 3.11 or newer; set PYTHON" >&2; exit 1; }
  if [ ! -x .venv/bin/python ]; then
    "$python" -m venv .venv 2>/dev/null || {
      rm -rf .venv
      # Debian ships venv apart; virtualenv does the same without it.
      "$python" -m pip install --user --quiet --break-system-packages virtualenv && "$python" -m virtualenv --quiet .venv
    } || { echo "cannot make a virtual environment; run: apt-get install python3-venv" >&2; exit 1; }
  fi
  stamp=.venv/.fenbo-installed
  wanted="$extras $(cat pyproject.toml constraints.txt | sha256sum)"
  if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
    # torch first and by exact version: that finds a CPU build where there is one; elsewhere it is several gigabytes.
    case "$extras" in *train*) .venv/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0 ;; esac
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".${extras}"
    printf '%s' "$wanted" > "$stamp"
  fi
}
