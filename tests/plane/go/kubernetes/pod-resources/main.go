// pod-resources prints what a node's kubelet says at its podresources socket,
// as one JSON object with the answers of List and GetAllocatableResources: for
// tests that compare it with what somebody else makes of it.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	podresources "k8s.io/kubelet/pkg/apis/podresources/v1"
)

const socket = "unix:///var/lib/kubelet/pod-resources/kubelet.sock"

type answers struct {
	List        *podresources.ListPodResourcesResponse     `json:"list"`
	Allocatable *podresources.AllocatableResourcesResponse `json:"allocatable"`
}

func main() {
	log.SetFlags(0)
	all, err := ask()
	if err != nil {
		log.Fatalf("%s: %v", socket, err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(all); err != nil {
		log.Fatal(err)
	}
}

func ask() (*answers, error) {
	connection, err := grpc.NewClient(socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, err
	}
	defer connection.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	client := podresources.NewPodResourcesListerClient(connection)
	list, err := client.List(ctx, &podresources.ListPodResourcesRequest{})
	if err != nil {
		return nil, err
	}
	allocatable, err := client.GetAllocatableResources(ctx, &podresources.AllocatableResourcesRequest{})
	if err != nil {
		return nil, err
	}
	return &answers{List: list, Allocatable: allocatable}, nil
}
