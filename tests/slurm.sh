#!/usr/bin/env bash
# A Slurm of two small nodes on this machine, for tests and for trying things out. It listens on loopback alone, keeps all
# that it writes in one folder, and ends with the process that it is told to follow.
#
#   tests/slurm.sh install                 installs Debian's packages, as root
#   tests/slurm.sh start FOLDER PORT [PID] starts it; PORT and the two above it must be free
#   tests/slurm.sh stop FOLDER
#
# Then `export SLURM_CONF=FOLDER/slurm.conf`. Exit code 77 means that Slurm is not installed.
set -euo pipefail

install() {
    if has_all; then
        return 0
    fi
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "Slurm is not installed, and only root can install it here, by apt-get" >&2
        return 77
    fi
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends slurmctld slurmd slurm-client munge >/dev/null
}

has_all() {
    local program
    for program in munged slurmctld slurmd sbatch squeue scancel scontrol; do
        command -v "$program" >/dev/null || return 1
    done
}

# Waits up to ten seconds for a command to succeed.
soon() {
    local _
    for _ in $(seq 100); do
        if "$@" >/dev/null 2>&1; then
            return 0
        fi
        sleep 0.1
    done
    return 1
}

# The accounts of daemons and jobs are the caller's own, so that nobody needs to be root. Everything that makes a queue
# wait by default is turned off. What comes into `preempted` gives way to what comes into `urgent`.
write_configuration() {
    local folder=$1 port=$2 me
    me=$(id -un)
    cat >"$folder/slurm.conf" <<CONF
ClusterName=nnf-test
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort=$port
SlurmUser=$me
SlurmdUser=$me
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$folder/munge.socket
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool.%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmdPidFile=$folder/slurmd.%n.pid
SlurmctldLogFile=$folder/slurmctld.log
SlurmdLogFile=$folder/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=100
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,bf_interval=1
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
GresTypes=gpu
ReturnToService=2
MaxArraySize=10001
KillWait=3
SlurmdTimeout=10
NodeName=n1,n2 NodeHostname=localhost NodeAddr=127.0.0.1 Port=$((port + 1)),$((port + 2)) CPUs=2 RealMemory=2000 Gres=gpu:2 State=UNKNOWN
PartitionName=DEFAULT Nodes=ALL MaxTime=INFINITE State=UP
PartitionName=main Default=YES PriorityTier=5 PreemptMode=off
PartitionName=preempted PriorityTier=1
PartitionName=urgent PriorityTier=9 PreemptMode=off
CONF
    # Stand-ins: a GPU is no more to Slurm than a device, and any will do. Who may not make one has none.
    rm -f "$folder/gpu0" "$folder/gpu1"
    if mknod "$folder/gpu0" c 1 3 2>/dev/null && mknod "$folder/gpu1" c 1 3; then
        echo "Name=gpu File=$folder/gpu[0-1]" >"$folder/gres.conf"
    else
        sed -i 's/ Gres=gpu:2//' "$folder/slurm.conf"
    fi
}

both_idle() {
    [ "$(timeout 5 sinfo --noheader --partition=main --states=idle --format=%D)" = 2 ]
}

start() {
    local folder=$1 port=$2 follow=${3:-} node
    has_all || {
        echo "Slurm is not installed" >&2
        exit 77
    }
    export SLURM_CONF="$folder/slurm.conf"
    mkdir -p "$folder/state"
    chmod 755 "$folder"
    write_configuration "$folder" "$port"
    (umask 077 && head -c 64 /dev/urandom >"$folder/munge.key")
    munged --force --socket="$folder/munge.socket" --key-file="$folder/munge.key" --pid-file="$folder/munged.pid" \
        --log-file="$folder/munged.log" --seed-file="$folder/munged.seed" 2>>"$folder/munged.log"
    if ! (soon test -S "$folder/munge.socket" && slurmctld) >>"$folder/start.log" 2>&1; then
        fail_to_start "$folder"
    fi
    for node in n1 n2; do
        slurmd -N "$node" >>"$folder/start.log" 2>&1 || fail_to_start "$folder"
    done
    soon both_idle || fail_to_start "$folder"
    if [ -n "$follow" ]; then
        # In a session of its own, so that what ends the followed process does not end this one.
        setsid bash "$0" follow "$folder" "$follow" >/dev/null 2>&1 </dev/null &
    fi
}

fail_to_start() {
    tail -n 5 "$1"/*.log >&2
    stop "$1"
    exit 1
}

follow() {
    local folder=$1 pid=$2
    while kill -0 "$pid" 2>/dev/null && [ -d "$folder" ]; do
        sleep 0.5
    done
    stop "$folder"
    rm -rf "$folder"
}

# Jobs first, so that no daemon is left to wonder about them.
stop() {
    local folder=$1 pids pid
    export SLURM_CONF="$folder/slurm.conf"
    if [ -s "$folder/slurmctld.pid" ]; then
        timeout 5 scancel --user="$(id -un)" >/dev/null 2>&1 || true
    fi
    pids=$(cat "$folder"/slurmd.*.pid "$folder/slurmctld.pid" "$folder/munged.pid" 2>/dev/null || true)
    for pid in $pids; do
        kill "$pid" 2>/dev/null || true
    done
    for pid in $pids; do
        soon has_ended "$pid" || kill -9 "$pid" 2>/dev/null || true
    done
    # Jobs of a node that was killed go on without it. Each is the leader of a group, known by the folder of its script.
    for pid in $(grep -lasF -- "$folder/spool." /proc/[0-9]*/cmdline | grep -oE '[0-9]+' || true); do
        kill -9 -- "-$pid" 2>/dev/null || true
    done
}

# One whose parent does not look after it is there and has ended.
has_ended() {
    ! grep -qs '^State:[[:space:]]*[^ZX]' "/proc/$1/status"
}

command=${1:?install, start or stop}
shift
case $command in
    install | start | stop | follow) "$command" "$@" ;;
    *)
        echo "there is no $command" >&2
        exit 2
        ;;
esac
