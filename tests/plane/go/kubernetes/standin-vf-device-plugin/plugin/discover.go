// Package plugin finds virtual functions and hands them out by the kubelet's
// device plugin API v1beta1.
package plugin

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	pluginapi "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

// driver that VMs need.
const driver = "vfio-pci"

// Discover returns the virtual functions below sysfs that are on vfio-pci, by
// their PCI addresses.
func Discover(sysfs string) ([]*pluginapi.Device, error) {
	folder := filepath.Join(sysfs, "bus/pci/devices")
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var devices []*pluginapi.Device
	for _, entry := range entries {
		device := filepath.Join(folder, entry.Name())
		function, err := isVMFunction(device)
		if err != nil {
			return nil, err
		}
		if function {
			devices = append(devices, &pluginapi.Device{
				ID:       entry.Name(),
				Health:   pluginapi.Healthy,
				Topology: topology(device),
			})
		}
	}
	sort.Slice(devices, func(i, j int) bool { return devices[i].GetID() < devices[j].GetID() })
	return devices, nil
}

// isVMFunction tells a virtual function (link physfn) on the right driver.
func isVMFunction(device string) (bool, error) {
	if _, err := os.Lstat(filepath.Join(device, "physfn")); err != nil {
		return false, unlessMissing(err)
	}
	bound, err := os.Readlink(filepath.Join(device, "driver"))
	if err != nil {
		return false, unlessMissing(err)
	}
	return filepath.Base(bound) == driver, nil
}

func unlessMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// topology is nil where the NUMA node is not known (-1), as in the real one.
func topology(device string) *pluginapi.TopologyInfo {
	text, err := os.ReadFile(filepath.Join(device, "numa_node"))
	if err != nil {
		return nil
	}
	node, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || node < 0 {
		return nil
	}
	return &pluginapi.TopologyInfo{Nodes: []*pluginapi.NUMANode{{ID: node}}}
}
