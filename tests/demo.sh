#!/usr/bin/env bash
# The story of vmberth in a real cluster, with what a person would see. Every step checks what it
# shows: the exit code is 0 only if all of it really happened. Run it by `make demo`.
set -euo pipefail
cd "$(dirname "$0")/.."

program="${CARGO_TARGET_DIR:?run this by: make demo}/debug/plane"
cache="${VMBERTH_CACHE:?}"
namespace=demo
plane() { "$program" "$@"; }
kubectl() { plane kubectl "$@"; }
# The demo's own namespace, for what belongs to it.
in_demo() { kubectl -n "$namespace" "$@"; }

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
show() {
    # kubectl is the cluster's own here, as `plane kubectl` calls it.
    printf '\033[2m$ %s\033[0m\n' "${*/#kubectl/plane kubectl}"
    "$@"
}
fail() {
    printf '\nThe demo stopped: %s\n' "$*" >&2
    exit 1
}

finished=no
leave() {
    [ "$finished" = yes ] && return
    echo "The demo did not get to its end. The cluster itself is whole and stays (make down removes" \
        "it); what the demo put into it is removed when the demo starts again." >&2
}

clean_up_earlier_demo() {
    plane helm uninstall vmberth -n vmberth --ignore-not-found --wait >/dev/null
    kubectl delete namespace "$namespace" --ignore-not-found --timeout=180s >/dev/null
    plane free-volumes 2>/dev/null || fail "volumes of an earlier demo can't be emptied"
}

# upload NAME: virtctl uploads the guest's disk into a new DataVolume on the nodes' local volumes.
upload() {
    local name=$1 wait=$2 proxy
    proxy=$(kubectl get service cdi-uploadproxy -n cdi -o 'jsonpath={.spec.clusterIP}')
    show plane virtctl image-upload dv "$name" -n "$namespace" --size=256Mi --force-bind \
        --image-path="$disk" --storage-class=local-vd --insecure --wait-secs="$wait" \
        --uploadproxy-url="https://$proxy"
}

# until_seen WHAT SECONDS COMMAND...: repeats until the command prints something.
until_seen() {
    local what=$1 end=$((SECONDS + $2)) seen=
    shift 2
    while seen=$("$@" 2>/dev/null || true) && [ -z "$seen" ]; do
        [ "$SECONDS" -lt "$end" ] || fail "waited for $what"
        sleep 1
    done
    echo "$seen"
}

scheduler_words() {
    in_demo get pods -l cdi.kubevirt.io=cdi-upload-server -o \
        'jsonpath={.items[*].status.conditions[?(@.reason=="Unschedulable")].message}'
}

guest_words() {
    in_demo logs -l vm.kubevirt.io/name=first -c guest-console-log --tail=-1 | grep 'vmberth-guest: up'
}

say "0. The cluster, and vmberth's images"
plane up --without prometheus || fail "the cluster did not come up"
trap leave EXIT
images/build.sh
archives=$(images/build.sh --print-archives)
disk=$(ls "$cache"/guests-*/linux.qcow2 | head -1)
clean_up_earlier_demo
kubectl create namespace "$namespace"

say "1. Two edge nodes, both with the CPU manager's taint"
show kubectl get nodes -o 'custom-columns=NODE:.metadata.name,TAINTS:.spec.taints[*].key,EFFECT:.spec.taints[*].effect'
kubectl get nodes -o 'jsonpath={.items[*].spec.taints[*].key}' | grep -q cmk || fail "no taint"

say "2. Without vmberth: the upload's pod is never scheduled"
upload without 15 && fail "the upload went through without vmberth"
words=$(until_seen "the scheduler's words" 20 scheduler_words)
show kubectl -n "$namespace" get pods
printf 'The scheduler says: %s\n' "$words"
grep -q 'untolerated taint' <<<"$words" || fail "that is not about the taint"
in_demo delete datavolume without --timeout=120s >/dev/null
plane free-volumes 2>/dev/null || fail "the volume of the first try can't be emptied"

say "3. Install vmberth"
# shellcheck disable=SC2086 # one word for each archive
plane load-images $archives
show plane helm install vmberth charts/vmberth -n vmberth --create-namespace --wait \
    --timeout=180s --set image.registry=localhost --set image.tag="$(images/build.sh --print-tag)"

say "4. The same upload, again by virtctl"
upload first 240 || fail "the upload failed"
kubectl wait -n "$namespace" datavolume/first --for=jsonpath='{.status.phase}'=Succeeded --timeout=120s
volume=$(in_demo get pvc first -o 'jsonpath={.spec.volumeName}')
node=$(kubectl get pv "$volume" -o 'jsonpath={.spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].values[0]}')
path=$(kubectl get pv "$volume" -o 'jsonpath={.spec.local.path}')
show kubectl -n "$namespace" get datavolume,pvc
show plane shell --node "$node" ls -l "$path/disk.img" || fail "no disk.img on $node"

say "5. A VM on that disk"
in_demo apply -f tests/demo-vm.yaml
kubectl wait -n "$namespace" vm/first --for=condition=Ready --timeout=240s
show kubectl -n "$namespace" get vm,vmi
running=$(in_demo get vmi first -o 'jsonpath={.status.nodeName}')
[ "$running" = "$node" ] || fail "the VM runs on $running, its disk is on $node"
echo "The guest says on its serial console:"
until_seen "the guest's own words" 180 guest_words

finished=yes
say "6. All of it happened, in $SECONDS s. Look around, then take it down:"
cat <<END
  alias plane=$program
  plane kubectl -n $namespace get vm,vmi,dv,pvc,pods -o wide
  plane kubectl -n $namespace get vm first -o yaml          # spec.template: what vmberth added
  plane kubectl -n vmberth logs -l app.kubernetes.io/component=webhook --prefix --tail=100
  plane helm -n vmberth get values vmberth --all
  plane virtctl -n $namespace console first
  make down
END
