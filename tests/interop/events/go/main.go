// What the Go SDK of CloudEvents writes in structured mode: one line of JSON for each record. Its binding for Kafka is a module that no proxy
// of modules has.
package main

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
)

type line struct {
	SDK     string            `json:"sdk"`
	Data    string            `json:"data"`
	Mode    string            `json:"mode"`
	Headers map[string]string `json:"headers"`
	Value   string            `json:"value"`
}

func main() {
	jsonBytes := []byte(`{"openid":"o1","name":"拿铁"}`)
	var object map[string]any
	check(json.Unmarshal(jsonBytes, &object))
	cases := []struct {
		name, contentType string
		data              any
	}{
		{"object", cloudevents.ApplicationJSON, object},
		{"bytes of JSON", cloudevents.ApplicationJSON, jsonBytes},
		{"text", cloudevents.TextPlain, "12.50 拿铁"},
		{"octets", "application/octet-stream", []byte{0, 255}},
		{"none", "", nil},
	}
	out := json.NewEncoder(os.Stdout)
	out.SetEscapeHTML(false)
	for _, of := range cases {
		event := cloudevents.NewEvent()
		event.SetID("e1")
		event.SetSource("/sdk")
		event.SetType("order.completed")
		event.SetSubject("SO1")
		event.SetTime(time.Date(2026, 11, 22, 8, 30, 0, 0, time.UTC))
		event.SetExtension("tenant", "上海")
		if of.data != nil {
			check(event.SetData(of.contentType, of.data))
		}
		value, err := json.Marshal(event)
		check(err)
		headers := map[string]string{"content-type": cloudevents.ApplicationCloudEventsJSON}
		check(out.Encode(line{"go", of.name, "structured", headers, base64.StdEncoding.EncodeToString(value)}))
	}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
