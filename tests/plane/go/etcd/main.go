// etcd is a single-member etcd for the test cluster, made from etcd's own embed
// package.
//
// It exists because the ordinary binary needs a page of flags for one member,
// fsyncs what nobody will ever want back, and logs request statistics without
// a bound: this one has few flags, does not fsync, and keeps two small logs.
package main

import (
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

// startDeadline bounds the wait for the member to become the leader.
const startDeadline = 60 * time.Second

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "etcd:", err)
		os.Exit(1)
	}
}

func run() error {
	dataDir := flag.String("data-dir", "", "directory of the member's data (required)")
	client := flag.String("listen-client-url", "http://127.0.0.1:2379", "address for clients")
	peer := flag.String("listen-peer-url", "http://127.0.0.1:2380", "address for peers, of which there are none")
	logFile := flag.String("log-file", "", "log file, at most 8 MB and one older file; empty: stderr")
	logLevel := flag.String("log-level", "error", "debug, info, warn or error")
	flag.Parse()
	if *dataDir == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	clientURL, err := url.Parse(*client)
	if err != nil {
		return err
	}
	peerURL, err := url.Parse(*peer)
	if err != nil {
		return err
	}

	config := embed.NewConfig()
	config.Dir = *dataDir
	config.ListenClientUrls = []url.URL{*clientURL}
	config.AdvertiseClientUrls = []url.URL{*clientURL}
	config.ListenPeerUrls = []url.URL{*peerURL}
	config.AdvertisePeerUrls = []url.URL{*peerURL}
	config.InitialCluster = config.InitialClusterFromName(config.Name)
	config.UnsafeNoFsync = true
	config.QuotaBackendBytes = 8 << 30
	config.LogLevel = *logLevel
	if *logFile != "" {
		absolute, err := filepath.Abs(*logFile)
		if err != nil {
			return err
		}
		config.LogOutputs = []string{absolute}
		config.EnableLogRotation = true
		config.LogRotationConfigJSON = `{"maxsize": 8, "maxbackups": 1}`
	}

	member, err := embed.StartEtcd(config)
	if err != nil {
		return err
	}
	defer member.Close()
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	select {
	case <-member.Server.ReadyNotify():
	case <-stop:
		return nil
	case <-time.After(startDeadline):
		return fmt.Errorf("not ready after %s", startDeadline)
	}
	select {
	case <-stop:
		return nil
	case <-member.Server.StopNotify():
		return fmt.Errorf("the server stopped by itself")
	case err := <-member.Err():
		return err
	}
}
