# What the Slurm scripts ask for, as options of srun or sbatch in the array RESOURCES.
# Read by them, not run. From the environment:
#   GPUS           processes in all, one a GPU or, without GPUs, one a CPU task; 8
#   GPUS_PER_NODE  GPUs, and so processes, of a node; at most 8. 0 asks for no GPU
#   NNODES         nodes, if GPUS_PER_NODE does not say: needed with GPUS_PER_NODE=0
#   CPUS_PER_TASK  CPUs of a process, for it and its data workers; 5
#   SRUN_ARGS      more options, such as "--time=8:00:00 --account=vision --mem=64G"
GPUS=${GPUS:-8}
GPUS_PER_NODE=${GPUS_PER_NODE:-$((GPUS < 8 ? GPUS : 8))}
RESOURCES=(--ntasks="$GPUS" --cpus-per-task="${CPUS_PER_TASK:-5}")
if [ -n "${NNODES:-}" ]; then
    if [ $((GPUS % NNODES)) -ne 0 ]; then
        echo "error: GPUS=$GPUS processes cannot be dealt to NNODES=$NNODES nodes evenly;" \
            "change one of them" >&2
        exit 2
    fi
    RESOURCES+=(--nodes="$NNODES" --ntasks-per-node="$((GPUS / NNODES))")
    if [ "$GPUS_PER_NODE" -gt 0 ]; then
        RESOURCES+=(--gres="gpu:$((GPUS / NNODES))")
    fi
elif [ "$GPUS_PER_NODE" -gt 0 ]; then
    RESOURCES+=(--gres="gpu:$GPUS_PER_NODE" --ntasks-per-node="$GPUS_PER_NODE")
fi
