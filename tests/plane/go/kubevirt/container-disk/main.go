// container-disk is the process that keeps a containerDisk's container alive,
// so that virt-handler can find the disk in its file system.
//
// It exists because upstream's is a C program. The contract is theirs: with
// --no-op it exits at once; with --copy-path P it makes P's directory, listens
// on the socket P.sock, closes every connection, ends when the socket's file is
// gone, and removes that file on SIGTERM.
package main

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "container-disk:", err)
		os.Exit(1)
	}
}

func run() error {
	noop := flag.Bool("no-op", false, "exit at once: proves that the binary runs in this container")
	path := flag.String("copy-path", "", "path of the socket, without .sock")
	flag.StringVar(path, "c", "", "short for --copy-path")
	flag.Parse()
	if *noop {
		return nil
	}
	if *path == "" {
		return errors.New("--copy-path is missing")
	}
	socket := *path + ".sock"

	if err := os.Mkdir(filepath.Dir(socket), 0o777); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		return err
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	go func() {
		<-stop
		os.Remove(socket)
		os.Exit(0)
	}()

	for {
		if _, err := os.Stat(socket); err != nil {
			return nil
		}
		if err := listener.SetDeadline(time.Now().Add(time.Second)); err != nil {
			return err
		}
		connection, err := listener.Accept()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		if err != nil {
			return err
		}
		connection.Close()
	}
}
