#!/usr/bin/env bash
# Seeds x conditions as a Slurm array that survives preemption and time limits:
#   mkdir -p slurm && sbatch examples/slurm_array.sh
# Two minutes before its time is up, or when it is preempted, a run saves and ends with exit code 143; its task is then
# put back into the queue and goes on from its newest checkpoint as if nothing had happened.
#SBATCH --job-name=topogrid
#SBATCH --array=0-9
#SBATCH --cpus-per-task=2
#SBATCH --mem=4G
#SBATCH --time=02:00:00
#SBATCH --signal=TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=slurm/%x-%A_%a.log
set -uo pipefail

CONDITIONS=("--tau=false" "--tau=true")
SEEDS=(0 1 2 3 4)

task=${SLURM_ARRAY_TASK_ID:?start this with sbatch, as an array}
condition=${CONDITIONS[task % ${#CONDITIONS[@]}]}
seed=${SEEDS[task / ${#CONDITIONS[@]}]}
name="array${condition//[^a-z]/-}-seed${seed}"

# On a node with several GPUs, one network on all of them: replace `python` by `torchrun --standalone --nproc_per_node=4`
# and ask for them above with --gres=gpu:4. For several seeds, one GPU each is faster: see docs/scaling.md.
srun python train_grid.py --preset dense24 "$condition" --seed "$seed" --name "$name" --resume auto \
    --threads "${SLURM_CPUS_PER_TASK:-2}" --save_minutes 5 --wandb offline --wandb_group slurm_array
code=$?

if [ "$code" -eq 143 ]; then
    scontrol requeue "${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}"
fi
exit "$code"
