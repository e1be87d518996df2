// A MongoDB-compatible server for tests: FerretDB 1 on SQLite, one command at a time.
//
//	ferretdb-server -listen 127.0.0.1:27017 -folder /tmp/data
//
// FerretDB 1 finds a document and writes it in two steps, so that two clients can both win a compare-and-set; MongoDB
// promises that a write of one document is atomic. The gate in front lets one command through at a time, from whichever
// connection it comes, which makes that promise true here as well.
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

const (
	headerSize  = 16
	largest     = 48_000_000
	opMsg       = 2013
	moreToCome  = 1 << 1
	flagsOffset = headerSize
)

func main() {
	listen := flag.String("listen", "127.0.0.1:27017", "address to listen on")
	folder := flag.String("folder", "", "an existing folder for the data")
	flag.Parse()
	if err := run(*listen, *folder); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(listen, folder string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	database, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: "127.0.0.1:0"},
		Handler:   "sqlite",
		SQLiteURL: "file:" + strings.TrimSuffix(folder, "/") + "/",
		Logger:    slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- database.Run(ctx) }()
	behind, err := url.Parse(database.MongoDBURI())
	if err != nil {
		return err
	}
	front, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	context.AfterFunc(ctx, func() { front.Close() })
	var gate sync.Mutex
	for {
		client, err := front.Accept()
		if err != nil {
			break
		}
		go serve(client, behind.Host, &gate)
	}
	return <-ended
}

// serve passes one client's commands on, each when the gate is free, until either side closes.
func serve(client net.Conn, address string, gate *sync.Mutex) {
	defer client.Close()
	server, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer server.Close()
	for {
		command, err := message(client)
		if err != nil {
			return
		}
		reply, err := answered(server, command, gate)
		if err != nil {
			return
		}
		if _, err := client.Write(reply); err != nil {
			return
		}
	}
}

// answered is the reply to one command; empty for a command that wants none.
func answered(server net.Conn, command []byte, gate *sync.Mutex) ([]byte, error) {
	if !bytes.HasPrefix(body(command), []byte("hello\x00")) { // how drivers look whether the server is alive
		gate.Lock()
		defer gate.Unlock()
	}
	if _, err := server.Write(command); err != nil {
		return nil, err
	}
	if isMessage(command) && binary.LittleEndian.Uint32(command[flagsOffset:])&moreToCome != 0 {
		return nil, nil
	}
	return message(server)
}

func isMessage(command []byte) bool {
	return binary.LittleEndian.Uint32(command[12:]) == opMsg
}

// body is what follows the type of the first element of a command's document: its name, which is the command's.
func body(command []byte) []byte {
	const nameOffset = flagsOffset + 4 + 1 + 4 + 1
	if !isMessage(command) || len(command) < nameOffset {
		return nil
	}
	return command[nameOffset:]
}

// message reads one whole message of the wire protocol: its first four bytes are its length.
func message(from io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(from, size[:]); err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint32(size[:])
	if length < headerSize+4 || length > largest {
		return nil, fmt.Errorf("a message of %d bytes", length)
	}
	whole := make([]byte, length)
	copy(whole, size[:])
	_, err := io.ReadFull(from, whole[4:])
	return whole, err
}
