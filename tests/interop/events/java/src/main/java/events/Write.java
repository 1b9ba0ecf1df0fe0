package events;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.cloudevents.CloudEvent;
import io.cloudevents.core.builder.CloudEventBuilder;
import io.cloudevents.core.data.PojoCloudEventData;
import io.cloudevents.core.message.Encoding;
import io.cloudevents.jackson.JsonFormat;
import io.cloudevents.kafka.CloudEventSerializer;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.OffsetDateTime;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeaders;

/** What the Java SDK of CloudEvents hands to a Kafka producer: one line of JSON for each record. */
public final class Write {
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final byte[] JSON = "{\"openid\":\"o1\",\"name\":\"拿铁\"}".getBytes(StandardCharsets.UTF_8);

    public static void main(String[] arguments) throws Exception {
        Map<String, UnaryOperator<CloudEventBuilder>> data = new LinkedHashMap<>();
        data.put("object", event -> event.withData("application/json",
            PojoCloudEventData.wrap(Map.of("openid", "o1"), MAPPER::writeValueAsBytes)));
        data.put("bytes of JSON", event -> event.withData("application/json", JSON));
        data.put("bytes of JSON, no type", event -> event.withData(JSON));
        data.put("text", event -> event.withData("text/plain", "12.50 拿铁".getBytes(StandardCharsets.UTF_8)));
        data.put("octets", event -> event.withData("application/octet-stream", new byte[] {0, (byte) 255}));
        data.put("none", event -> event);
        for (var of : data.entrySet()) {
            for (Encoding mode : Encoding.values()) {
                CloudEventBuilder begun = CloudEventBuilder.v1()
                    .withId("e1").withSource(URI.create("/sdk")).withType("order.completed").withSubject("SO1")
                    .withTime(OffsetDateTime.parse("2026-11-22T08:30:00Z")).withExtension("tenant", "上海");
                print(of.getKey(), mode, of.getValue().apply(begun).build());
            }
        }
    }

    private static void print(String name, Encoding mode, CloudEvent event) throws Exception {
        byte[] value;
        RecordHeaders headers = new RecordHeaders();
        try (CloudEventSerializer serializer = new CloudEventSerializer()) {
            serializer.configure(Map.of(
                CloudEventSerializer.ENCODING_CONFIG, mode,
                CloudEventSerializer.EVENT_FORMAT_CONFIG, JsonFormat.CONTENT_TYPE), false);
            value = serializer.serialize("topic", headers, event);
        }
        ObjectNode line = MAPPER.createObjectNode();
        line.put("sdk", "java").put("data", name).put("mode", mode.name().toLowerCase());
        ObjectNode said = line.putObject("headers");
        for (Header header : headers) {
            said.put(header.key(), new String(header.value(), StandardCharsets.UTF_8));
        }
        line.put("value", value == null ? null : Base64.getEncoder().encodeToString(value));
        System.out.println(MAPPER.writeValueAsString(line));
    }

    private Write() {
    }
}
