// A distribution of Redpanda Connect with the components that the job needs, as its documentation describes it:
// https://docs.redpanda.com/redpanda-connect/plugins/about/ and https://pkg.go.dev/github.com/redpanda-data/benthos/v4/public/service#RunCLI
package main

import (
	"context"
	"net/http"
	"os"
	"strconv"
	// Asia/Shanghai, whatever the machine has installed.
	_ "time/tzdata"

	_ "github.com/redpanda-data/benthos/v4/public/components/io"
	_ "github.com/redpanda-data/benthos/v4/public/components/pure"
	_ "github.com/redpanda-data/benthos/v4/public/components/pure/extended"
	"github.com/redpanda-data/benthos/v4/public/service"
	_ "github.com/redpanda-data/connect/v4/public/components/kafka"
)

func main() {
	keepConnections()
	service.RunCLI(context.Background())
}

// keepConnections lets as many connections stay open as there are calls under way. The http processor uses Go's default transport, which keeps
// two idle ones per host, and has no setting for it: the other calls would each make and throw away a connection. This is the one
// thing that cannot be said in the configuration.
func keepConnections() {
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return
	}
	n, err := strconv.Atoi(os.Getenv("IN_FLIGHT"))
	if err != nil || n < 1 {
		n = 512
	}
	transport.MaxIdleConns = n
	transport.MaxIdleConnsPerHost = n
}
