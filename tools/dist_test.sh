#!/usr/bin/env bash
# Scores a checkpoint with several processes of one or more machines:
#   bash tools/dist_test.sh CONFIG CHECKPOINT NPROC [options of tools/test.py]
# NNODES, NODE_RANK, MASTER_ADDR and PORT as for tools/dist_train.sh.
set -euo pipefail
if [ $# -lt 3 ]; then
    echo "usage: bash tools/dist_test.sh CONFIG CHECKPOINT NPROC [options of" \
        "tools/test.py]" >&2
    exit 2
fi
ROOT="$(cd "$(dirname "$0")/.." && pwd)"
# Without a remark of torch's in each process that it looked for unused parameters.
export TORCH_CPP_LOG_LEVEL="${TORCH_CPP_LOG_LEVEL:-ERROR}"
CONFIG=$1
CHECKPOINT=$2
NPROC=$3
if [ "${NNODES:-1}" -eq 1 ] && [ -z "${PORT:-}" ]; then
    MEETING=(--standalone) # at a free port: several jobs may run on one machine
else
    MEETING=(
        --nnodes="${NNODES:-1}" --node-rank="${NODE_RANK:-0}"
        --master-addr="${MASTER_ADDR:-127.0.0.1}" --master-port="${PORT:-29500}"
    )
fi
PYTHONPATH="$ROOT${PYTHONPATH:+:$PYTHONPATH}" python -m torch.distributed.run \
    "${MEETING[@]}" --nproc-per-node="$NPROC" \
    "$ROOT/tools/test.py" "$CONFIG" "$CHECKPOINT" --launcher pytorch "${@:4}"
