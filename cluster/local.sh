#!/usr/bin/env bash
# A one-machine Ray cluster to attach caviar to, on loopback, with a token.
# usage: cluster/local.sh [--gpus N] [--cpus N] [--port N] [--dashboard-port N]
#   --gpus N   logical GPUs: to try how slices are packed on a machine that has none
# It stays in the foreground; Ctrl-C stops this cluster and no other.
set -euo pipefail

usage() { sed -n '2,5s/^# //p' "$0"; }
refuse() {
    echo "cluster/local.sh: $1" >&2
    exit 2
}

gpus="" cpus="" port=6379 dashboard_port=8265
while [ $# -gt 0 ]; do
    case "$1" in
        -h | --help) usage; exit 0 ;;
        --gpus | --cpus | --port | --dashboard-port) ;;
        *) usage >&2; exit 2 ;;
    esac
    [ -n "${2:-}" ] || refuse "$1 needs a number"
    [[ "$2" =~ ^[0-9]{1,6}$ ]] || refuse "$1 must be a whole number, got \"$2\""
    case "$1" in
        --gpus) gpus=$((10#$2)) ;;
        --cpus) cpus=$((10#$2)) ;;
        *)
            [ "$((10#$2))" -ge 1 ] && [ "$((10#$2))" -le 65535 ] ||
                refuse "$1 must be from 1 to 65535, got $2"
            [ "$1" = --port ] && port=$((10#$2)) || dashboard_port=$((10#$2))
            ;;
    esac
    shift 2
done

here=$(cd "$(dirname "$0")/.." && pwd)
ray=$(PATH="$here/.venv/bin:$PATH" command -v ray) || {
    echo "cluster/local.sh: ray not found; install caviar first (README, quick start)" >&2
    exit 2
}

# The commands of submitted jobs begin with `python`, and that is Ray's own.
export PATH="$(dirname "$ray"):$PATH"

# Ray's internal ports listen on every address, whatever the dashboard does: hence the token.
export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0
if [ -n "${RAY_AUTH_TOKEN:-}" ]; then
    kept="RAY_AUTH_TOKEN, as it is set here"
elif [ -n "${RAY_AUTH_TOKEN_PATH:-}" ]; then
    kept="RAY_AUTH_TOKEN_PATH=$RAY_AUTH_TOKEN_PATH, as it is set here"
    [ -s "$RAY_AUTH_TOKEN_PATH" ] || {
        echo "cluster/local.sh: RAY_AUTH_TOKEN_PATH: no token in $RAY_AUTH_TOKEN_PATH" >&2
        exit 2
    }
else
    kept="in $HOME/.ray/auth_token, where these commands look"
    (umask 077 && "$ray" get-auth-token --generate >/dev/null 2>&1) # for its owner alone
fi
there=""
[ "$dashboard_port" = 8265 ] ||
    there=$'\n'"  first     export RAY_API_SERVER_ADDRESS=http://127.0.0.1:$dashboard_port"

# Ray would take the next port for its dashboard, and end in a traceback for its own.
for taken in "$port" "$dashboard_port"; do
    if (: <>"/dev/tcp/127.0.0.1/$taken") 2>/dev/null; then
        echo "cluster/local.sh: port $taken is taken; choose --port and --dashboard-port" >&2
        exit 2
    fi
done

session=$(mktemp -d /tmp/caviar-ray.XXXXXX)
child=""
stop() {
    trap - INT TERM EXIT
    if [ -n "$child" ]; then
        # The head and all it started are one process group: nothing else is touched. Ray's own
        # processes often outlive a SIGTERM by a minute; nothing of theirs is worth waiting for.
        exec 2>/dev/null # bash would report the killed child
        kill -TERM -- "-$child" 2>/dev/null || true
        for _ in $(seq 30); do
            kill -0 -- "-$child" 2>/dev/null || break
            sleep 0.1
        done
        kill -KILL -- "-$child" 2>/dev/null || true
    fi
    rm -rf "$session"
}
trap 'stop; exit 130' INT
trap 'stop; exit 143' TERM
trap stop EXIT

arguments=(--head --block --disable-usage-stats --node-ip-address=127.0.0.1 "--port=$port"
    --dashboard-host=127.0.0.1 "--dashboard-port=$dashboard_port" "--temp-dir=$session"
    # Any free port: with Ray's usual one a second cluster on the machine could start no jobs.
    --dashboard-agent-listen-port=0)
[ -z "$gpus" ] || arguments+=("--num-gpus=$gpus")
[ -z "$cpus" ] || arguments+=("--num-cpus=$cpus")

set -m # the child gets a process group of its own
"$ray" start "${arguments[@]}" >"$session/start.log" 2>&1 &
child=$!
set +m

for _ in $(seq 600); do
    if grep -q "Ray runtime started" "$session/start.log"; then
        cat <<TEXT
Ray is up on this machine: dashboard http://127.0.0.1:$dashboard_port
From another shell:$there
  submit    caviar submit STUDY.toml
  ask       caviar jobs; caviar status ID; caviar logs -f ID; caviar fetch ID DIR
  change    caviar pause ID; caviar continue ID; caviar add ID --trials N; caviar stop ID
  attach    caviar run STUDY.toml --address 127.0.0.1:$port
  token     $kept
  stop      Ctrl-C here, or: kill $$
TEXT
        wait "$child" || true
        exit 0
    fi
    kill -0 "$child" 2>/dev/null || break
    sleep 0.2
done
echo "cluster/local.sh: Ray did not start:" >&2
tail -n 5 "$session/start.log" >&2
exit 1
