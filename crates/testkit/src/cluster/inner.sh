#!/bin/bash
# The first process of a cluster, in namespaces of its own: sets up mounts and network, then buries whoever dies.
# Arguments: folder of the state, folder of the programs, address of the node, address of the host.
# A line on standard input says that the network interface is there.
set -euo pipefail
state=$1 programs=$2 node=$3 host=$4

# Without -n, mount keeps a table below /run, which is exchanged. Whatever is mounted from here on stays in here; kubelets want it shared among themselves and their containers.
mount -n --make-rslave /
# One place for what is reached below, wherever it lies outside: /run, /var/lib and /var/log are covered soon.
mkdir -p "$state/run"
mount -n -t tmpfs -o mode=755 tmpfs "$state/run"
mkdir -p "$state"/run/{netns,lock,containerd,sysctl,cluster/state,cluster/programs}
mount -n --bind "$state" "$state/run/cluster/state"
mount -n --bind "$programs" "$state/run/cluster/programs"
resolver=$(readlink -m /etc/resolv.conf)
mount -n --move "$state/run" /run
mount -n --make-rshared /
mount -n --bind /run/cluster/state/lib /var/lib
mount -n --bind /run/cluster/state/log /var/log
# No look-up of a name leaves the cluster. The file may be a link into /run, which is empty now.
mkdir -p "$(dirname "$resolver")"
[ -e "$resolver" ] || : > "$resolver"
mount -n --bind /run/cluster/state/configuration/resolv.conf "$resolver"
# The kubelet sets what is not namespaced, unless it finds what it wants.
for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
  kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
  name=${setting%=*}
  file=/run/sysctl/${name//\//_}
  echo "${setting#*=}" > "$file"
  mount -n --bind "$file" "/proc/sys/$name"
done

hostname node1
ip link set lo up
read -r _
echo 1 > /proc/sys/net/ipv4/ip_forward
echo 0 > /proc/sys/net/ipv4/conf/all/rp_filter
ip address add "$node/24" dev eth0
ip link set eth0 up
ip route add default via "$host"

exec < /dev/null
: > /run/cluster/state/ready
while :; do
  sleep 86400 &
  wait
done
