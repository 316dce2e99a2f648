#!/usr/bin/env bash
# Submits a training that outlives the time limit of its job:
#   bash tools/slurm_sbatch.sh PARTITION JOB_NAME CONFIG WORK_DIR [options of tools/train.py]
# Some time before the limit, SAVE_SECONDS (300), Slurm tells the job, which then saves a
# checkpoint after the running iteration, goes back into the queue and, when its turn
# comes, goes on from there; so does a job that is preempted or whose node died, from the
# newest checkpoint that it finds. Whoever submits it anew with the same WORK_DIR goes on
# as well. The log is WORK_DIR/slurm_<job>.log. Give the limit in SRUN_ARGS, as
# SRUN_ARGS="--time=8:00:00"; tools/misc/slurm_resources.sh has the other variables.
set -euo pipefail
if [ $# -lt 4 ]; then
    echo "usage: bash tools/slurm_sbatch.sh PARTITION JOB_NAME CONFIG WORK_DIR" \
        "[options of tools/train.py]" >&2
    exit 2
fi

if [ -z "${MMRIS_SUBMITTED_FROM:-}" ]; then
    ROOT="$(cd "$(dirname "$0")/.." && pwd)"
    # shellcheck source=misc/slurm_resources.sh
    source "$ROOT/tools/misc/slurm_resources.sh"
    mkdir -p "$4"
    # Slurm runs a copy of this file, which does not know where it comes from.
    export MMRIS_SUBMITTED_FROM="$ROOT"
    # shellcheck disable=SC2086  # SRUN_ARGS holds several words.
    exec sbatch --partition="$1" --job-name="$2" "${RESOURCES[@]}" \
        --signal="B:USR1@${SAVE_SECONDS:-300}" --requeue --open-mode=append \
        --output="$4/slurm_%j.log" ${SRUN_ARGS:-} "$0" "$@"
fi

ROOT="$MMRIS_SUBMITTED_FROM"
# Without a remark of torch's in each process that it looked for unused parameters.
export TORCH_CPP_LOG_LEVEL="${TORCH_CPP_LOG_LEVEL:-ERROR}"
LIMIT_IS_NEAR=0
saved() { stat -c %y "$1/last_checkpoint" 2>/dev/null || true; }
SAVED_BEFORE="$(saved "$4")"
# To all processes of the job but this one.
trap 'LIMIT_IS_NEAR=1; scancel --signal=TERM "$SLURM_JOB_ID"' USR1

PYTHONPATH="$ROOT${PYTHONPATH:+:$PYTHONPATH}" srun \
    --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" --kill-on-bad-exit=1 \
    python -u "$ROOT/tools/train.py" "$3" --work-dir "$4" --launcher slurm --resume \
    "${@:5}" &
SRUN=$!
CODE=0
wait "$SRUN" || CODE=$?
while kill -0 "$SRUN" 2>/dev/null; do # the signal interrupts the waiting
    CODE=0
    wait "$SRUN" || CODE=$?
done

# Above 128: a signal ended it. An error would come again, and so would the limit where
# a job gets nowhere.
if [ "$LIMIT_IS_NEAR" -eq 1 ] && [ "$CODE" -gt 128 ]; then
    if [ "$(saved "$4")" = "$SAVED_BEFORE" ]; then
        echo "error: no checkpoint was saved within the time limit, so that this job" \
            "does not go back into the queue; raise --time in SRUN_ARGS" >&2
        exit "$CODE"
    fi
    echo "job $SLURM_JOB_ID goes back into the queue"
    scontrol requeue "$SLURM_JOB_ID"
    exit 0
fi
exit "$CODE"
