package courier;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DatabindException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import courier.Outcome.Result;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.springframework.kafka.annotation.KafkaListener;
import org.springframework.kafka.core.KafkaTemplate;
import org.springframework.kafka.support.SendResult;
import org.springframework.stereotype.Component;

/** Events from the source topic, outcomes to the other. */
@Component
class OrderListener {
    private final ExecutorService senders;
    private final MessageMapper mapper;
    private final MessageSender sender;
    private final KafkaTemplate<String, byte[]> outcomes;
    private final String outcomeTopic;
    private final ObjectReader events;
    private final ObjectWriter outcomeJson;

    OrderListener(ExecutorService senders, MessageMapper mapper, MessageSender sender, KafkaTemplate<String, byte[]> outcomes,
        CourierProperties properties, ObjectMapper json) {
        this.senders = senders;
        this.mapper = mapper;
        this.sender = sender;
        this.outcomes = outcomes;
        outcomeTopic = properties.outcomeTopic();
        // A reader and a writer that are made once know their types: https://github.com/FasterXML/jackson-docs/wiki/Presentation:-Jackson-Performance
        ObjectMapper snakeCase = json.copy().setPropertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE);
        events = snakeCase.readerFor(OrderCompleted.class);
        outcomeJson = snakeCase.writerFor(Outcome.class);
    }

    /** Returns when all outcomes are acknowledged; the offsets of the batch are committed after that. */
    @KafkaListener(topics = "${courier.source-topic}")
    void onEvents(List<ConsumerRecord<String, byte[]>> batch) {
        CompletableFuture.allOf(batch.stream()
            .map(source -> CompletableFuture.supplyAsync(() -> settle(source), senders).thenCompose(this::publish))
            .toArray(CompletableFuture<?>[]::new)).join();
    }

    private Outcome settle(ConsumerRecord<String, byte[]> source) {
        OrderCompleted event = null;
        Result result;
        try {
            // A tombstone has no value.
            event = source.value() == null ? null : events.readValue(source.value());
            result = event == null ? Result.withoutAnswer("invalid", "not_json") : deliver(event, Instant.ofEpochMilli(source.timestamp()));
        } catch (DatabindException | DateTimeException malformed) {
            result = Result.withoutAnswer("invalid", "event_malformed");
        } catch (MessageMapper.MissingValueException missing) {
            result = Result.withoutAnswer("invalid", "value_missing");
        } catch (IOException noJson) {
            result = Result.withoutAnswer("invalid", "not_json");
        }
        return Outcome.of(Outcome.idOf(event, source), source, result);
    }

    private Result deliver(OrderCompleted event, Instant recordedAt) {
        return mapper.wants(event)
            ? sender.send(mapper.map(event, recordedAt))
            : Result.withoutAnswer("unmatched", "no_rule");
    }

    private CompletableFuture<SendResult<String, byte[]>> publish(Outcome outcome) {
        try {
            return outcomes.send(outcomeTopic, outcome.eventId(), outcomeJson.writeValueAsBytes(outcome));
        } catch (JsonProcessingException impossible) {
            throw new UncheckedIOException(impossible);
        }
    }
}
