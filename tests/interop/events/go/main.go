// What the Go SDK of CloudEvents hands to a Kafka producer: one line of JSON for each record.
package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"time"

	"github.com/IBM/sarama"
	"github.com/cloudevents/sdk-go/protocol/kafka_sarama/v2"
	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
)

type line struct {
	SDK     string            `json:"sdk"`
	Data    string            `json:"data"`
	Mode    string            `json:"mode"`
	Headers map[string]string `json:"headers"`
	Value   *string           `json:"value"`
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
	modes := []struct {
		name  string
		wants context.Context
	}{
		{"binary", binding.WithForceBinary(context.Background())},
		{"structured", binding.WithForceStructured(context.Background())},
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
		for _, mode := range modes {
			record := sarama.ProducerMessage{}
			check(kafka_sarama.WriteProducerMessage(mode.wants, binding.ToMessage(&event), &record))
			check(out.Encode(line{"go", of.name, mode.name, headersOf(record), valueOf(record)}))
		}
	}
}

// A map, so that the lines are the same each time: its keys are sorted, and the SDK's extensions have no order.
func headersOf(record sarama.ProducerMessage) map[string]string {
	headers := map[string]string{}
	for _, header := range record.Headers {
		headers[string(header.Key)] = string(header.Value)
	}
	return headers
}

func valueOf(record sarama.ProducerMessage) *string {
	if record.Value == nil {
		return nil
	}
	value, err := record.Value.Encode()
	check(err)
	text := base64.StdEncoding.EncodeToString(value)
	return &text
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
