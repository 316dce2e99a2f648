#!/usr/bin/env bash
# Scores a checkpoint under Slurm:
#   bash tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [options of tools/test.py]
# GPUS, GPUS_PER_NODE, CPUS_PER_TASK and SRUN_ARGS as for tools/slurm_train.sh.
set -euo pipefail
if [ $# -lt 4 ]; then
    echo "usage: bash tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT" \
        "[options of tools/test.py]" >&2
    exit 2
fi
ROOT="$(cd "$(dirname "$0")/.." && pwd)"
GPUS=${GPUS:-8}
GPUS_PER_NODE=${GPUS_PER_NODE:-8}
RESOURCES=(--ntasks="$GPUS" --cpus-per-task="${CPUS_PER_TASK:-5}")
if [ "$GPUS_PER_NODE" -gt 0 ]; then
    RESOURCES+=(--gres="gpu:$GPUS_PER_NODE" --ntasks-per-node="$GPUS_PER_NODE")
fi
# shellcheck disable=SC2086  # SRUN_ARGS holds several words.
PYTHONPATH="$ROOT${PYTHONPATH:+:$PYTHONPATH}" srun --partition="$1" --job-name="$2" \
    "${RESOURCES[@]}" --kill-on-bad-exit=1 ${SRUN_ARGS:-} \
    python -u "$ROOT/tools/test.py" "$3" "$4" --launcher slurm "${@:5}"
