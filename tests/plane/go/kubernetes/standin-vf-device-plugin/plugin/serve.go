package plugin

import (
	"context"
	"log"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	pluginapi "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
)

// KubeletDir is where the kubelet and its device plugins have their sockets.
const KubeletDir = pluginapi.DevicePluginPath

// kubeletSocket is where the kubelet takes registrations, in its directory.
const kubeletSocket = "kubelet.sock"

// Plugin hands out the devices that it was made with, and never looks again.
type Plugin struct {
	pluginapi.UnimplementedDevicePluginServer
	resource string
	sockets  string
	devices  []*pluginapi.Device
}

// New makes a plugin for one resource.
func New(resource, sockets string, devices []*pluginapi.Device) *Plugin {
	return &Plugin{resource: resource, sockets: sockets, devices: devices}
}

// Serve registers and serves until the context ends or the kubelet is another
// one: a kubelet that starts removes all sockets and forgets all plugins.
func (p *Plugin) Serve(ctx context.Context) error {
	socket := filepath.Join(p.sockets, p.endpoint())
	if err := os.Remove(socket); unlessMissing(err) != nil {
		return err
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	server := grpc.NewServer()
	pluginapi.RegisterDevicePluginServer(server, p)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	defer func() {
		server.Stop()
		<-served
	}()
	kubelet, err := look(filepath.Join(p.sockets, kubeletSocket))
	if err != nil {
		return err
	}
	if err := p.register(ctx); err != nil {
		return err
	}
	log.Printf("registered %s with %d devices", p.resource, len(p.devices))
	p.wait(ctx, kubelet, socket)
	return nil
}

// wait returns when the context ends, or there is a kubelet that does not know
// this plugin.
func (p *Plugin) wait(ctx context.Context, kubelet sight, socket string) {
	ticks := time.NewTicker(500 * time.Millisecond)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
		}
		now, err := look(filepath.Join(p.sockets, kubeletSocket))
		if err != nil {
			// Between two kubelets.
			continue
		}
		if _, err := os.Lstat(socket); err != nil || !now.same(kubelet) {
			log.Printf("the kubelet was started anew")
			return
		}
	}
}

func (p *Plugin) register(ctx context.Context) error {
	target := "unix://" + filepath.Join(p.sockets, kubeletSocket)
	connection, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err = pluginapi.NewRegistrationClient(connection).Register(ctx, &pluginapi.RegisterRequest{
		Version:      pluginapi.Version,
		Endpoint:     p.endpoint(),
		ResourceName: p.resource,
	})
	return err
}

// endpoint is the socket's file name.
func (p *Plugin) endpoint() string {
	return strings.ReplaceAll(p.resource, "/", "_") + ".sock"
}

// sight is what tells a file from a later one at the same path: an inode's
// number is given out again.
type sight struct {
	info os.FileInfo
}

func look(path string) (sight, error) {
	info, err := os.Lstat(path)
	return sight{info: info}, err
}

func (s sight) same(other sight) bool {
	return os.SameFile(s.info, other.info) && s.info.ModTime().Equal(other.info.ModTime())
}

// GetDevicePluginOptions asks for nothing.
func (p *Plugin) GetDevicePluginOptions(context.Context, *pluginapi.Empty) (*pluginapi.DevicePluginOptions, error) {
	return &pluginapi.DevicePluginOptions{}, nil
}

// ListAndWatch says once what there was at the start.
func (p *Plugin) ListAndWatch(_ *pluginapi.Empty, stream grpc.ServerStreamingServer[pluginapi.ListAndWatchResponse]) error {
	if err := stream.Send(&pluginapi.ListAndWatchResponse{Devices: p.devices}); err != nil {
		return err
	}
	<-stream.Context().Done()
	return nil
}

// Allocate names the functions in the container's environment.
func (p *Plugin) Allocate(_ context.Context, request *pluginapi.AllocateRequest) (*pluginapi.AllocateResponse, error) {
	response := &pluginapi.AllocateResponse{}
	for _, container := range request.GetContainerRequests() {
		addresses := strings.Join(container.GetDevicesIds(), ",")
		log.Printf("allocated %s", addresses)
		response.ContainerResponses = append(response.ContainerResponses, &pluginapi.ContainerAllocateResponse{
			Envs: map[string]string{p.variable(): addresses},
		})
	}
	return response, nil
}

// variable is the real plugin's name for a resource: PCIDEVICE_INTEL_COM_...
func (p *Plugin) variable() string {
	name := strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToUpper(p.resource))
	return "PCIDEVICE_" + name
}
