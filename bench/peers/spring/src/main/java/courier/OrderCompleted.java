package courier;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import java.util.List;

/** The event, as far as the message needs it. Whatever is missing is null. */
@JsonIgnoreProperties(ignoreUnknown = true)
record OrderCompleted(String id, String type, String time, Order data) {
    static final String TYPE = "order.completed";

    @JsonIgnoreProperties(ignoreUnknown = true)
    record Order(String openid, String orderNo, Long amountFen, List<Item> items) {}

    @JsonIgnoreProperties(ignoreUnknown = true)
    record Item(String name) {}
}
