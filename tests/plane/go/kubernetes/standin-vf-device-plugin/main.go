// standin-vf-device-plugin stands in for the SR-IOV network device plugin,
// which is not to be had as a Go module. It speaks the kubelet's real device
// plugin API and does what the real one does (facts: domain 3.2): it looks for
// virtual functions on vfio-pci once, at its start; says Healthy whatever
// becomes of them; registers nothing if there is none; and registers again
// with a kubelet that was started anew. A container gets the functions' PCI
// addresses in its environment, but no device nodes: there is no /dev/vfio.
package main

import (
	"context"
	"flag"
	"log"
	"os/signal"
	"syscall"
	"time"

	"vmberth/plane/kubernetes/standin-vf-device-plugin/plugin"
)

func main() {
	resource := flag.String("resource", "intel.com/intel_sriov_vm", "name of the resource")
	sysfs := flag.String("sysfs", "/sys", "where sysfs is")
	sockets := flag.String("sockets", plugin.KubeletDir, "the kubelet's directory of device plugins")
	flag.Parse()
	log.SetFlags(0)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()

	devices, err := plugin.Discover(*sysfs)
	if err != nil {
		log.Fatalf("discovery: %v", err)
	}
	if len(devices) == 0 {
		log.Printf("no virtual function is on vfio-pci: %s is not registered", *resource)
		<-ctx.Done()
		return
	}
	for _, device := range devices {
		log.Printf("found %s", device.GetID())
	}
	p := plugin.New(*resource, *sockets, devices)
	for ctx.Err() == nil {
		if err := p.Serve(ctx); err != nil {
			log.Printf("%s: %v", *resource, err)
			pause(ctx, time.Second)
		}
	}
}

func pause(ctx context.Context, length time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(length):
	}
}
