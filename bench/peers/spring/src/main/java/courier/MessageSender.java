package courier;

import cn.binarywang.wx.miniapp.api.WxMaService;
import cn.binarywang.wx.miniapp.bean.WxMaSubscribeMessage;
import cn.binarywang.wx.miniapp.constant.WxMaApiUrlConstants.Msg;
import com.google.common.util.concurrent.RateLimiter;
import com.google.gson.JsonParseException;
import courier.Outcome.Result;
import java.util.Map;
import java.util.Set;
import me.chanjar.weixin.common.error.WxError;
import me.chanjar.weixin.common.error.WxErrorException;
import me.chanjar.weixin.common.error.WxRuntimeException;
import me.chanjar.weixin.common.util.json.GsonParser;
import org.springframework.retry.support.RetryTemplate;
import org.springframework.stereotype.Component;

/** One message to WeChat, by the thread that calls, until it is settled. */
@Component
class MessageSender {
    private static final int ATTEMPTS = 5;
    private static final long BACKOFF_MS = 500;
    private static final long BACKOFF_CAP_MS = 30_000;

    private static final Set<Integer> TOKEN_REFUSED = Set.of(40001, 40014, 42001);
    private static final Map<Integer, String> REJECTED = Map.of(
        43101, "user_refused",
        40003, "recipient_unknown",
        47003, "param_refused",
        45168, "content_refused",
        41030, "page_unknown",
        40165, "page_unknown");

    private final WxMaService wechat;
    private final RateLimiter limit;
    private final RetryTemplate retry = RetryTemplate.builder()
        .maxAttempts(ATTEMPTS)
        .exponentialBackoff(BACKOFF_MS, 2, BACKOFF_CAP_MS, true)
        .retryOn(MessageSender::isWorthAnotherTry)
        .build();

    MessageSender(WxMaService wechat, CourierProperties properties) {
        this.wechat = wechat;
        limit = properties.rate() == null ? null : RateLimiter.create(properties.rate());
    }

    Result send(WxMaSubscribeMessage message) {
        String body = message.toJson();
        try {
            return Result.sent(retry.execute(attempt -> attempt(body)));
        } catch (WxErrorException refusal) {
            return refused(refusal.getError());
        } catch (WxRuntimeException | JsonParseException lost) {
            return Result.withoutAnswer("failed", "attempts_used");
        }
    }

    /**
     * What `WxMaMsgService.sendSubscribeMsg` does, but that throws the answer away, and with it the msgid. WxJava fetches the token,
     * replaces one that is refused, and tries -1 again.
     */
    private String attempt(String body) throws WxErrorException {
        if (limit != null) {
            limit.acquire();
        }
        var msgid = GsonParser.parse(wechat.post(Msg.SUBSCRIBE_MSG_SEND_URL, body)).get("msgid");
        return msgid == null ? null : msgid.getAsString();
    }

    /** No answer, or none of WeChat's; or a token that was refused twice, because another was fetched at the same time. */
    private static boolean isWorthAnotherTry(Throwable problem) {
        if (problem instanceof WxErrorException refusal) {
            return TOKEN_REFUSED.contains(refusal.getError().getErrorCode());
        }
        return problem instanceof WxRuntimeException || problem instanceof JsonParseException;
    }

    private static Result refused(WxError error) {
        int code = error.getErrorCode();
        String text = error.getErrorMsgEn() == null ? error.getErrorMsg() : error.getErrorMsgEn();
        String reason = REJECTED.get(code);
        return reason == null
            ? Result.refused("failed", code == 50001 ? "account_fault" : "attempts_used", code, text)
            : Result.refused("rejected", reason, code, text);
    }
}
