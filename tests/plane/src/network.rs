//! Joins the machines: one bridge in the control plane's namespace, one cable to each node.
//!
//! Services work everywhere since kube-proxy runs in every namespace. No namespace has a way out:
//! what is not in the cluster is unreachable, so a stray call fails at once.

use anyhow::Result;

use crate::layout::{self, CONTROL_PLANE_IP, SERVICE_RANGE};
use crate::machine::Machine;

/// The control plane's side: the bridge, and routes that end inside.
///
/// # Errors
/// With the `ip` command that failed.
pub fn bring_up_control_plane(machine: &Machine) -> Result<()> {
    ip(machine, "link set lo up")?;
    ip(machine, "link add br0 type bridge")?;
    ip(machine, &format!("addr add {CONTROL_PLANE_IP}/24 dev br0"))?;
    ip(machine, "link set br0 up")?;
    // Service addresses need some route before kube-proxy's rules rewrite them.
    ip(machine, &format!("route add {SERVICE_RANGE} dev br0"))?;
    ip(machine, "route add unreachable default")?;
    forward(machine)
}

/// A node's side, and its cable to the bridge.
///
/// # Errors
/// With the `ip` command that failed.
pub fn join_node(control_plane: &Machine, node: &Machine, number: u8) -> Result<()> {
    let port = format!("port{number}");
    let address = layout::node_ip(number);
    let pid = node.pid;
    ip(
        control_plane,
        &format!("link add {port} type veth peer name eth0 netns {pid}"),
    )?;
    ip(control_plane, &format!("link set {port} master br0 up"))?;
    let pods = layout::pod_range(number);
    ip(
        control_plane,
        &format!("route add {pods} via {address} onlink dev br0"),
    )?;
    ip(node, "link set lo up")?;
    ip(node, &format!("addr add {address}/24 dev eth0"))?;
    ip(node, "link set eth0 up")?;
    ip(node, &format!("route add default via {CONTROL_PLANE_IP}"))?;
    forward(node)
}

fn forward(machine: &Machine) -> Result<()> {
    machine
        .in_network("sysctl")
        .args(["-q", "-w", "net.ipv4.ip_forward=1"])
        .run()
}

fn ip(machine: &Machine, words: &str) -> Result<()> {
    machine.in_network("ip").args(words.split(' ')).run()
}
