package courier;

import com.fasterxml.jackson.annotation.JsonInclude;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/** What became of one event. Statuses and reasons are those of wx-courier (docs/outcomes.md). */
@JsonInclude(JsonInclude.Include.NON_NULL)
record Outcome(
    String eventId, String status, String reason, Integer errcode, String errmsg, String msgid, String topic, int partition, long offset) {

    /** An event without an id is named by its place. */
    static String idOf(OrderCompleted event, ConsumerRecord<?, ?> source) {
        return event != null && event.id() != null ? event.id() : source.topic() + "/" + source.partition() + "/" + source.offset();
    }

    static Outcome of(String eventId, ConsumerRecord<?, ?> source, Result result) {
        return new Outcome(eventId, result.status(), result.reason(), result.errcode(), result.errmsg(), result.msgid(),
            source.topic(), source.partition(), source.offset());
    }

    /** The part of an outcome that does not say where the event came from. */
    record Result(String status, String reason, Integer errcode, String errmsg, String msgid) {
        static Result sent(String msgid) {
            return new Result("sent", "ok", 0, null, msgid);
        }

        static Result refused(String status, String reason, int errcode, String errmsg) {
            return new Result(status, reason, errcode, errmsg, null);
        }

        static Result withoutAnswer(String status, String reason) {
            return new Result(status, reason, null, null, null);
        }
    }
}
