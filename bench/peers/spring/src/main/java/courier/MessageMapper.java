package courier;

import cn.binarywang.wx.miniapp.bean.WxMaSubscribeMessage;
import cn.binarywang.wx.miniapp.bean.WxMaSubscribeMessage.MsgData;
import cn.binarywang.wx.miniapp.constant.WxMaConstants.MiniProgramLang;
import cn.binarywang.wx.miniapp.constant.WxMaConstants.MiniProgramState;
import courier.OrderCompleted.Order;
import java.math.BigDecimal;
import java.net.URLEncoder;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.springframework.stereotype.Component;

/** The rule config/rules/order-completed.toml, by hand. */
@Component
class MessageMapper {
    private static final ZoneId ZONE = ZoneId.of("Asia/Shanghai");
    private static final DateTimeFormatter TIME = DateTimeFormatter.ofPattern("yyyy年MM月dd日 HH:mm").withZone(ZONE);
    /** WeChat: a `thing` has at most 20 characters. */
    private static final int THING_LENGTH = 20;
    private static final Pattern GRAPHEME = Pattern.compile("\\X");
    private static final Pattern CONTROL = Pattern.compile("[\\p{Cntrl}\\u2028\\u2029]");

    private final String templateId;

    MessageMapper(CourierProperties properties) {
        templateId = properties.wechat().templateId();
    }

    boolean wants(OrderCompleted event) {
        return OrderCompleted.TYPE.equals(event.type())
            && event.data() != null && event.data().amountFen() != null && event.data().amountFen() > 0;
    }

    /**
     * @param recordedAt the time of an event that brings none
     * @throws MissingValueException if the rule needs a value that is not there
     * @throws java.time.DateTimeException if the event's time is none
     */
    WxMaSubscribeMessage map(OrderCompleted event, Instant recordedAt) {
        Order order = event.data();
        String orderNo = required(order.orderNo());
        return WxMaSubscribeMessage.builder()
            .toUser(required(order.openid()))
            .templateId(templateId)
            .page("pages/order/detail?id=" + URLEncoder.encode(orderNo, StandardCharsets.UTF_8).replace("+", "%20"))
            .data(List.of(
                new MsgData("character_string1", orderNo),
                new MsgData("thing2", goods(order)),
                new MsgData("amount3", "￥" + BigDecimal.valueOf(order.amountFen(), 2).toPlainString()),
                new MsgData("time4", TIME.format(event.time() == null ? recordedAt : OffsetDateTime.parse(event.time()))),
                new MsgData("phrase5", "已完成")))
            // The builder leaves these two out, although the class has defaults for them.
            .miniprogramState(MiniProgramState.FORMAL)
            .lang(MiniProgramLang.ZH_CN)
            .build();
    }

    private static String goods(Order order) {
        if (order.items() == null || order.items().isEmpty()) {
            throw new MissingValueException();
        }
        String name = CONTROL.matcher(required(order.items().get(0).name()).strip()).replaceAll(" ");
        String count = " 等" + order.items().size() + "件";
        return cut(name, THING_LENGTH - count.length()) + count;
    }

    /** As many whole graphemes as fit. */
    private static String cut(String text, int limit) {
        if (text.length() <= limit) {
            return text;
        }
        int end = 0;
        Matcher graphemes = GRAPHEME.matcher(text);
        while (graphemes.find() && graphemes.end() <= limit) {
            end = graphemes.end();
        }
        return text.substring(0, end).stripTrailing();
    }

    private static String required(String value) {
        if (value == null || value.isEmpty()) {
            throw new MissingValueException();
        }
        return value;
    }

    static final class MissingValueException extends RuntimeException {
        private static final long serialVersionUID = 1L;
    }
}
