#!/usr/bin/env bash
# Scores a checkpoint under Slurm, on GPUs or CPUs of one or more nodes:
#   bash tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [options of tools/test.py]
# tools/misc/slurm_resources.sh says which environment variables ask for what.
set -euo pipefail
if [ $# -lt 4 ]; then
    echo "usage: bash tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT" \
        "[options of tools/test.py]" >&2
    exit 2
fi
ROOT="$(cd "$(dirname "$0")/.." && pwd)"
# Without a remark of torch's in each process that it looked for unused parameters.
export TORCH_CPP_LOG_LEVEL="${TORCH_CPP_LOG_LEVEL:-ERROR}"
# shellcheck source=misc/slurm_resources.sh
source "$ROOT/tools/misc/slurm_resources.sh"
# shellcheck disable=SC2086  # SRUN_ARGS holds several words.
PYTHONPATH="$ROOT${PYTHONPATH:+:$PYTHONPATH}" srun --partition="$1" --job-name="$2" \
    "${RESOURCES[@]}" --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    python -u "$ROOT/tools/test.py" "$3" "$4" --launcher slurm "${@:5}"
