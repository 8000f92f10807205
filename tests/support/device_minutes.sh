#!/usr/bin/env bash
# The first minutes on a machine with a GPU, in the root of the project: `bash tests/support/device_minutes.sh check`, then
# `... train`. Wheels of what that machine lacks lie in .whl; the measurements want pandas.
#   DEVICE=cuda:0        cpu: the same with tiny numbers, for a trial elsewhere
#   SECONDS_LEFT         of this call; every step looks at it
#   OUT                  where what is to be kept goes
#   RUNS                 of `train`: words "variant:game[,game]:seed:iterations", a process each
#   REPLICATION_COMMIT   the commit of these files, where they are a copy without their repository
set -uo pipefail
stage=${1:?check or train}
device=${DEVICE:-cuda:0}
out=${OUT:?}
left=${SECONDS_LEFT:-$([ "$stage" = check ] && echo 200 || echo 540)}
began=$SECONDS
remaining() { echo $(( left - (SECONDS - began) )); }
site=${SITE:-${TMPDIR:-/tmp}/site}
work=${WORK:-${TMPDIR:-/tmp}/gpu}
mkdir -p "$work" "$out"
export PYTHONUNBUFFERED=1 PYTHONPATH="$site:$PWD" REPLICATION_STATE="$work/state" OMP_NUM_THREADS=1
export CUBLAS_WORKSPACE_CONFIG=:4096:8
python=${PYTHON:-python3}
probe="$python -m tests.support.device_probe"
export REPLICATION_COMMIT=${REPLICATION_COMMIT:-$(git rev-parse HEAD)}
say() { echo "== $* ($(remaining) s left)"; }
tiny=; [ "$device" = cpu ] && tiny=1
if [ ! -d "$site" ] && compgen -G '.whl/*.whl' > /dev/null; then
  "$python" -m pip install -q --no-index --no-deps --no-compile --no-cache-dir --upgrade --target "$site" .whl/*.whl || exit 3
fi
smoke() { # variant device name
  timeout 90 "$python" -m replication train --variant "$1" --preset smoke --game catch pong --seed 1 --budget-frames 2400 --workers 2 --device "$2" \
    --results "$work/smoke_$3" --state "$work/smoke_state_$3" --quiet
}
if [ "$stage" = check ]; then
  exec > >(tee "$out/check.txt") 2>&1
  say machine
  [ -n "$tiny" ] || { nvidia-smi --query-gpu=name,memory.total,driver_version,clocks.sm,clocks.max.sm,pcie.link.gen.current,pcie.link.width.current --format=csv,noheader || exit 3; }
  $probe machine || exit 3
  say "a tiny run on the CPU"
  smoke dqn cpu cpu || exit 4
  say "the same on $device: is an update recorded at all?"
  if ! smoke dqn "$device" device; then
    echo "the recorded path fails"
    exit 5
  fi
  say "speed of iqn_dopamine, as it would be trained"
  fast() { # processes lanes variant seconds workers, then more arguments
    timeout 60 $python -m replication benchmark --device "$device" --processes "$1" --lanes "$2" --variant "$3" --seconds "$4" --workers "$5" --rounds 1 \
      --output "$out/$3_$2_lanes_$1_processes_$5_workers" ${tiny:+--preset smoke --games catch pong} "${@:6}" || true
  }
  sec=6; [ -n "$tiny" ] && sec=2
  if [ -n "$tiny" ]; then fast 1 2 dqn $sec 2; else
    fast 2 2 iqn_dopamine $sec 0 --games krull
    fast 2 2 iqn_dopamine $sec 2 --games krull
    fast 4 4 iqn_dopamine $sec 0 --games krull
    fast 4 4 dqn_dopamine $sec 0 --games krull
  fi
  if [ -z "$tiny" ]; then
    say "GPU tests"
    timeout 60 "$python" -m pytest -q -m gpu tests/training/test_stack_cuda.py -W default -p no:cacheprovider --maxfail 4 || echo "GPU TESTS FAILED"
  fi
  say "equality with the CPU, update by update"
  timeout 40 $probe equality --device "$device" --updates 3 --lanes 2 --variants dqn dqn_dopamine_adam ${tiny:+--small} || echo "EQUALITY FAILED"
  if [ -z "$tiny" ]; then
    [ "$(remaining)" -gt 45 ] && fast 1 8 dqn_dopamine $sec 8 --games seaquest hero krull road_runner
    [ "$(remaining)" -gt 45 ] && fast 4 64 dqn_dopamine $sec 16 --games seaquest hero krull road_runner
  fi
  if [ "$(remaining)" -gt 25 ]; then
    say profile
    fast 1 $([ -n "$tiny" ] && echo 2 dqn || echo 64 dqn_dopamine) 1 0 --profile "$out/profile.txt"
  fi
  say "done"
  exit 0
fi
# train: one process a word of RUNS, "variant:game[,game]:seed:iterations"
exec > >(tee "$out/train.txt") 2>&1
stop=$(( left - 30 ))
runs=(${RUNS:?})
budget() { [ -n "$tiny" ] && echo "--preset smoke --budget-frames 2400" || echo "--budget-iterations $1"; }
say "training ${runs[*]}"
[ -n "$tiny" ] || { nvidia-smi --query-gpu=utilization.gpu,utilization.memory,memory.used,power.draw --format=csv,noheader -lms 2000 > "$out/nvidia_smi.csv" & watcher=$!; }
pids=()
for p in "${!runs[@]}"; do
  IFS=: read -r variant games seed iterations <<< "${runs[p]}"
  "$python" -m replication train --variant "$variant" --game ${games//,/ } --seed "$seed" $(budget "$iterations") --device "$device" \
    --results "$work/results" --checkpoint-seconds 100000 --max-seconds "$stop" --workers "${WORKERS:-0}" 2> "$work/train_$p.log" &
  pids+=($!)
done
trap 'kill -TERM "${pids[@]}" 2>/dev/null' TERM INT
code=0
for pid in "${pids[@]}"; do wait "$pid" || { code=$?; echo "process $pid ended with $code"; }; done
[ -n "${watcher:-}" ] && kill "$watcher" 2>/dev/null
say "training ended with $code"
for p in "${!runs[@]}"; do echo "${runs[p]}"; tail -c 700 "$work/train_$p.log" | tr '\r' '\n' | tail -4; done
tar -C "$work" -czf "$work/runs.tar.gz" --exclude='*.part' results
split -b 15M -d "$work/runs.tar.gz" "$out/runs.tar.gz."
ls -l "$out"
find "$work/results/runs" -name run.json 2>/dev/null
exit "$code"
