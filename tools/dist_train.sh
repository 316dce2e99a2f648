#!/usr/bin/env bash
# Trains with several processes of one or more machines, on GPUs or CPUs:
#   bash tools/dist_train.sh CONFIG NPROC [options of tools/train.py]
# On each of several machines, with its own NODE_RANK from 0 on:
#   NNODES=2 NODE_RANK=0 MASTER_ADDR=10.0.0.1 PORT=29500 bash tools/dist_train.sh ...
set -euo pipefail
if [ $# -lt 2 ]; then
    echo "usage: bash tools/dist_train.sh CONFIG NPROC [options of tools/train.py]" >&2
    exit 2
fi
ROOT="$(cd "$(dirname "$0")/.." && pwd)"
# Without a remark of torch's in each process that it looked for unused parameters.
export TORCH_CPP_LOG_LEVEL="${TORCH_CPP_LOG_LEVEL:-ERROR}"
CONFIG=$1
NPROC=$2
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
    "$ROOT/tools/train.py" "$CONFIG" --launcher pytorch "${@:3}"
