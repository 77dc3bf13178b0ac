#!/usr/bin/env bash
# The tests of extras that do not go together with the others, each in an environment of its own:
#
#   tests/environments.sh ray verl inspect tensorboard      (or: all)
#
# ENVIRONMENTS (default: build/environments) holds them; they are kept between calls.
set -euo pipefail
cd "$(dirname "$0")/.."
root="${ENVIRONMENTS:-build/environments}"
torch="${TORCH:-torch==2.13.0}"
export OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE

environment() { # NAME PACKAGES…
  local bin="$root/$1/bin"
  if [ ! -e "$root/$1/done" ]; then
    python3 -m venv "$root/$1"
    "$bin/pip" install -q "$torch"
    "$bin/pip" install -q "${@:2}" pytest pytest-timeout pytest-xdist hypothesis
    touch "$root/$1/done"
  fi
}

run() { # NAME TESTS…
  echo "== $1"
  "$root/$1/bin/python" -m pytest -q -p no:cacheprovider "${@:2}"
}

[ "$#" -gt 0 ] || { sed -n '2,7p' "$0"; exit 2; }
[ "$1" != all ] || set -- ray verl inspect tensorboard
for name in "$@"; do
  case "$name" in
    ray)
      environment ray -e ".[local,ray]" psutil
      run ray tests/operations/test_ray.py
      ;;
    verl) # four packages that verl 0.9.1 imports and does not declare
      environment verl verl==0.9.1 cachetools uvicorn fastapi orjson
      "$root/verl/bin/pip" install -q -e ".[verl]"
      run verl tests/training/test_verl_plugin.py tests/training/test_verl_adapter.py
      ;;
    inspect)
      environment inspect -e ".[inspect]" openai
      run inspect tests/backends/test_inspect.py tests/pipeline/test_export.py
      ;;
    tensorboard)
      environment tensorboard -e ".[train]" tensorboard aiohttp
      run tensorboard tests/study/test_foreign_runs.py
      ;;
    *)
      echo "no environment is called $name; there are: ray verl inspect tensorboard" >&2
      exit 2
      ;;
  esac
done
